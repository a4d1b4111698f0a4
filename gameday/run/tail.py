"""One recorder's file, read as it grows: what is new, a slice at a time, and what is recent."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path

import numpy as np

from gameday import clock
from gameday.measure.samples import ROW_TYPE, read_clock
from gameday.measure.trail import Rows

# of one file's names at a time
NAMES_BYTES = 1_000_000
# recent rows of one file
MOST_RECENT = 131_072
CLOCK_COLUMNS = ("scheduled_ns", "sent_ns", "done_ns")
NOTHING = np.empty(0, dtype=ROW_TYPE)


class Names:
    """The numbers that a file has for the names that are wanted; of a long list nothing else is kept."""

    def __init__(self, path: Path, wanted: frozenset[str]) -> None:
        self.path = path
        self.numbers: dict[str, set[int]] = {name: {0} if name == "" else set() for name in wanted}
        self.size = 0
        self.newest = 0
        self.are_all_read = True

    def read_on(self) -> None:
        """Read what is new, as much as there is time for."""
        if not self.numbers:
            return
        data = read_from(self.path, self.size, NAMES_BYTES)
        self.are_all_read = len(data) < NAMES_BYTES
        whole = data.rfind(b"\n") + 1 or (0 if self.are_all_read else len(data))
        self.size += whole
        for line in data[:whole].splitlines():
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            number, name = int(entry["number"]), str(entry["name"])
        except (ValueError, KeyError, TypeError):
            return
        self.newest = max(self.newest, number)
        if name in self.numbers:
            self.numbers[name].add(number)


class Tail:
    """One recorder file. match: the names of the series that SLIs count.

    keep_ns: how long what was read stays; offset_ns: what to add to get from its recorder's clock to the run
    clock; uncertainty_ns: how far that may be off. is_behind: whether more is written than was read.
    has_dropped: whether recent rows were more than are kept.
    """

    def __init__(self, stem: Path, match: frozenset[str] = frozenset(), keep_ns: int = 0) -> None:
        self.stem = stem
        self.keep_ns = keep_ns
        self.names = Names(self._file("names"), match)
        self.reads: deque[tuple[int, Rows]] = deque()
        self.count = 0
        self.kept = 0
        self.offset_ns = self.uncertainty_ns = 0
        self.is_behind = self.has_dropped = False
        self._clock_changed: tuple[int, int] | None = None

    def _file(self, suffix: str) -> Path:
        return self.stem.with_name(f"{self.stem.name}.{suffix}")

    def move(self, stem: Path) -> None:
        """Go on with the same file in a folder of another name."""
        self.stem = stem
        self.names.path = self._file("names")

    def read_on(self, most: int) -> Rows:
        """What is new, `most` rows of it, on the recorder's own clock."""
        size = ROW_TYPE.itemsize
        data = read_from(self._file("samples"), self.count * size, most * size)
        new: Rows = np.frombuffer(data, dtype=ROW_TYPE, count=len(data) // size)
        self.is_behind = len(new) == most
        if not len(new):
            return new
        self.names.read_on()
        if not self.names.are_all_read:  # of these rows the names may be still to come
            is_named = new["series"] <= self.names.newest
            new = new if is_named.all() else new[: int(is_named.argmin())]
            self.is_behind = True
        self.count += len(new)
        self._keep(new)
        return new

    def _keep(self, new: Rows) -> None:
        now_ns = clock.now_ns()
        self.reads.append((now_ns, new))
        self.kept += len(new)
        while self.reads[0][0] < now_ns - self.keep_ns - self.uncertainty_ns:
            self._forget()
        while self.kept > MOST_RECENT and len(self.reads) > 1:
            self.has_dropped = True
            self._forget()

    def _forget(self) -> None:
        self.kept -= len(self.reads.popleft()[1])

    def read_clock(self) -> int:
        """Read its recorder's clock, if that is known better; how much later its rows are now."""
        try:
            state = self._file("clock").stat()
        except FileNotFoundError:  # a recorder on this host
            return 0
        if self._clock_changed == (state.st_mtime_ns, state.st_ino):
            return 0
        self._clock_changed = (state.st_mtime_ns, state.st_ino)
        known, before_ns = read_clock(self.stem), self.offset_ns
        self.offset_ns = int(known.get("offset_ns", 0))
        self.uncertainty_ns = int(known.get("uncertainty_ns", 0))
        return self.offset_ns - before_ns

    def on_run_clock(self, rows: Rows) -> Rows:
        """Rows moved from the recorder's clock onto the run clock."""
        if not self.offset_ns:
            return rows
        rows = rows.copy()
        for column in CLOCK_COLUMNS:
            rows[column] += self.offset_ns
        return rows

    def of_series(self, rows: Rows, match: str | None) -> Rows:
        """The rows of one series; all for None."""
        return rows if match is None else rows[np.isin(rows["series"], list(self.names.numbers[match]))]

    def recent(self, since_ns: int) -> Rows:
        """What was done since a moment, on the run clock, in the order it was written; costs what it finds.

        Nothing that was read before that moment can have been done after it.
        """
        reads = []
        for read_ns, rows in reversed(self.reads):
            if read_ns < since_ns - self.uncertainty_ns:
                break
            reads.append(rows)
        if not reads:
            return NOTHING
        rows = np.concatenate(reads[::-1])
        return self.on_run_clock(rows[rows["done_ns"] >= since_ns - self.offset_ns])


def read_from(path: Path, place: int, most: int) -> bytes:
    """What a file holds from a place on, `most` bytes of it."""
    with path.open("rb") as file:
        file.seek(place)
        return file.read(most)
