"""A source's raw files as samples in order, some at a time: of all rows only their order is in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.measure.samples import (
    ROW_TYPE,
    Samples,
    Times,
    from_rows,
    merge,
    named_to,
    read_clock,
    read_names,
)
from gameday.samples import ROW

PIECE_ROWS = 1 << 20


def in_pieces(stems: list[Path], rows: int = PIECE_ROWS) -> Iterator[Samples]:
    """What `merge` makes of these files, so many rows at a time; one piece without rows when there are none.

    stems: the files' paths without `.samples`. A torn last row is left out.
    """
    files = [_File(stem.with_name(f"{stem.name}.samples"), stem) for stem in stems]
    seen = [file.looked_through(rows) for file in files]
    scheduled_ns = np.concatenate([each.scheduled_ns for each in seen])
    order = None
    if np.any(scheduled_ns[1:] < scheduled_ns[:-1]):
        order = np.argsort(scheduled_ns, kind="stable")
    total = len(scheduled_ns)
    ends = np.cumsum([len(each.scheduled_ns) for each in seen])
    most = [each.most for each in seen]
    del scheduled_ns, seen
    for begin in range(0, max(total, 1), rows):
        end = min(begin + rows, total)
        places = np.arange(begin, end) if order is None else order[begin:end]
        parts = []
        for number, file in enumerate(files):
            first = int(ends[number - 1]) if number else 0
            own = places[(places >= first) & (places < ends[number])] - first
            parts.append(file.samples(own, most[number]))
        yield merge(parts)


@dataclass(frozen=True, slots=True)
class _Seen:
    """When the rows of a file were due, on the run clock; and the highest number of a name."""

    scheduled_ns: Times
    most: int


@dataclass(frozen=True, slots=True)
class _File:
    """One recorder's file."""

    path: Path
    stem: Path

    def looked_through(self, rows: int) -> _Seen:
        count, most = self.path.stat().st_size // ROW.size, 0
        scheduled_ns = np.empty(count, dtype=np.int64)
        for begin in range(0, count, rows):
            piece = self._rows(begin, min(begin + rows, count))
            scheduled_ns[begin : begin + rows] = piece["scheduled_ns"]
            most = max(most, int(piece["series"].max()), int(piece["error"].max()))
        scheduled_ns += self._clock("offset_ns")
        return _Seen(scheduled_ns, most)

    def samples(self, places: npt.NDArray[Any], most: int) -> Samples:
        """The rows at these places; they are close together, as a recorder writes when it knows."""
        names = named_to(read_names(self.stem), most)
        first, last = (int(places.min()), int(places.max()) + 1) if len(places) else (0, 0)
        rows = self._rows(first, last)[places - first]
        samples = from_rows(rows, names, self._clock("offset_ns"))
        return replace(samples, uncertainty_ns=self._clock("uncertainty_ns"))

    def _rows(self, first: int, last: int) -> npt.NDArray[Any]:
        return np.fromfile(self.path, ROW_TYPE, last - first, offset=first * ROW.size)

    def _clock(self, name: str) -> int:
        return int(read_clock(self.stem).get(name, 0))
