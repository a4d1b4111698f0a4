"""Where an undo log lies: a book of lines to which is only appended, and each line stays.

Here it is a file. Another place has its class in a package, as an entry point of the group
`gameday.logbooks`, named by how its addresses begin: `kubernetes` for `kubernetes:drills/20261124…`. It is
called with the address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

from gameday.errors import GamedayError
from gameday.files import append, lines_of

GROUP = "gameday.logbooks"
ADDRESS = re.compile(r"([a-z][a-z0-9-]{0,30}):.+", re.DOTALL)


class Logbook(Protocol):
    """What an undo log is written in. Several processes may write to one at the same time."""

    @property
    def where(self) -> str:
        """The address by which another process opens it."""

    def append(self, line: bytes) -> None:
        """Add a line, without its end. When this returns it stays, whatever dies. Raises OSError if not."""

    def lines(self) -> Iterator[bytes]:
        """Every line, oldest first; one that was not written to its end may be among them."""


class FileBook:
    """A book in a file: a line is on disk (fsync) when `append` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def where(self) -> str:
        """The path."""
        return str(self.path)

    def append(self, line: bytes) -> None:
        """Add a line. One that a crash has left torn is closed first."""
        append(self.path, line)

    def lines(self) -> Iterator[bytes]:
        """Every line; none when there is no file yet."""
        return lines_of(self.path)


def opened(where: str) -> Logbook:
    """The book at an address: a path, or what a package offers. Raises GamedayError when none offers it."""
    address = ADDRESS.fullmatch(where)
    if address is None:
        return FileBook(Path(where))
    from gameday.experiment.plugged import entry  # only those who need it pay for it

    try:
        return cast(Logbook, entry(GROUP, address[1]).load()(where))
    except ValueError as error:
        raise GamedayError(f"the undo log {where} cannot be opened: {error}") from None
