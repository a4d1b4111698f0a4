"""The filter of a run's logs: `python filter.py SECRETS LOG`; SECRETS is a descriptor with `known` as JSON.

It cleans standard input into a log, line by line, until everybody who writes has gone. A line waits only
while the next one may be the rest of a secret.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator

if __name__ == "__main__":
    # behind the standard library, so that nothing here can stand for a part of it
    sys.path.append(__file__.rsplit("/", 3)[0])

from gameday.redact.known import LONGEST_END, LONGEST_TEXT, left_out
from gameday.redact.looks import Looks
from gameday.redact.redactor import Redactor

AT_ONCE = 65_536
MOST_WAITING = 100  # lines


class Cleaned:
    """Text that is cleaned as it comes."""

    def __init__(self, redactor: Redactor) -> None:
        self._known = redactor.known
        self._looks = Looks()
        self._waiting: list[str] = []
        self._end = ""
        self._left = bytearray()
        self._dropped = 0

    def take(self, piece: bytes) -> Iterator[str]:
        """What can be shown now that more has come."""
        *lines, rest = piece.split(b"\n")
        for line in lines:
            self._keep(line)
            yield from self._take_line(self._line() + "\n")
        self._keep(rest)

    def end(self) -> Iterator[str]:
        """What is left."""
        self._waiting.append(self._line())
        yield from self._shown()

    def _keep(self, rest: bytes) -> None:
        """Keep what has come of a line, but no more than can be looked through."""
        kept = rest[: max(0, self._known.enough - len(self._left))]
        self._left += kept
        self._dropped += len(rest) - len(kept)

    def _line(self) -> str:
        """What was kept of a line."""
        line, dropped = self._left.decode(errors="surrogateescape"), self._dropped
        self._left.clear()
        self._dropped = 0
        if len(line) <= LONGEST_TEXT and not dropped:
            return line
        end = self._known.may_be_cut_at(line)
        return line[:end] + left_out(len(line) - end + dropped)

    def _take_line(self, line: str) -> Iterator[str]:
        self._waiting.append(line)
        self._end = self._end[-LONGEST_END:] + line[-LONGEST_END:]
        if len(self._waiting) >= MOST_WAITING or not self._known.may_go_on(self._end):
            yield from self._shown()

    def _shown(self) -> Iterator[str]:
        text = self._known.taken_out("".join(self._waiting))
        self._waiting.clear()
        self._end = ""
        yield from map(self._looks.line, text.splitlines(keepends=True))


def main() -> None:
    """Clean standard input into a log."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with os.fdopen(int(sys.argv[1])) as secrets:
        cleaned = Cleaned(Redactor(**json.load(secrets)))
    log = _opened(sys.argv[2])
    while piece := os.read(0, AT_ONCE):
        _write(log, cleaned.take(piece))
    _write(log, cleaned.end())


def _opened(log: str) -> int:
    """The log to append to. Nowhere, when the disk takes none: whoever prints must go on all the same."""
    try:
        return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _write(log: int, lines: Iterator[str]) -> None:
    text = "".join(lines).encode(errors="surrogateescape")
    with contextlib.suppress(OSError):  # a full disk must not stop whoever prints
        if os.fstat(
            log
        ).st_nlink:  # a log that has been sealed has another file in its place: nobody reads this one
            os.write(log, text)


if __name__ == "__main__":
    main()
