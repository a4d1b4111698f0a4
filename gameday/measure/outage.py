"""Outages: where an SLI missed its objective, each with bounds that hold the truth.

The definitions, with pictures, are in docs/measurement.md. Times are nanoseconds on the run clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from gameday.clock import NS_PER_S
from gameday.measure.samples import Times
from gameday.measure.sli import Judged, balance, window_starts

# how likely a partial outage may hide behind good samples at each of its ends
HIDDEN = 0.001
# fewer bad samples than this cannot tell a whole outage from a partial one
FEW = 3
# how far around an outage the host's slowness counts
NEARBY_NS = 2 * NS_PER_S
# samples looked at in one go when searching forward, so that a search costs what it finds
STEP = 1024


@dataclass(frozen=True, slots=True)
class Span:
    """A moment known to lie in [low, high]."""

    low_ns: int
    high_ns: int


@dataclass(frozen=True, slots=True)
class Outage:
    """One outage of one SLI.

    impact_ns: the scheduled send of the first bad sample. recovered_ns: the completion of the first good
    one from which the objective held; None while it has not. `began` and `ended` hold the true moments.
    `bad` of `total` samples in it were bad.
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


@dataclass(frozen=True, slots=True)
class Rules:
    """How outages are found.

    objective: the share of good samples each trailing window of `window_ns` must reach. sustain_ns: how
    long it must hold again. longest_good_ns: `L`, the longest good latency of the baseline; the one
    assumption is that a live service answers within it. period_ns: the probe's period, None for a closed
    loop, whose widest gap is taken instead.
    """

    objective: Fraction
    window_ns: int
    sustain_ns: int
    longest_good_ns: int
    period_ns: int | None = None


def find_outages(judged: Judged, rules: Rules) -> list[Outage]:
    """Every outage in the samples, in order; linear in the number of samples."""
    windows = _Windows.of(judged, rules)
    return [_outage(judged, rules, first, back) for first, back in windows.stretches()]


@dataclass(frozen=True, slots=True)
class _Windows:
    """The trailing windows of an SLI: which of them miss the objective, and where that begins and ends.

    sums: prefix sums of `balance`. starts: each window's first sample. misses: the samples whose window
    misses. bad: the bad samples. All are indices into the judged samples.
    """

    judged: Judged
    rules: Rules
    sums: Times
    starts: Times
    misses: Times
    bad: Times

    @classmethod
    def of(cls, judged: Judged, rules: Rules) -> _Windows:
        sums = balance(judged.good, rules.objective)
        starts = window_starts(judged.scheduled_ns, rules.window_ns)
        misses = np.flatnonzero(sums[1:] < sums[starts])
        return cls(judged, rules, sums, starts, misses, np.flatnonzero(~judged.good))

    def stretches(self) -> Iterator[tuple[int, int | None]]:
        """Pairs (first bad sample, first good sample of the recovery, None if none is sustained)."""
        floor = 0
        while (miss := self._first_miss(floor)) is not None:
            first_bad = np.searchsorted(self.bad, max(int(self.starts[miss]), floor))
            last_bad = np.searchsorted(self.bad, miss, side="right") - 1
            back = self._recovery(int(self.bad[last_bad]) + 1)
            yield int(self.bad[first_bad]), back
            if back is None:
                return
            floor = back

    def _first_miss(self, floor: int) -> int | None:
        """The first sample from `floor` on whose window, cut off at `floor`, misses."""
        whole = int(np.searchsorted(self.starts, floor))  # from here on windows need no cut
        cut = np.flatnonzero(self.sums[floor + 1 : whole + 1] < self.sums[floor])
        if len(cut):
            return floor + int(cut[0])
        later = self.misses[np.searchsorted(self.misses, max(whole, floor)) :]
        return int(later[0]) if len(later) else None

    def _recovery(self, after: int) -> int | None:
        """The first good sample at or after `after` from which the objective holds for the sustain period."""
        times = self.judged.scheduled_ns
        candidate = self._next_good(after)
        while candidate is not None:
            sustained_until_ns = times[candidate] + self.rules.sustain_ns
            last = int(np.searchsorted(times, sustained_until_ns, side="right"))
            relapse = self._missed_window(candidate, last)
            if relapse is None:
                relapse = self._relapse(candidate, last)
            if relapse is None:
                is_seen_whole = times[-1] >= sustained_until_ns - (self.rules.period_ns or 0)
                return candidate if is_seen_whole else None
            candidate = self._next_good(self._after_next_bad(relapse))
        return None

    def _missed_window(self, start: int, last: int) -> int | None:
        """The start of the last whole window in [start, last) that misses: no recovery begins before it."""
        times = self.judged.scheduled_ns
        whole = int(np.searchsorted(times, times[start] + self.rules.window_ns))
        position = int(np.searchsorted(self.misses, last)) - 1
        is_missed = position >= 0 and self.misses[position] >= whole
        return int(self.starts[self.misses[position]]) if is_missed else None

    def _relapse(self, start: int, last: int) -> int | None:
        """The first sample whose window, cut off at `start`, misses the objective while it is not whole."""
        times = self.judged.scheduled_ns
        whole = int(np.searchsorted(times, times[start] + self.rules.window_ns))
        for begin in range(start, min(last, whole), STEP):
            end = min(begin + STEP, last, whole)
            below = np.flatnonzero(self.sums[begin + 1 : end + 1] < self.sums[start])
            if len(below):
                return begin + int(below[0])
        return None

    def _next_good(self, index: int) -> int | None:
        for begin in range(index, len(self.judged), STEP):
            found = np.flatnonzero(self.judged.good[begin : begin + STEP])
            if len(found):
                return begin + int(found[0])
        return None

    def _after_next_bad(self, index: int) -> int:
        """The index after the bad sample at or after `index`."""
        position = int(np.searchsorted(self.bad, index))
        return int(self.bad[position]) + 1 if position < len(self.bad) else index + 1


