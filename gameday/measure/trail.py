"""The newest samples of an SLI while a run lasts, in the order of their schedule, however they came in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gameday.measure.samples import ROW_TYPE

Rows = npt.NDArray[np.void]
Files = npt.NDArray[np.int64]


class Trail:
    """Rows (dtype `ROW_TYPE`) of one SLI on the run clock, from one file or several.

    Samples of one moment keep the order of their files' names, and in a file that of its rows: the order in
    which they are measured after the run.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.count = 0
        self._rows: Rows = np.empty(0, dtype=ROW_TYPE)
        self._files = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return self.count

    @property
    def rows(self) -> Rows:
        """All that is kept."""
        return self._rows[: self.count]

    def add(self, rows: Rows, file: str) -> None:
        """Take rows in; costs what comes after the earliest of them."""
        if not len(rows):
            return
        if file not in self.names:
            self.names.append(file)
        self._make_room(len(rows))
        place = int(np.searchsorted(self.rows["scheduled_ns"], rows["scheduled_ns"].min()))
        numbers = np.full(len(rows), self.names.index(file))
        tail = np.concatenate((self._rows[place : self.count], rows))
        files = np.concatenate((self._files[place : self.count], numbers))
        self.count += len(rows)
        self._put(place, tail, files)

    def _make_room(self, more: int) -> None:
        """Room for more rows; it doubles, so that keeping costs what is new."""
        if self.count + more > len(self._rows):
            size = 2 * (self.count + more)
            self._rows, self._files = np.resize(self._rows, size), np.resize(self._files, size)

    def _put(self, place: int, rows: Rows, files: Files) -> None:
        """Rows from a place on, in order."""
        if len(self.names) == 1:
            order = np.argsort(rows["scheduled_ns"], kind="stable")
        else:
            ranks = np.argsort(np.argsort(self.names))
            order = np.lexsort((ranks[files], rows["scheduled_ns"]))
        self._rows[place : self.count], self._files[place : self.count] = rows[order], files[order]

    def move(self, file: str, by_ns: int) -> None:
        """Move the rows of one file in time: the clock of its recorder is known better now."""
        if file not in self.names:
            return
        rows, files = self.rows.copy(), self._files[: self.count].copy()
        is_of_file = files == self.names.index(file)
        for column in ("scheduled_ns", "sent_ns", "done_ns"):
            rows[column][is_of_file] += by_ns
        self._put(0, rows, files)

    def drop(self, before_ns: int, most: int) -> None:
        """Drop what was scheduled before a moment, but for what tells of later samples; keep `most` at most.

        That is what was still under way then, and when the recorder had last sent something.
        """
        first = int(np.searchsorted(self.rows["scheduled_ns"], before_ns))
        early = self.rows[:first]
        under_way = np.flatnonzero(early["done_ns"] >= before_ns)[-most // 8 :]
        begun = np.flatnonzero(early["sent_ns"] >= before_ns)
        sent_ns = early["sent_ns"][: begun[0] if len(begun) else first]
        newest = [int(sent_ns.argmax())] if len(sent_ns) else []
        late = np.arange(first, self.count)
        kept = np.concatenate((np.union1d(under_way, newest), late)).astype(np.int64)[-most:]
        rows, files = self.rows[kept], self._files[kept]
        self.count = len(kept)
        self._rows[: self.count], self._files[: self.count] = rows, files
