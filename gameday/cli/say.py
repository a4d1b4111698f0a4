"""The one way to a person: a line, clean of whatever else the names in it would do to a terminal."""

from __future__ import annotations

from contextlib import suppress

import click

from gameday import clean
from gameday.errors import GamedayError, InvalidInput


def say(line: object, *, err: bool = False, fg: str | None = None) -> None:
    """Print one line. err: on standard error. fg: the colour, on a terminal.

    A reader that has gone misses it, and that is all.
    """
    with suppress(OSError, ValueError):
        click.secho(clean.line(line), fg=fg, err=err)


def complain(error: GamedayError, by: str = "") -> None:
    """Print an error on standard error; each problem of an input has a line of its own. by: who says so."""
    if isinstance(error, InvalidInput):
        for problem in error.shown:
            say(problem, err=True)
    else:
        say(f"{by}{error}", err=True)
