"""Whether the steady state holds before anything is broken: no window of an SLI missed its objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from gameday.measure.plan import SliPlan
from gameday.units import percent


@dataclass(frozen=True, slots=True)
class Steadiness:
    """An SLI since the start of the baseline: its good share, None without samples; if a window missed."""

    sli: SliPlan
    share: Fraction | None
    has_missed: bool


def trouble(slis: Sequence[Steadiness]) -> str | None:
    """Why the steady state does not hold; None when it does."""
    for each in slis:
        if each.share is None:
            return f"'{each.sli.name}' has no samples in the baseline"
        if each.has_missed:
            return (
                f"'{each.sli.name}' missed its objective before the method: it was at {percent(each.share)}, "
                f"objective {each.sli.objective}"
            )
    return None
