"""Outages: where an SLI missed its objective, each with bounds that hold the truth.

The definitions, with pictures, are in docs/measurement.md. Times are nanoseconds on the run clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from gameday.clock import NS_PER_S
from gameday.measure.bounds import (
    Edges,
    Limits,
    Span,
    answers_after,
    began,
    ended,
    longest_good_ns,
    sure_edges,
)
from gameday.measure.core import Core, find_core, smoothed
from gameday.measure.sli import Judged
from gameday.measure.windows import Windows


@dataclass(frozen=True, slots=True)
class Outage:
    """One outage of one SLI.

    impact_ns: the scheduled send of its first bad sample. recovered_ns: the completion of the first good
    one after it; None while the objective has not held again for the sustain period. `began` and `ended` hold
    the true moments. `bad` of `total` samples in it were bad.
    """

    impact_ns: int
    recovered_ns: int | None
    began: Span
    ended: Span | None
    bad: int
    total: int

    @property
    def seconds(self) -> float | None:
        """From the send of the first bad request to the completion of the first good one."""
        return None if self.recovered_ns is None else (self.recovered_ns - self.impact_ns) / NS_PER_S

    @property
    def low_s(self) -> float | None:
        """The shortest that the outage can have been."""
        return None if self.ended is None else max(0, self.ended.low_ns - self.began.high_ns) / NS_PER_S

    @property
    def high_s(self) -> float | None:
        """The longest that the outage can have been."""
        return None if self.ended is None else (self.ended.high_ns - self.began.low_ns) / NS_PER_S

    def earlier(self, lag_ns: int) -> Outage:
        """The same, where all that is known was so up to `lag_ns` before it was read."""
        if not lag_ns:
            return self
        ends = None if self.ended is None else Span(self.ended.low_ns - lag_ns, self.ended.high_ns)
        return replace(self, began=Span(self.began.low_ns - lag_ns, self.began.high_ns), ended=ends)

    def is_over_by(self, at_ns: int) -> bool:
        """Whether service was back before a moment, and stayed so."""
        return self.recovered_ns is not None and self.recovered_ns < at_ns

    def surely_began_before(self, at_ns: int) -> bool:
        """Whether service was away before a moment, whatever lies between two samples."""
        return self.began.high_ns < at_ns


@dataclass(frozen=True, slots=True)
class Criteria:
    """How outages are found.

    objective: the share of good samples that each trailing window of `window_ns` must reach. sustain_ns: how
    long it must hold again. longest_good_ns: `L`, the longest good latency of the baseline; the one
    assumption is that a live service answers within it. period_ns: the probe's period, None for a closed
    loop, whose widest gap is taken instead. steady_bad of steady_total samples of the baseline were bad.
    """

    objective: Fraction
    window_ns: int
    sustain_ns: int
    longest_good_ns: int
    period_ns: int | None = None
    steady_bad: int = 0
    steady_total: int = 0

    @property
    def steady(self) -> Fraction:
        """The share of bad samples in the steady state: no more than the objective bears, so 0 for 100 %."""
        return min(smoothed(self.steady_bad, self.steady_total), 1 - self.objective)


def find_outages(judged: Judged, criteria: Criteria) -> list[Outage]:
    """Every outage in the samples, in order; linear in the number of samples."""
    if not len(judged):
        return []
    search = Search(judged, criteria, Windows.of(judged, criteria.objective, criteria.window_ns))
    return [_outage(search, found) for found in search.outages()]


@dataclass(frozen=True, slots=True)
class Found:
    """An outage as indices of samples.

    floor: where it may have begun at the earliest. miss: the first sample whose window misses. back: the
    first good sample after the core; None when the objective was not seen to hold for the sustain period.
    """

    floor: int
    miss: int
    core: Core
    back: int | None


@dataclass(frozen=True, slots=True)
class Search:
    """The search for the outages of an SLI."""

    judged: Judged
    criteria: Criteria
    windows: Windows

    def outages(self, floor: int = 0) -> Iterator[Found]:
        """Each outage, in order, in the samples from `floor` on."""
        miss = self.windows.first_miss(floor)
        while miss is not None:
            core, back, next_miss = self.grown(self.core(miss, floor))
            yield Found(floor, miss, core, back)
            if back is None:
                return
            floor, miss = back, next_miss

    def grown(self, core: Core) -> tuple[Core, int | None, int | None]:
        """A core with its relapses, the first good sample after it, and the next window that misses."""
        while True:
            back = self.next_good(int(self.windows.bad[core.last]) + 1)
            if back is None:
                return core, None, None
            miss = self.windows.first_miss(back)
            if miss is None or miss >= self.sustained(back):
                since_ns = int(self.judged.scheduled_ns[back])
                return core, back if self.has_lasted(since_ns) else None, miss
            relapse = self.core(miss, back)
            core = Core(core.first, relapse.last, max(core.settled_ns, relapse.settled_ns))

    def core(self, miss: int, floor: int) -> Core:
        """The core of the outage that shows at the window of a sample."""
        return find_core(self.windows, miss, floor, self.criteria.steady, self.criteria.sustain_ns)

    def sustained(self, back: int) -> int:
        """The end of the sustain period that begins at a sample."""
        until_ns = self.judged.scheduled_ns[back] + self.criteria.sustain_ns
        return int(np.searchsorted(self.judged.scheduled_ns, until_ns, side="right"))

    def has_lasted(self, since_ns: int) -> bool:
        """Whether samples were seen for a whole sustain period since a moment."""
        until_ns = since_ns + self.criteria.sustain_ns
        return bool(self.judged.scheduled_ns[-1] >= until_ns - (self.criteria.period_ns or 0))

    def next_good(self, index: int) -> int | None:
        """The first good sample from an index on."""
        good = self.judged.good[index:]  # any and argmax look no further than the first one
        return index + int(good.argmax()) if good.any() else None

    def answered_ns(self, back: int) -> int:
        """When the first good answer to a good sample, or to a later one, was complete."""
        return int(answers_after(self.judged, back, self.sustained(back))[0])


def _outage(search: Search, found: Found) -> Outage:
    """An outage with its bounds."""
    judged, criteria, core, back = search.judged, search.criteria, found.core, found.back
    first, last = int(search.windows.bad[core.first]), int(search.windows.bad[core.last])
    sure = sure_edges(search.windows, core, criteria.steady)
    sustained = len(judged) if back is None else search.sustained(back)
    edges = Edges(found.floor, first, last, *sure, sustained)
    recovered_ns = None if back is None else search.answered_ns(back)
    longest_ns = longest_good_ns(judged, criteria.longest_good_ns, first, recovered_ns)
    limits = Limits(longest_ns, criteria.period_ns, criteria.steady)
    return Outage(
        impact_ns=int(judged.scheduled_ns[first]),
        recovered_ns=recovered_ns,
        began=began(judged, edges, limits),
        ended=None if back is None else ended(judged, edges, back, limits),
        bad=core.last - core.first + 1,
        total=last - first + 1,
    )
