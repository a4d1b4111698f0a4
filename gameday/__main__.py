"""`python -m gameday` is the `gameday` command."""

from gameday.cli import main

if __name__ == "__main__":
    main()
