"""The newest samples of an SLI while a run lasts, in the order of their schedule, however they came in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gameday.measure.samples import ROW_TYPE

Rows = npt.NDArray[np.void]


class Trail:
    """Rows (dtype `ROW_TYPE`) of one SLI on the run clock, from one file or several.

    Samples of one moment keep the order of their files' names, and in a file that of its rows: the order in
    which they are measured after the run.
    """

    def __init__(self) -> None:
        self.rows: Rows = np.empty(0, dtype=ROW_TYPE)
        self.files = np.empty(0, dtype=np.int64)
        self.names: list[str] = []

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, rows: Rows, file: str) -> None:
        """Take rows in; costs what comes after the earliest of them."""
        if not len(rows):
            return
        if file not in self.names:
            self.names.append(file)
        place = int(np.searchsorted(self.rows["scheduled_ns"], rows["scheduled_ns"].min()))
        numbers = np.full(len(rows), self.names.index(file))
        tail = np.concatenate((self.rows[place:], rows))
        files = np.concatenate((self.files[place:], numbers))
        order = self._order(tail, files)
        self.rows = np.concatenate((self.rows[:place], tail[order]))
        self.files = np.concatenate((self.files[:place], files[order]))

    def move(self, file: str, by_ns: int) -> None:
        """Move the rows of one file in time: the clock of its recorder is known better now."""
        if file not in self.names:
            return
        is_of_file = self.files == self.names.index(file)
        for column in ("scheduled_ns", "sent_ns", "done_ns"):
            self.rows[column][is_of_file] += by_ns
        order = self._order(self.rows, self.files)
        self.rows, self.files = self.rows[order], self.files[order]

    def _order(self, rows: Rows, files: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        if len(self.names) == 1:
            return np.argsort(rows["scheduled_ns"], kind="stable")
        ranks = np.argsort(np.argsort(self.names))
        return np.lexsort((ranks[files], rows["scheduled_ns"]))

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
        late = np.arange(first, len(self.rows))
        kept = np.concatenate((np.union1d(under_way, newest), late)).astype(np.int64)[-most:]
        self.rows, self.files = self.rows[kept], self.files[kept]
