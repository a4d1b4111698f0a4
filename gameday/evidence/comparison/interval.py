"""Two figures, each known only within bounds: whether one is less than the other for sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["better", "worse", "same", "open", "unknown"]


@dataclass(frozen=True, slots=True)
class Interval:
    """The least and the most that a figure can be; `high` may be infinite."""

    low: float
    high: float

    @classmethod
    def exactly(cls, figure: float) -> Interval:
        """A figure that is known, such as a count."""
        return cls(figure, figure)

    @classmethod
    def around(cls, figure: float, *, least: float, share: float = 0.0) -> Interval:
        """A figure that was measured once: give or take `least`, or `share` of it where that is more."""
        room = max(least, share * abs(figure))
        return cls(figure - room, figure + room)

    def __neg__(self) -> Interval:
        """For a figure of which more is better."""
        return Interval(-self.high, -self.low)


def judge(before: Interval | None, after: Interval | None) -> Outcome:
    """What became of a figure of which less is better.

    `better` and `worse` only when the intervals have no point in common. `same` is two known figures that
    are equal, `open` a difference that these two cannot show, `unknown` a figure that is missing.
    """
    if before is None or after is None:
        return "unknown"
    if before == after and before.low == before.high:
        return "same"
    if after.high < before.low:
        return "better"
    return "worse" if after.low > before.high else "open"