def _outage(judged: Judged, rules: Rules, first: int, back: int | None) -> Outage:
    end = len(judged) if back is None else back
    bad = first + np.flatnonzero(~judged.good[first:end])
    last = int(bad[-1])
    neighbours = _neighbours(len(bad), last - first + 1)
    rules = replace(rules, longest_good_ns=_longest_good_ns(judged, rules, first, back))
    began = _began(judged, rules, first, neighbours)
    if back is None:
        return Outage(int(judged.scheduled_ns[first]), None, began, None, len(bad), end - first)
    answers = _answers_after(judged, back, neighbours)
    ended = _ended(judged, rules, bad, back, answers)
    return Outage(
        impact_ns=int(judged.scheduled_ns[first]),
        recovered_ns=int(answers[0]),
        began=began,
        ended=ended,
        bad=len(bad),
        total=last - first + 1,
    )


def _longest_good_ns(judged: Judged, rules: Rules, first: int, back: int | None) -> int:
    """`L` at this outage: that of the baseline, or what was slower close by.

    A host that was busy around the outage answered slowly then, whatever it did in the baseline; a recorder
    that was held up sent late, and took notice of answers as late.
    """
    began_ns = int(judged.scheduled_ns[first])
    found = [
        rules.longest_good_ns,
        judged.between(began_ns - NEARBY_NS, began_ns).longest_good_latency_ns(),
        judged.between(began_ns, began_ns + NEARBY_NS).longest_delay_ns(),
    ]
    if back is not None:
        # requests sent before the first answer may have waited for the service to come back
        back_ns = int(judged.done_ns[back])
        found.append(judged.between(back_ns - NEARBY_NS, back_ns).longest_delay_ns())
        found.append(judged.between(back_ns, back_ns + NEARBY_NS).longest_good_latency_ns())
    return max(found)


def _neighbours(bad: int, total: int) -> int:
    """How many good samples beside an outage may belong to it.

    One where every sample inside failed. In a partial outage good answers are luck, so an end can hide
    behind a row of them: as many as have a chance of 0.1 % together.
    """
    if bad == total and bad >= FEW:
        return 1
    inner_bad, inner = max(bad - 2, 0), max(total - 2, 0)
    rate_of_bad = (inner_bad + 1) / (inner + 2)
    return max(1, math.ceil(math.log(HIDDEN) / math.log(1 - rate_of_bad)))


def _began(judged: Judged, rules: Rules, first: int, neighbours: int) -> Span:
    """A good answer was served at or after its send; a failure happened at or before it was known.

    A late sample only shows that nobody answered within `L` of its send, so there the assumption is needed.
    """
    good = _good_before(judged, first, neighbours)
    low_ns = int(judged.sent_ns[good]) if good is not None else int(judged.sent_ns[0])
    high_ns = int(judged.done_ns[first])
    if judged.late[first]:
        high_ns = min(high_ns, int(judged.sent_ns[first]) + rules.longest_good_ns)
    return Span(low_ns - judged.uncertainty_ns, high_ns + judged.uncertainty_ns)


def _good_before(judged: Judged, index: int, count: int) -> int | None:
    """The `count`-th good sample before `index`, the earliest there is when there are fewer."""
    begin = index
    found: Times = np.empty(0, dtype=np.int64)
    while begin > 0 and len(found) < count:
        begin = max(0, begin - max(STEP, 2 * count))
        found = begin + np.flatnonzero(judged.good[begin:index])
    if not len(found):
        return None
    return int(found[-min(count, len(found))])


def _answers_after(judged: Judged, back: int, neighbours: int) -> Times:
    """When good answers came after the outage: the first, and as many more as may still belong to it."""
    horizon_ns = judged.done_ns[back]
    enough = back + STEP + 4 * neighbours
    overlapping = int(np.searchsorted(judged.scheduled_ns, horizon_ns, side="right"))
    end = max(enough, overlapping)
    done = np.sort(judged.done_ns[back:end][judged.good[back:end]])
    return done[:neighbours]


def _ended(judged: Judged, rules: Rules, bad: Times, back: int, answers: Times) -> Span:
    """The last failed send was still inside; the first answers were outside.

    A frozen service answers what waits when it thaws, so its late samples end one timeout early by their
    sends. Their completions say when it came back: no earlier than a period and `L` before the first answer.
    """
    low_ns = int(judged.sent_ns[bad[-1]])
    late = bad[judged.late[bad]]
    if len(late):
        period_ns = rules.period_ns
        if period_ns is None:
            period_ns = int(np.diff(judged.scheduled_ns[bad[0] : back + 1]).max())
        last_late_ns = int(judged.done_ns[late].max())
        first_answer_ns = min(int(answers[0]), _first_late_answer(judged, late))
        low_ns = max(low_ns, min(last_late_ns, first_answer_ns) - (period_ns + rules.longest_good_ns))
    return Span(low_ns - judged.uncertainty_ns, int(answers[-1]) + judged.uncertainty_ns)


def _first_late_answer(judged: Judged, late: Times) -> int:
    """The first late answer after the last timeout; far in the future when every late sample timed out."""
    done = judged.done_ns[late]
    timed_out = judged.timed_out[late]
    last_timeout_ns = done[timed_out].max() if timed_out.any() else np.iinfo(np.int64).min
    answered = done[~timed_out & (done > last_timeout_ns)]
    return int(answered.min()) if len(answered) else int(np.iinfo(np.int64).max)
