"""Samples as they come in while a run goes on, a tick at a time; and what all of them so far say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from gameday.measure.figures import FOREVER_NS, outages_of
from gameday.measure.fold import Fold
from gameday.measure.plan import Plan, SliPlan
from gameday.measure.samples import ROW_TYPE, from_rows, merge
from gameday.measure.sli import judge
from gameday.measure.trail import Rows
from gameday.samples import OK, SKIPPED, TIMED_OUT
from tests.measure.second_outages import Row


@dataclass(frozen=True, slots=True)
class Known:
    """What is known at a tick. outages: impact, recovery, and when the newest bad sample since was known."""

    outages: list[tuple[int, int | None, int]]
    share: Fraction | None
    has_missed: bool


@dataclass(slots=True)
class Stream:
    """An SLI's samples as they come in, once for a fold and once for all that came."""

    fold: Fold
    plan: Plan
    parts: dict[str, list[Rows]] = field(default_factory=dict)

    @property
    def sli(self) -> SliPlan:
        return self.fold.sli

    def take(self, rows: Rows, file: str = "load.samples") -> None:
        self.parts.setdefault(file, []).append(rows)
        self.fold.take(rows, file)

    def folded(self) -> Known:
        """What the fold says."""
        outages = [(each.impact_ns, each.recovered_ns, each.until_ns) for each in self.fold.outages()]
        steadiness = self.fold.steadiness()
        return Known(outages, steadiness.share, steadiness.has_missed)

    def measured(self) -> Known:
        """What all samples so far say, by the measuring of the record."""
        parts = [from_rows(np.concatenate(rows)) for _, rows in sorted(self.parts.items())]
        goodness, steady = replace(self.sli.goodness, match=None), self.fold.steady
        judged = judge(merge(parts), goodness).between(steady[0], FOREVER_NS)
        found = outages_of(self.sli, self.plan, judged, steady)
        outages = []
        for place, outage in enumerate(found):
            end_ns = found[place + 1].impact_ns if place + 1 < len(found) else FOREVER_NS
            since = judged.between(outage.impact_ns, end_ns)
            outages.append((outage.impact_ns, outage.recovered_ns, int(since.done_ns[~since.good].max())))
        return Known(outages, judged.between(*steady).share(), bool(found))


def rows_of(rows: Sequence[Row]) -> Rows:
    """Rows in the order in which they are written."""
    made = np.zeros(len(rows), dtype=ROW_TYPE)
    for place, row in enumerate(sorted(rows, key=lambda row: row.done)):
        flags = row.ok * OK | row.timed_out * TIMED_OUT | row.skipped * SKIPPED
        made[place] = (row.scheduled, row.sent, row.done, float("nan"), 0, 0, 0, flags)
    return made


def ticks(rows: Rows, begin_ns: int, every_ns: int) -> Iterator[tuple[int, Rows]]:
    """The rows that are known at each tick since the one before."""
    done = 0
    for at_ns in range(begin_ns, int(rows["done_ns"][-1]) + every_ns, every_ns):
        known = int(np.searchsorted(rows["done_ns"], at_ns))
        yield at_ns, rows[done:known]
        done = known
