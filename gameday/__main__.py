"""`python -m gameday` is the `gameday` command."""

import sys

if not sys.flags.safe_path:  # modules in the current folder come last: a `queue.py` there is not Python's own
    sys.path.append(sys.path.pop(0))

from gameday.cli import main

if __name__ == "__main__":
    main()
