"""Values that somebody measures, such as a replication lag: which are good, which of several is the worst."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gameday.measure.samples import Flags

COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a good value is like, such as `<` 2. NaN is no value: then nothing is known."""

    comparison: str
    limit: float

    def holds(self, values: npt.NDArray[np.float64]) -> Flags:
        """Which of these values are good; those that are none are not."""
        found: Flags = COMPARISONS[self.comparison](values, self.limit)
        return found

    def worst(self, values: Sequence[float]) -> float:
        """The value by which several stand: a bad one, if any is; NaN when one is missing and none is bad."""
        known = [value for value in values if value == value]  # noqa: PLR0124 - NaN is not itself
        bad = [value for value in known if not COMPARISONS[self.comparison](value, self.limit)]
        if not bad and len(known) < len(values):
            return float("nan")
        chosen = bad or known
        return max(chosen, key=self._badness, default=float("nan"))

    def _badness(self, value: float) -> float:
        if self.comparison in ("<", "<="):
            return value
        return -value if self.comparison in (">", ">=") else abs(value - self.limit)
