"""What an activity said, in words that JSON has: nothing that one returns may stop the run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from enum import Enum
from typing import Any

from gameday.files import without_surrogates

DEEPEST = 100
MOST_PARTS = 1_000_000
MOST_BITS = 4_096  # of a number that Python writes out, and reads again
CUT = "…"


def plain(value: Any) -> Any:
    """The value as JSON can say it; what it cannot is text, and what has no end is cut off."""
    return _Plain().of(value)


class _Plain:
    def __init__(self) -> None:
        self.parts = 0
        self.around: set[int] = set()

    def of(self, value: Any) -> Any:
        """A part of the value. Whatever reading it raises, it is told by its type."""
        self.parts += 1
        is_too_much = self.parts > MOST_PARTS or len(self.around) >= DEEPEST or id(value) in self.around
        try:
            return CUT if is_too_much and not isinstance(value, str | int | float) else self._of(value)
        except Exception:  # noqa: BLE001 - an object of somebody else may raise anything
            return f"<{type(value).__name__}>"

    def _of(self, value: Any) -> Any:  # noqa: PLR0911 - a kind of value each
        if isinstance(value, Enum):
            return self.of(value.value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value) if value.bit_length() <= MOST_BITS else hex(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else str(value)
        if isinstance(value, bytes | bytearray):
            return value.decode(errors="replace")
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, Mapping | list | tuple | set | frozenset):
            return self._inside(value)
        return without_surrogates(str(value))

    def _inside(self, value: Any) -> Any:
        self.around.add(id(value))
        try:
            if isinstance(value, Mapping):
                # another thread may change it meanwhile
                return {self._key(key): self.of(item) for key, item in dict(value).items()}
            if isinstance(value, set | frozenset):
                return sorted(str(self.of(item)) for item in value)
            return [self.of(item) for item in list(value)]
        finally:
            self.around.discard(id(value))

    def _key(self, key: Any) -> str | int | float | bool | None:
        said = self.of(key)
        return said if said is None or isinstance(said, str | int | float) else str(said)
