"""The figures that two runs have in common, each judged: better, worse, or open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from gameday.clock import NS_PER_S
from gameday.evidence.comparison.interval import Interval, Outcome, judge
from gameday.evidence.record import LatencyPart, Record, RpoPart, RtoPart, SliPart, StepPart
from gameday.evidence.report.facts import was_cut_short
from gameday.evidence.report.wording import between, fixed, number, percent, rpo_words, rto_words, utc_ns
from gameday.units import spoken

# two runs of one experiment on one system differ by less than this, mostly
SHARE_ROOM = 0.05
STEP_ROOM_S, STEP_ROOM = 0.1, 0.25
# below this the 99th percentile is the longest sample
LEAST_SAMPLES = 100
A_MOMENT_S = 1e-6


A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of both runs, in words. A hint rests on a figure whose bounds are a rule of thumb."""

    group: str
    name: str
    told: tuple[str, str]
    outcome: Outcome
    is_hint: bool = False


def _both(ask: Callable[[A], B], one: A, other: A) -> tuple[B, B]:
    """The same question to both runs."""
    return ask(one), ask(other)


def verdict(before: Record, after: Record) -> Difference:
    """Only `passed` is better than another verdict: of the others, each proves nothing in its own way."""
    told = before.verdict, after.verdict
    return Difference("run", "verdict", told, _rank(told, best="passed"))


def _rank(words: tuple[str, str], *, best: str) -> Outcome:
    """Two words of which one is best; any two others cannot be compared."""
    if words[0] == words[1]:
        return "same"
    return "better" if words[1] == best else "worse" if words[0] == best else "unknown"


def rto(before: Record, after: Record) -> Iterator[Difference]:
    """The RTO from the start that both count from, or else from the impact."""
    if before.rto is None or after.rto is None:
        return
    start = before.rto.from_ if before.rto.from_ == after.rto.from_ else "impact"
    runs = (before, before.rto), (after, after.rto)
    outcome = judge(*_both(lambda run: _rto_bounds(*run, start), *runs))
    if not before.rto.impact_seen and not after.rto.impact_seen:
        outcome = "same"
    told = _both(lambda run: _rto_told(*run, start), *runs)
    yield Difference("objectives", f"RTO from {start}", told, outcome)


def _rto_bounds(record: Record, rto: RtoPart, start: str) -> Interval | None:
    """The bounds of an RTO from a start; one that outlasted the deadline has no upper one.

    None without an impact, which may mean that the fault never reached anybody, and for a run cut short.
    """
    if start in rto.starts:
        _, low, high = rto.starts[start]
        return Interval(low, high)
    inject, begun = record.moments.get("inject"), record.moments.get(start)
    if not rto.impact_seen or rto.recovered or rto.deadline is None or was_cut_short(record):
        return None
    if inject is None or begun is None:
        return None
    # the deadline counts from the fault
    later_s = (utc_ns(begun) - utc_ns(inject)) / NS_PER_S
    return Interval(max(0.0, rto.deadline - max(0.0, later_s)), float("inf"))


def _rto_told(record: Record, rto: RtoPart, start: str) -> str:
    if start in rto.starts:
        seconds, low, high = rto.starts[start]
        return f"{spoken(seconds)} ({between(low, high)})"
    return rto_words(rto, was_cut_short=was_cut_short(record))


def losses(before: Record, after: Record) -> Iterator[Difference]:
    """The RPO, and how many acknowledged writes are lost."""
    if before.rpo is None or after.rpo is None:
        return
    runs = before.rpo, after.rpo
    outcome = judge(*_both(_rpo_bounds, *runs))
    yield Difference("objectives", "RPO", _both(rpo_words, *runs), outcome)
    told = _both(lambda rpo: f"{number(rpo.lost)} of {number(rpo.acknowledged)}", *runs)
    # a write that could not be read back may be lost or not
    bounds = _both(lambda rpo: Interval(rpo.lost, rpo.lost + rpo.not_read), *runs)
    yield Difference("objectives", "lost writes", told, judge(*bounds))


