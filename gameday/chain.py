"""A file of JSON lines in which every line names the digest of all that stands before it.

A line that is changed, dropped, added or moved shows at the next one. What follows the last line is not
covered: whoever seals the file keeps its digest and its length.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gameday.files import append_line

LINK = "chain"

Finish = Callable[[dict[str, Any]], dict[str, Any]]


class Chain:
    """Appends to such a file. One writer at a time; another may go on where it ended.

    before: what the first line follows, such as a seal.
    """

    def __init__(self, path: Path, before: bytes = b"") -> None:
        self.path = path
        self._hash = hashlib.sha256(before)
        self._read = 0
        self._is_torn = False

    def append(self, entry: dict[str, Any], finish: Finish = lambda linked: linked) -> dict[str, Any]:
        """Append one line and wait until it is on disk; returns it. `finish` may add to it once it is linked.

        Raises OSError when the disk takes no more.
        """
        self._catch_up()
        link = self._hash.copy()
        if self._is_torn:  # append_line closes a torn line first
            link.update(b"\n")
        line = finish({**entry, LINK: link.hexdigest()})
        append_line(self.path, line)
        return line

    def _catch_up(self) -> None:
        """Take in what the file has got since: also what a crash left torn, or another writer wrote."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                new = file.read()
        except FileNotFoundError:
            return
        self._hash.update(new)
        self._read += len(new)
        if new:
            self._is_torn = not new.endswith(b"\n")


def first_broken(data: bytes, before: bytes = b"") -> int | None:
    """The number (from 1) of the first line that does not follow from what stands before it; None if all do.

    A line that a crash left torn is no break: the next one follows from it as it is.
    """
    seen = hashlib.sha256(before)
    for number, line in enumerate(data.split(b"\n"), 1):
        try:
            entry = (
                json.loads(line) if line.lstrip()[:1] == b"{" else None
            )  # a million empty ones cost nothing
        except (ValueError, RecursionError):
            entry = None
        if isinstance(entry, dict) and entry.get(LINK) != seen.hexdigest():
            return number
        seen.update(line + b"\n")
    return None
