"""A second reading of docs/measurement.md, from samples to outages, by brute force.

Plain integers and fractions. It shares nothing with `gameday.measure` but the plan and the history that go
in. Times are nanoseconds on the run clock.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from gameday.measure.history import History
from gameday.measure.plan import Plan, SliPlan

S = 1_000_000_000
MS = 1_000_000
HALF = Fraction(1, 2)
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Row:
    """One sample as its recorder wrote it."""

    scheduled: int
    sent: int
    done: int
    ok: bool = True
    timed_out: bool = False
    skipped: bool = False
    series: str = ""


@dataclass(frozen=True, slots=True)
class Outage:
    """An outage of one SLI; `recovered` and `ended` are None for one that has no end."""

    impact: int
    recovered: int | None
    began: Pair
    ended: Pair | None
    bad: int
    total: int


@dataclass(frozen=True, slots=True)
class Known:
    """A sample that says something of the service."""

    scheduled: int
    sent: int
    done: int
    bad: bool
    timed_out: bool
    late: bool


def held_up(rows: list[Row]) -> list[Pair]:
    """When a prober was held up: from a due probe, or the last send or skip if later, to the next one."""
    sends = sorted((row.sent, row.scheduled) for row in rows)
    spans = []
    last = None
    for sent, due in sends:
        begin = due if last is None else max(due, last)
        if sent - begin > 10 * MS:
            spans.append((begin, sent))
        last = sent
    return spans


def longest_overlap(spans: list[Pair], low: int, high: int) -> int:
    """The longest piece of [low, high] that lies in one of the spans."""
    return max((min(high, end) - max(low, begin) for begin, end in spans), default=0)


def is_in_time(sli: SliPlan, latency: Fraction | int) -> bool:
    """Whether a right answer after so long is good."""
    if sli.good is None:
        return True
    limit = round(sli.good * S)
    return latency <= limit if sli.limit_is_good else latency < limit


def to_blame(rows: list[Row], baseline: Pair) -> list[Row]:
    """The skipped rows for which the service is to blame: one that was sent failed then, or took long."""
    sent = [row for row in rows if not row.skipped]
    right = [r.done - r.sent for r in sent if r.ok and baseline[0] <= r.scheduled < baseline[1]]
    failing = [(r.sent, r.done) for r in sent if not r.ok or (right and r.done - r.sent > 2 * max(right))]
    soon = [row for row in rows if row.skipped and row.done - row.scheduled <= S // 2]
    return [row for row in soon if any(a <= row.done and b >= row.scheduled for a, b in failing)]


def sort_out(sli: SliPlan, rows: list[Row], baseline: Pair) -> tuple[list[Known], list[Row]]:
    """The samples of an SLI that are known, and those that say nothing of the service."""
    spans = held_up(rows) if sli.source == "probe" else []
    blamed = to_blame([row for row in rows if sli.match in (None, row.series)], baseline)
    known, unknown = [], []
    for row in rows:
        if sli.match is not None and row.series != sli.match:
            continue
        latency = row.done - row.scheduled
        waited = max(0, longest_overlap(spans, row.sent, row.done))
        is_good = row.ok and is_in_time(sli, latency)
        is_recorders = (
            row.ok and not is_good and is_in_time(sli, latency - (row.sent - row.scheduled) - waited)
        )
        is_unseen = row.timed_out and 2 * waited > row.done - row.sent
        if row in blamed:
            known.append(Known(row.scheduled, row.scheduled, row.done, bad=True, timed_out=False, late=False))
        elif row.skipped or is_recorders or is_unseen:
            unknown.append(row)
        else:
            late = row.timed_out or (row.ok and not is_good)
            known.append(Known(row.scheduled, row.sent, row.done, not is_good, row.timed_out, late))
    return known, unknown


@dataclass(frozen=True, slots=True)
class Core:
    """The first and the last bad sample of a core."""

    first: int
    last: int


class Search:
    """The search for the outages of one SLI."""

    def __init__(
        self,
        sli: SliPlan,
        plan: Plan,
        history: History,
        known: list[Known],
        rows: list[Row],
        uncertainty: int,
    ) -> None:
        self.samples = known
        self.sends = [row for row in rows if not row.skipped and sli.match in (None, row.series)]
        self.uncertainty = uncertainty
        self.at = [sample.scheduled for sample in self.samples]
        self.objective = sli.share
        self.window = sli.window_ns
        self.sustain = plan.sustain_ns
        begin, end = history.phases["baseline"]
        baseline = [sample for sample in known if begin <= sample.scheduled < end]
        errors = sum(sample.bad for sample in baseline)
        self.steady = min((errors + HALF) / (len(baseline) + 1), 1 - self.objective)
        self.whole = sum(sample.scheduled < self.at[0] + self.window for sample in self.samples)
        self.longest = max((s.done - s.scheduled for s in baseline if not s.bad), default=0)
        self.period = sli.period_ns

    def gap(self, first: int, back: int) -> int:
        """`p`: the probe's period; a closed loop has none, and its widest gap in the outage stands for it."""
        if self.period is not None:
            return self.period
        return max(later - sooner for sooner, later in pairwise(self.at[first : back + 1]))

    def window_of(self, index: int) -> range:
        """The samples scheduled in (t - window, t]."""
        at = self.at[index]
        return range(bisect_right(self.at, at - self.window), bisect_right(self.at, at))

    def misses(self, index: int, floor: int) -> bool:
        """Whether the window of a sample misses, where every sample before `floor` is taken for good."""
        window = self.window_of(index)
        bad = sum(self.samples[i].bad for i in window if i >= floor)
        total = len(window)
        if self.at[index] - self.at[0] < self.window:
            total = max(total, self.whole)
        return Fraction(total - bad, total) < self.objective

    def next_miss(self, begin: int, floor: int, until: int | None = None) -> int | None:
        """The first sample from `begin` on, scheduled at `until` or earlier, whose window misses."""
        for index in range(begin, len(self.samples)):
            if until is not None and self.at[index] > until:
                return None
            if self.misses(index, floor):
                return index
        return None

    def outages(self) -> list[Outage]:
        """Every outage, in order."""
        found: list[Outage] = []
        floor = 0
        while (miss := self.next_miss(floor, floor)) is not None:
            cores = [self.core(miss, floor)]
            while True:
                back = self.next_good(cores[-1].last + 1)
                relapse = None
                if back is not None:
                    relapse = self.next_miss(back + 1, back, self.at[back] + self.sustain)
                if back is None or relapse is None:
                    break
                cores.append(self.core(relapse, back))
            if back is not None and self.at[-1] < self.at[back] + self.sustain - (self.period or 0):
                back = None
            found.append(self.outage(cores, floor, back))
            if back is None:
                break
            floor = back
        return found

    def next_good(self, begin: int) -> int | None:
        """The first good sample from `begin` on."""
        return next((i for i in range(begin, len(self.samples)) if not self.samples[i].bad), None)

    def first_answer(self, back: int) -> int:
        """The completion of the first good answer to a sample scheduled when service was back, or later."""
        return min(sample.done for sample in self.samples[back:] if not sample.bad)

    def core(self, miss: int, floor: int) -> Core:
        """The stretch that the outage explains best whose window misses at `miss`."""
        in_window = [i for i in self.window_of(miss) if i >= floor and self.samples[i].bad]
        first, last = in_window[0], in_window[-1]
        known: Core | None = None
        for _ in range(8):
            inside = (self.bad(first, last) + HALF) / (last - first + 1 + 1)
            core = self.best(miss, in_window[0], self.weights(inside))
            if core == known:
                return core
            known, first, last = core, core.first, core.last
        assert known is not None
        return known

    def bad(self, first: int, last: int) -> int:
        """How many samples of a stretch are bad."""
        return sum(sample.bad for sample in self.samples[first : last + 1])

    def weights(self, inside: Fraction) -> Pair | None:
        """What a bad and a good sample weigh, in multiples of 2^-20; None where nothing is cut."""
        steady = self.steady
        if steady == 0 or inside <= steady:
            return None
        return (
            round(math.log(inside / steady) * 2**20),
            round(math.log((1 - steady) / (1 - inside)) * 2**20),
        )

    def best(self, miss: int, begin: int, weights: Pair | None) -> Core:
        """The stretch with the highest score, from sample `begin` on."""
        bad_weighs, good_weighs = weights or (1, 0)
        highest: tuple[int, int, int] | None = None  # score, last, -first
        up_to_miss: tuple[int, int, int] | None = None
        for last in range(begin, len(self.samples)):
            if highest is not None:
                since = max(self.at[highest[1]], self.at[miss])
                if self.at[last] > since + self.sustain:
                    break
            if not self.samples[last].bad:
                continue
            score = 0
            for first in range(last, begin - 1, -1):
                score += bad_weighs if self.samples[first].bad else -good_weighs
                if self.samples[first].bad:
                    stretch = (score, last, -first)
                    highest = stretch if highest is None else max(highest, stretch)
                    if self.at[last] <= self.at[miss]:
                        up_to_miss = stretch if up_to_miss is None else max(up_to_miss, stretch)
        assert highest is not None and up_to_miss is not None
        first, last = -highest[2], highest[1]
        if self.at[first] > self.at[miss]:
            first = -up_to_miss[2]
        return Core(first, last)

    def outage(self, cores: list[Core], floor: int, back: int | None) -> Outage:
        """The outage of these cores, with its bounds."""
        first, last = cores[0].first, cores[-1].last
        return Outage(
            impact=self.at[first],
            recovered=None if back is None else self.first_answer(back),
            began=self.widened(self.began(first, last, floor, back)),
            ended=None if back is None else self.widened(self.ended(first, last, back)),
            bad=self.bad(first, last),
            total=last - first + 1,
        )

    def widened(self, span: Pair) -> Pair:
        """The span on the run clock of one that a clock tells that may be off."""
        return span[0] - self.uncertainty, span[1] + self.uncertainty

    def answers_within(self, first: int, back: int | None) -> int:
        """`L`: how long a live service may take to answer around this outage."""
        samples, near = self.samples, 2 * S
        impact = samples[first].scheduled
        good = [(s.scheduled, s.done - s.scheduled) for s in samples if not s.bad]
        delays = [(row.scheduled, row.sent - row.scheduled) for row in self.sends]
        longest = [self.longest]
        longest += [latency for at, latency in good if impact - near <= at < impact]
        longest += [delay for at, delay in delays if impact <= at < impact + near]
        if back is not None:
            recovered = self.first_answer(back)
            longest += [latency for at, latency in good if recovered <= at < recovered + near]
            longest += [delay for at, delay in delays if recovered - near <= at < recovered]
        return max(longest)

    def surely(self, first: int, last: int, step: int) -> int:
        """The first (step 1) or last (step -1) bad sample that cannot as well be one of the steady state."""
        inside = (self.bad(first, last) + HALF) / (last - first + 1 + 1)
        weights = self.weights(inside)
        edge, end = (first, last) if step == 1 else (last, first)
        if weights is None:
            return edge
        lost = 0
        for index in range(edge, end, step):
            lost += weights[0] if self.samples[index].bad else -weights[1]
            if self.samples[index + step].bad:
                if lost > math.log(1000) * 2**20:
                    break
                edge = index + step
        return edge

    def reach(self, inside: range, outward: Iterable[int]) -> int | None:
        """Walking outward, the first good sample that cannot belong to the outage."""
        bad = sum(self.samples[i].bad for i in inside)
        good = len(inside) - bad
        explains = Fraction(1, bad + 2) if good == 0 else Fraction(1)
        alpha, beta = 2 + bad, 1 + good
        for index in outward:
            if self.samples[index].bad:
                if self.steady == 0:
                    return None
                explains *= Fraction(alpha, alpha + beta) / self.steady
                alpha += 1
            else:
                explains *= Fraction(beta, alpha + beta) / (1 - self.steady)
                beta += 1
                if explains < Fraction(1, 1000):
                    return index
        return None

    def began(self, first: int, last: int, floor: int, back: int | None) -> Pair:
        """Up at this moment, and already down."""
        samples = self.samples
        sure = samples[self.surely(first, last, 1)]
        high = sure.done
        if sure.late:
            high = min(high, sure.sent + self.answers_within(first, back))
        up = self.reach(range(first + 1, last), range(first - 1, floor - 1, -1))
        return samples[floor if up is None else up].sent, high

    def ended(self, first: int, last: int, back: int) -> Pair:
        """Still down, and up by now."""
        samples = self.samples
        sure = self.surely(first, last, -1)
        low = samples[sure].sent
        late = [s for s in samples[first : sure + 1] if s.late]
        if late:
            timeout = max((s.done for s in late if s.timed_out), default=0)
            came = min((s.done for s in late if s.done > timeout), default=timeout)
            came = min(came, self.first_answer(back))
            low = max(low, came - self.gap(first, back) - self.answers_within(first, back))
        until = self.at[back] + self.sustain
        held = [i for i in range(back, len(samples)) if self.at[i] <= until]
        up = self.reach(range(first + 1, last), held)
        until = max(until, samples[back].done)
        answers = sorted(s.done for s in samples[back:] if not s.bad and s.scheduled <= until)
        if up is None:
            return low, answers[-1]
        hidden = sum(not samples[i].bad for i in range(back, up))
        return low, answers[hidden]