def _rpo_bounds(rpo: RpoPart) -> Interval | None:
    """An RPO is as sharp as the ledger's period; none at all is exact, and a loss is never none."""
    if rpo.seconds is None:
        return None
    if not rpo.lost:
        return Interval.exactly(rpo.seconds)
    period_s = rpo.write_period or 0.0
    return Interval(max(rpo.seconds - period_s, A_MOMENT_S), rpo.seconds + max(period_s, A_MOMENT_S))


def slis(before: Record, after: Record) -> Iterator[Difference]:
    """Each SLI's good share during the drill, and its outages."""
    known = {sli.name: sli for sli in before.slis}
    for other in after.slis:
        one = known.get(other.name)
        if one is None:
            continue
        told = _both(lambda sli: f"{percent(sli.during)} %", one, other)
        # from the fault to the recovery: another experiment has another such span
        is_same = before.experiment.sha256 == after.experiment.sha256
        outcome = judge(*_both(_share_bounds, one, other)) if is_same else "unknown"
        yield Difference("SLIs", f"{one.name}: good during", told, outcome, is_hint=True)
        counts = _both(lambda sli: len(sli.outages), one, other)
        outcome = judge(*_both(Interval.exactly, *counts))
        yield Difference("SLIs", f"{one.name}: outages", _both(str, *counts), outcome)


def _share_bounds(sli: SliPart) -> Interval | None:
    """Of a share more is better, so it is turned about."""
    return None if sli.during is None else -Interval.around(sli.during, least=SHARE_ROOM)


def latency(before: Record, after: Record) -> Iterator[Difference]:
    """The 99th percentile of each request in each phase."""
    known = _by_request(before)
    for key, other in _by_request(after).items():
        one = known.get(key)
        if one is None:
            continue
        told = _both(lambda row: f"{fixed(row.p99_ms, 1)} ms", one, other)
        outcome = judge(*_both(_p99_bounds, one, other))
        yield Difference("latency", f"{key[1] or key[0]}, {key[2]}: p99", told, outcome, is_hint=True)


def _p99_bounds(row: LatencyPart) -> Interval | None:
    """Few samples make a 99th percentile, so it is only known to be between the 90th and the longest."""
    return Interval(row.p90_ms, row.max_ms) if row.count >= LEAST_SAMPLES else None


def _by_request(record: Record) -> dict[tuple[str, str, str], LatencyPart]:
    """Latency by source, series and phase; a source's only series has no name: its port may change."""
    series = {(row.source, row.series) for row in record.latency}
    counts = Counter(source for source, _ in series)
    return {
        (row.source, row.series if counts[row.source] > 1 else "", row.phase): row for row in record.latency
    }


def steps(before: Record, after: Record) -> Iterator[Difference]:
    """How long each step took, or what became of it where that differs."""
    known = _by_name(before)
    for (step, phase, turn), other in _by_name(after).items():
        one = known.get((step, phase, turn))
        if one is None:
            continue
        name = f"{step}, {phase}" + (f" ({turn})" if turn > 1 else "")
        if one.status != other.status:
            told = one.status, other.status
            yield Difference("steps", name, told, _rank(told, best="succeeded"))
            continue
        told = _both(lambda step: f"{fixed(step.seconds)} s", one, other)
        outcome = judge(*_both(_step_bounds, one, other))
        yield Difference("steps", name, told, outcome, is_hint=True)


def _step_bounds(step: StepPart) -> Interval | None:
    if step.seconds is None:
        return None
    return Interval.around(step.seconds, least=STEP_ROOM_S, share=STEP_ROOM)


def _by_name(record: Record) -> dict[tuple[str, str, int], StepPart]:
    """Steps by name, phase and turn: the same step may be played again."""
    turns: Counter[tuple[str, str]] = Counter()
    found = {}
    for step in record.steps:
        turns[step.name, step.phase] += 1
        found[step.name, step.phase, turns[step.name, step.phase]] = step
    return found
