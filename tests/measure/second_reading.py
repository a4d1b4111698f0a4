"""A second reading of docs/measurement.md: plain integers and fractions, brute force, section by section.

It shares nothing with `gameday.measure` but the plan and the history that go in, so that where both agree,
the page says it. Times are nanoseconds on the run clock.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from gameday.measure.history import History, Step
from gameday.measure.plan import Plan, SliPlan
from gameday.writes import ABSENT, ACKNOWLEDGED, CORRUPT, NOT_READ

S = 1_000_000_000
MS = 1_000_000
HALF = Fraction(1, 2)
Pair = tuple[int, int]


# ---------------------------------------------------------------------------------------- what goes in


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
class Write:
    """One write of the ledger and what was found of it."""

    sent: int
    done: int
    outcome: int
    found: int
    copies: int = 1


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of one undo; is_declared: the experiment declares it, so that nobody can read it back."""

    verified: bool
    has_succeeded: bool = True
    is_declared: bool = False


# --------------------------------------------------------------------------------------- what comes out


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
class Sli:
    """What was measured of one SLI. unknown: when the samples were due that say nothing of the service."""

    unknown: tuple[int, ...]
    before: Fraction | None
    during: Fraction | None
    after: Fraction | None
    outages: tuple[Outage, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the page says of a run. kinds: why the verdict is not `passed`, a word each."""

    slis: tuple[Sli, ...]
    inject: int | None
    impact: int | None
    recovered: int | None
    starts: dict[str, tuple[int, int, int]]
    met: bool | None
    rpo: Fraction | None
    word: str
    kinds: frozenset[str] = field(default_factory=frozenset)


# ------------------------------------------------------------------------------ good, bad, not known


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
    """When a prober was held up: from a due probe, or the last send if that was later, to the next send."""
    sends = sorted((row.sent, row.scheduled) for row in rows if not row.skipped)
    spans = []
    last = None
    for sent, due in sends:
        begin = due if last is None else max(due, last)
        if sent - begin > 10 * MS:
            spans.append((begin, sent))
        last = sent
    return spans


def overlap(spans: list[Pair], low: int, high: int) -> int:
    """How much of [low, high] lies in one of the spans, at most."""
    return max((max(0, min(high, end) - max(low, begin)) for begin, end in spans), default=0)


def is_in_time(sli: SliPlan, latency: Fraction | int) -> bool:
    """Whether a right answer after so long is good."""
    if sli.good is None:
        return True
    limit = round(sli.good * S)
    return latency <= limit if sli.limit_is_good else latency < limit


def sort_out(sli: SliPlan, rows: list[Row], baseline: Pair) -> tuple[list[Known], list[Row]]:
    """The samples of an SLI that are known, and those that say nothing of the service."""
    spans = held_up(rows) if sli.source == "probe" else []
    blamed, _ = excused([r for r in rows if sli.match in (None, r.series)], baseline)
    known, unknown = [], []
    for row in rows:
        if sli.match is not None and row.series != sli.match:
            continue
        latency = row.done - row.scheduled
        waited = overlap(spans, row.sent, row.done)
        is_good = row.ok and is_in_time(sli, latency)
        is_recorders = (
            row.ok and not is_good and is_in_time(sli, latency - (row.sent - row.scheduled) - waited)
        )
        is_unseen = row.timed_out and 2 * waited > row.done - row.sent
        if row in blamed:
            known.append(Known(row.scheduled, row.scheduled, row.done, True, False, False))
        elif row.skipped or is_recorders or is_unseen:
            unknown.append(row)
        else:
            late = row.timed_out or (row.ok and not is_good)
            known.append(Known(row.scheduled, row.sent, row.done, not is_good, row.timed_out, late))
    return known, unknown


# ---------------------------------------------------------------------------------- SLIs and outages


@dataclass(frozen=True, slots=True)
class Core:
    """The first and the last bad sample of a core, and what a bad and a good sample weigh in its score."""

    first: int
    last: int
    weights: Pair | None


class Search:
    """The search for the outages of one SLI."""

    def __init__(
        self, sli: SliPlan, plan: Plan, history: History, known: list[Known], rows: list[Row]
    ) -> None:
        self.start, self.until = history.phases["baseline"]
        self.samples = [sample for sample in known if sample.scheduled >= self.start]
        self.rows = [row for row in rows if not row.skipped and sli.match in (None, row.series)]
        self.rows = [row for row in self.rows if row.scheduled >= self.start]
        self.at = [sample.scheduled for sample in self.samples]
        self.objective = sli.share
        self.window = sli.window_ns
        self.sustain = plan.sustain_ns
        self.source = sli.source
        baseline = [sample for sample in self.samples if sample.scheduled < self.until]
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

    # ------------------------------------------------------------------------------------- the core

    def core(self, miss: int, floor: int) -> Core:
        """The stretch that the outage explains best whose window misses at `miss`."""
        in_window = [i for i in self.window_of(miss) if i >= floor and self.samples[i].bad]
        first, last = in_window[0], in_window[-1]
        known: Core | None = None
        for _ in range(8):
            inside = (self.bad(first, last) + HALF) / (last - first + 1 + 1)
            core = self.best(miss, in_window[0], self.weights(inside))
            if known is not None and (core.first, core.last) == (known.first, known.last):
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
        return Core(first, last, weights)

    # ------------------------------------------------------------------------------- why an interval

    def outage(self, cores: list[Core], floor: int, back: int | None) -> Outage:
        """The outage of these cores, with its bounds."""
        samples = self.samples
        first, last = cores[0].first, cores[-1].last
        return Outage(
            impact=samples[first].scheduled,
            recovered=None if back is None else self.first_answer(back),
            began=self.began(cores, floor, back),
            ended=None if back is None else self.ended(cores, floor, back),
            bad=self.bad(first, last),
            total=last - first + 1,
        )

    def answers_within(self, first: int, back: int | None) -> int:
        """`L`: how long a live service may take to answer around this outage."""
        samples, near = self.samples, 2 * S
        impact = samples[first].scheduled
        good = [(s.scheduled, s.done - s.scheduled) for s in samples if not s.bad]
        delays = [(row.scheduled, row.sent - row.scheduled) for row in self.rows]
        longest = [self.longest]
        longest += [latency for at, latency in good if impact - near <= at < impact]
        longest += [delay for at, delay in delays if impact <= at < impact + near]
        if back is not None:
            recovered = self.first_answer(back)
            longest += [latency for at, latency in good if recovered <= at < recovered + near]
            longest += [delay for at, delay in delays if recovered - near <= at < recovered]
        return max(longest)

    def whole_core(self, cores):
        first, last = cores[0].first, cores[-1].last
        inside = (self.bad(first, last) + HALF) / (last - first + 1 + 1)
        return Core(first, last, self.weights(inside))

    def surely(self, core: Core, step: int) -> int:
        """The first (step 1) or last (step -1) bad sample that is no error of the steady state."""
        edge, end = (core.first, core.last) if step == 1 else (core.last, core.first)
        if core.weights is None:
            return edge
        lost = 0
        index = edge
        bound = round(math.log(1000) * 2**20)
        while index != end:
            lost += core.weights[0] if self.samples[index].bad else -core.weights[1]
            index += step
            if self.samples[index].bad:
                if lost > bound:
                    break
                edge = index
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

    def began(self, cores: list[Core], floor: int, back: int | None) -> Pair:
        """Up at this moment, and already down."""
        samples = self.samples
        first, last = cores[0].first, cores[-1].last
        sure = samples[self.surely(self.whole_core(cores), 1)]
        high = sure.done
        if sure.late:
            high = min(high, sure.sent + self.answers_within(first, back))
        up = self.reach(range(first + 1, last), range(first - 1, floor - 1, -1))
        return samples[floor if up is None else up].sent, high

    def ended(self, cores: list[Core], floor: int, back: int) -> Pair:
        """Still down, and up by now."""
        samples = self.samples
        first, last = cores[0].first, cores[-1].last
        sure = self.surely(self.whole_core(cores), -1)
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


# ------------------------------------------------------------------------------------ moments and RTO


def inject_of(steps: tuple[Step, ...]) -> int | None:
    """When the service was first broken on purpose."""
    method = [step for step in steps if step.phase == "method"]
    faults = [step for step in method if step.role == "fault"]
    actions = [step for step in method if step.kind == "action"]
    without_role = [step for step in actions if step.role is None]
    chosen = faults or without_role or actions
    return min((step.started_ns for step in chosen), default=None)


def takeover_of(steps: tuple[Step, ...]) -> int | None:
    """The end of the first failover step."""
    ends = [s.ended_ns for s in steps if s.role == "failover" and not s.has_failed and s.ended_ns is not None]
    return min(ends, default=None)


def undo_begins(history: History) -> int:
    """The end of the verification; of a run that was stopped, of the last phase before the undo."""
    before = [name for name in ("baseline", "method", "recovery", "verification") if name in history.phases]
    return history.phases[before[-1]][1]


@dataclass(frozen=True, slots=True)
class Incident:
    """What the RTO counts, over all SLIs."""

    impact: int | None = None
    recovered: int | None = None
    began: Pair | None = None
    ended: Pair | None = None


def together(outages: list[Outage]) -> Incident:
    """From the earliest begin to the latest end; without an end if one has none."""
    if not outages:
        return Incident()
    impact = min(o.impact for o in outages)
    began = (min(o.began[0] for o in outages), min(o.began[1] for o in outages))
    ends = [o.ended for o in outages if o.ended is not None]
    recovered = [o.recovered for o in outages if o.recovered is not None]
    if len(ends) < len(outages):
        return Incident(impact, None, began, None)
    return Incident(impact, max(recovered), began, (max(e[0] for e in ends), max(e[1] for e in ends)))


def incident(slis: list[tuple[str, list[Outage]]], inject: int, until: int) -> Incident:
    """The outages that count, together: the probes are the clock."""

    def counts(outage: Outage) -> bool:
        return (outage.recovered is None or outage.recovered >= inject) and outage.impact < until

    opened = [o for source, found in slis if source != "load" for o in found if counts(o)]
    closed = [o for source, found in slis if source == "load" for o in found if counts(o)]
    clock = together(opened)

    def is_proved(outage: Outage) -> bool:
        if clock.began is None:
            return True
        is_earlier = outage.began[1] < clock.began[0]
        is_longer = outage.ended is None or (clock.ended is not None and outage.ended[0] > clock.ended[1])
        return is_earlier or is_longer

    return together(opened + [o for o in closed if is_proved(o)])


def rto_of(
    slis: list[tuple[str, list[Outage]]], plan: Plan, history: History, inject: int | None
) -> Incident:
    """The time without service; without an end when it came too late, or only by the undo."""
    if inject is None:
        return Incident()
    until = undo_begins(history)
    whole = incident(slis, inject, until)
    if whole.recovered is None:
        return whole
    if whole.recovered > inject + plan.deadline_ns or whole.recovered > until:
        return Incident(whole.impact, None, whole.began, None)
    return whole


def starts_of(rto: Incident, history: History, inject: int | None) -> dict[str, tuple[int, int, int]]:
    """The RTO from each possible start: its length, the least and the most."""
    if rto.recovered is None or rto.impact is None or rto.began is None or rto.ended is None:
        return {}
    low, high = rto.ended
    began = {"impact": rto.began}
    if inject is not None:
        began["inject"] = (inject, inject)
    declared = history.moments.get("declare")
    if declared is not None:
        began["declare"] = (declared, declared)
    lengths = {}
    for name, (earliest, latest) in began.items():
        least, most = max(0, low - latest), max(0, high - earliest)
        start = rto.impact if name == "impact" else earliest
        lengths[name] = (min(max(rto.recovered - start, least), most), least, most)
    return lengths


def met(
    plan: Plan, history: History, rto: Incident, starts: dict[str, tuple[int, int, int]], inject: int | None
) -> bool | None:
    """Whether the upper bound is within the objective; None when that is not asked or not known."""
    if plan.rto is None or inject is None:
        return None
    if rto.impact is None:
        return True
    if rto.recovered is None:
        return None if history.is_cut_short else False
    if plan.rto_from not in starts:
        return None
    return starts[plan.rto_from][2] <= round(plan.rto * S)


# ------------------------------------------------------------------------------------------------ RPO


@dataclass(frozen=True, slots=True)
class Losses:
    """What became of the writes, as far as the verdict needs it."""

    acknowledged: int
    lost: int
    split_brain: int
    not_read: int
    rpo: Fraction | None


def losses(writes: list[Write], impact: int | None, takeover: int | None) -> Losses:
    """Acknowledged writes that are absent, or present with another checksum, are lost."""
    acknowledged = [w for w in writes if w.outcome == ACKNOWLEDGED]
    lost = [w for w in acknowledged if w.found in (ABSENT, CORRUPT)]
    split = [w for w in lost if takeover is not None and w.sent > takeover]
    not_read = sum(w.found == NOT_READ for w in writes)
    rpo = Fraction(0)
    if lost:
        oldest, newest = min(w.done for w in lost), max(w.done for w in lost)
        end = newest if impact is None else max(impact, newest)
        rpo = Fraction(end - oldest, S)
    return Losses(len(acknowledged), len(lost), len(split), not_read, None if not_read else rpo)


# ------------------------------------------------------------------------------------------- verdicts


def share(samples: list[Known], low: int, high: int) -> Fraction | None:
    """The good share of the samples scheduled in [low, high)."""
    inside = [sample for sample in samples if low <= sample.scheduled < high]
    if not inside:
        return None
    return Fraction(sum(not sample.bad for sample in inside), len(inside))


def longest_silence(at: list[int], span: Pair) -> int:
    """The longest time of a span in which nothing is at any of these moments."""
    inside = sorted(moment for moment in at if span[0] <= moment <= span[1])
    edges = [span[0], *inside, span[1]]
    return max(later - sooner for sooner, later in pairwise(edges))


def excused(rows: list[Row], baseline: Pair) -> tuple[list[Row], list[Row]]:
    """The skipped rows during which one that was sent failed or took long, and those without an excuse."""
    sent = [row for row in rows if not row.skipped]
    right = [r.done - r.sent for r in sent if r.ok and baseline[0] <= r.scheduled < baseline[1]]
    long = 2 * max(right, default=0)
    failing = [(row.sent, row.done) for row in sent if not row.ok or row.done - row.sent > long]
    skipped = [row for row in rows if row.skipped]
    soon = [r for r in skipped if r.done - r.scheduled <= S // 2]
    known = [r for r in soon if any(a <= r.done and b >= r.scheduled for a, b in failing)]
    return known, [row for row in skipped if row not in known]


def silence_kinds(
    plan: Plan, history: History, rows: dict[str, list[Row]], known: list[list[Known]]
) -> set[str]:
    """`silent` and `bottleneck`, of every open-loop recorder and what is known by it."""
    if "recovery" not in history.phases:
        return set()
    span = (history.phases["baseline"][0], history.phases["recovery"][1])
    kinds = set()
    periods = {s.recorder: s.period_ns for s in plan.slis if s.source != "load"}
    if plan.write_period_ns is not None:
        periods["ledger"] = plan.write_period_ns
    for recorder, period in periods.items():
        assert period is not None
        limit = max(10 * period, S // 2)
        while_failing, unexplained = excused(rows.get(recorder, []), history.phases["baseline"])
        explained = [row.scheduled for row in while_failing]
        sent = [row.sent for row in rows.get(recorder, []) if not row.skipped]
        if longest_silence(sent + explained, span) > limit:
            kinds.add("silent")
        for n, sli in enumerate(plan.slis):
            seen = [k.sent for k in known[n]] + explained
            if sli.recorder == recorder and longest_silence(seen, span) > silence_limit(plan, sli, limit):
                kinds.add("silent")
        if any(span[0] <= row.scheduled <= span[1] for row in unexplained):
            kinds.add("bottleneck")
    return kinds


def silence_limit(plan: Plan, sli: SliPlan, limit: int) -> int:
    """An outage that misses the RTO must not go unseen, less what a window bears, and a period."""
    if plan.rto is None or sli.period_ns is None:
        return limit
    matters = round(plan.rto * S) - int((1 - sli.share) * sli.window_ns) - sli.period_ns
    return min(limit, max(matters, 2 * sli.period_ns))


def has_landed(step: Step, slis: list[tuple[str, list[Outage]]], until: int) -> bool:
    """Whether a fault landed: it says so, or an outage of a third-party one proves it."""
    if step.landed is not None:
        return step.landed
    return any(o.began[1] >= step.started_ns and o.impact < until for _, found in slis for o in found)


FAILED = frozenset(
    "unsteady missed-before step engine deviated not-back rto rpo split-brain after no-end undo".split()
)
UNKNOWN = frozenset(
    "no-inject not-landed lost-recorder silent bottleneck no-samples not-read no-ack no-start".split()
)


def word_of(history: History, kinds: set[str]) -> str:
    """The verdict of these reasons."""
    if history.aborted is not None:
        return "aborted"
    if history.halted is not None:
        return "halted"
    if kinds & FAILED:
        return "failed"
    return "inconclusive" if kinds & UNKNOWN else "passed"


def read(
    plan: Plan, history: History, rows: dict[str, list[Row]], writes: list[Write] | None, undos: list[Undone]
) -> Reading:
    """Measure and judge a run as the page says."""
    inject = inject_of(history.steps)
    until = undo_begins(history)
    sorted_out = [sort_out(sli, rows.get(sli.recorder, []), history.phases["baseline"]) for sli in plan.slis]
    known = [[s for s in found if s.scheduled >= history.phases["baseline"][0]] for found, _ in sorted_out]
    slis = [
        (sli.source, Search(sli, plan, history, known[n], rows.get(sli.recorder, [])).outages())
        for n, sli in enumerate(plan.slis)
    ]
    rto = rto_of(slis, plan, history, inject)
    starts = starts_of(rto, history, inject)
    is_met = met(plan, history, rto, starts, inject)
    loss = None if writes is None else losses(writes, rto.impact, takeover_of(history.steps))
    figures = tuple(
        Sli(
            unknown=tuple(row.scheduled for row in sorted_out[n][1]),
            before=share(known[n], *history.phases["baseline"]),
            during=during(known[n], history, inject, rto),
            after=share(known[n], *history.phases["after-check"])
            if "after-check" in history.phases
            else None,
            outages=tuple(found),
        )
        for n, (_, found) in enumerate(slis)
    )

    kinds = silence_kinds(plan, history, rows, known)
    seen = [(sli, outage) for sli, (_, found) in zip(figures, slis, strict=True) for outage in found]
    faults = [step for step in history.steps if step.phase == "method" and step.role == "fault"]
    objective_asked = plan.rto is not None or plan.rpo is not None
    reasons = {
        "unsteady": history.unsteady is not None,
        "missed-before": any(is_early(outage, inject, until) for _, outage in seen),
        "step": any(step.has_failed for step in history.steps),
        "engine": history.engine_error is not None or history.status not in (None, "completed"),
        "deviated": history.deviated,
        "not-back": rto.impact is not None and rto.recovered is None,
        "rto": is_met is False,
        "rpo": loss is not None and plan.rpo is not None and is_over(loss, plan.rpo),
        "split-brain": loss is not None and loss.split_brain > 0,
        "after": any(
            f.after is not None and f.after < sli.share for f, sli in zip(figures, plan.slis, strict=True)
        ),
        "no-end": any(outage.ended is None for _, outage in seen),
        "undo": any(not (u.has_succeeded if u.is_declared else u.verified) for u in undos),
        "no-inject": objective_asked and inject is None,
        "not-landed": any(not has_landed(step, slis, until) for step in faults),
        "lost-recorder": bool(history.lost_recorders),
        "no-samples": any(not found for found in known),
        "not-read": loss is not None and loss.not_read > 0,
        "no-ack": loss is not None and loss.acknowledged == 0,
        "no-start": plan.rto is not None and rto.recovered is not None and plan.rto_from not in starts,
    }
    kinds |= {kind for kind, applies in reasons.items() if applies}
    word = word_of(history, kinds)
    return Reading(
        slis=figures,
        inject=inject,
        impact=rto.impact,
        recovered=rto.recovered,
        starts=starts,
        met=is_met,
        rpo=None if loss is None else loss.rpo,
        word=word,
        kinds=frozenset(kinds),
    )


def is_early(outage: Outage, inject: int | None, until: int) -> bool:
    """Whether it began before anything was broken on purpose, or nothing was, and before the undo."""
    if outage.impact >= until:
        return False
    if inject is None or outage.began[1] < inject:
        return True
    return outage.recovered is not None and outage.recovered < inject


def is_over(loss: Losses, objective_s: float) -> bool:
    """Whether the RPO is over its objective, or anything is lost under an objective of 0."""
    if objective_s == 0 and loss.lost > 0:
        return True
    return loss.rpo is not None and loss.rpo > Fraction(objective_s)


def during(samples: list[Known], history: History, inject: int | None, rto: Incident) -> Fraction | None:
    """The good share from the fault, or the impact where that came first, to the recovery."""
    if inject is None:
        return None
    begin = inject if rto.impact is None else min(inject, rto.impact)
    end = rto.recovered
    if end is None:
        waits = [history.phases[name][1] for name in ("method", "recovery") if name in history.phases]
        end = waits[-1] if waits else history.phases["baseline"][1]
    return share(samples, begin, end)
