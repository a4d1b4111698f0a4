"""A column of known length, filled from its beginning; while it holds one value it takes no room."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class Column:
    """`count` values of a kind, such as `np.int64`."""

    def __init__(self, count: int, kind: Any) -> None:
        self.kind = np.dtype(kind)
        # one value as if it were many: not to be written to
        self._values = np.broadcast_to(np.zeros((), dtype=self.kind), count)
        self._is_one_value = True
        self._filled = 0

    def add(self, values: npt.NDArray[Any]) -> None:
        """The next values. Raises ValueError when there are more than the column has room for."""
        values = values.astype(self.kind, copy=False)
        if not len(values):
            return
        if self._filled == 0:
            self._values = np.broadcast_to(values[0].copy(), len(self._values))
        if self._is_one_value and not _are_all(values, self._values[0]):
            self._take_room()
        end = self._filled + len(values)
        if end > len(self._values):
            raise ValueError(f"{end} values are more than the {len(self._values)} that were counted")
        if not self._is_one_value:
            self._values[self._filled : end] = values
        self._filled = end

    def _take_room(self) -> None:
        one_value, self._values = self._values, np.empty(len(self._values), dtype=self.kind)
        self._values[: self._filled] = one_value[: self._filled]
        self._is_one_value = False

    def whole(self) -> npt.NDArray[Any]:
        """All values, once the column is full; not to be written to."""
        return self._values


def _are_all(values: npt.NDArray[Any], value: Any) -> bool:
    """Whether all are one value, by its bits: no NaN equals another."""
    bits = values.view(f"u{values.dtype.itemsize}")
    wanted = np.asarray(value, dtype=values.dtype).view(bits.dtype)
    return bool(bits[-1] == wanted) and bool((bits == wanted).all())
