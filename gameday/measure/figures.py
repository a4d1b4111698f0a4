"""The figures of a run: SLIs with their outages, RTO as an interval, RPO as a count. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gameday.clock import NS_PER_S
from gameday.measure.history import History
from gameday.measure.latency import BudgetCost, budget_cost
from gameday.measure.loss import Ledger, Loss, classify
from gameday.measure.outage import Outage, Rules, Span, find_outages
from gameday.measure.plan import Plan, SliPlan
from gameday.measure.samples import Samples
from gameday.measure.sli import Judged, judge
from gameday.phases import AFTER_CHECK, BASELINE, METHOD, RECOVERY, VERIFICATION


@dataclass(frozen=True, slots=True)
class SliFigures:
    """One SLI: shares of good samples (0 to 1, None without samples) and its outages."""

    plan: SliPlan
    samples: int
    before: float | None
    during: float | None
    after: float | None
    outages: tuple[Outage, ...]
    budget: BudgetCost | None
    longest_good_ns: int


@dataclass(frozen=True, slots=True)
class Rto:
    """Time without service, over all SLIs together.

    impact_ns: the earliest first bad send. recovered_ns: the latest first good answer, None when service
    did not come back. `began` and `ended` hold the true moments. `starts` gives seconds, low and high from
    each possible start.
    """

    impact_ns: int | None
    recovered_ns: int | None
    began: Span | None
    ended: Span | None
    starts: dict[str, tuple[float, float, float]]

    @property
    def impact_seen(self) -> bool:
        """Whether any SLI missed its objective after the fault."""
        return self.impact_ns is not None

    @property
    def recovered(self) -> bool:
        """Whether service came back, or was never seen to leave."""
        return self.impact_ns is None or self.recovered_ns is not None


@dataclass(frozen=True, slots=True)
class RecorderFigures:
    """One recorder: its samples and its longest silence in the watched span, in seconds."""

    name: str
    samples: int
    longest_gap_s: float | None
    period_s: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything measured in a run."""

    slis: tuple[SliFigures, ...]
    rto: Rto
    loss: Loss | None
    rpo_s: float | None
    recorders: tuple[RecorderFigures, ...]


def measure(plan: Plan, history: History, samples: Mapping[str, Samples], ledger: Ledger | None) -> Figures:
    """Measure a run from what was recorded. `samples` is by recorder name."""
    slis = tuple(_sli(sli, plan, history, samples[sli.recorder]) for sli in plan.slis)
    rto = _rto(slis, history, round(plan.deadline * NS_PER_S))
    loss = classify(ledger, history.moments["takeover"]) if ledger is not None else None
    rpo_s = loss.rpo_s(rto.impact_ns) if loss is not None else None
    periods = {sli.recorder: sli.period for sli in plan.slis if sli.period is not None}
    if plan.write_period is not None:
        periods["ledger"] = plan.write_period
    watched = _watched(history)
    recorders = tuple(
        _recorder(name, recorded, periods.get(name), watched) for name, recorded in sorted(samples.items())
    )
    return Figures(slis, rto, loss, rpo_s, recorders)


def sli_rules(sli: SliPlan, plan: Plan, judged: Judged, before: tuple[int, int]) -> Rules:
    """How an SLI's outages are found, with `L` taken from its baseline."""
    return Rules(
        objective=sli.share,
        window_ns=round(sli.window * NS_PER_S),
        sustain_ns=round(plan.sustain * NS_PER_S),
        longest_good_ns=judged.between(*before).longest_good_latency_ns(),
        period_ns=None if sli.period is None else round(sli.period * NS_PER_S),
    )


def _sli(sli: SliPlan, plan: Plan, history: History, samples: Samples) -> SliFigures:
    judged = judge(samples, match=sli.match, good_within_ns=sli.good_within_ns)
    before = baseline_span(history)
    start_ns = before[0]
    judged = judged.between(start_ns, int(np.iinfo(np.int64).max))
    rules = sli_rules(sli, plan, judged, before)
    outages = tuple(find_outages(judged, rules)) if len(judged) else ()
    during, after = _during(history, outages), history.phases.get(AFTER_CHECK)
    end_ns = history.ended.monotonic_ns
    return SliFigures(
        plan=sli,
        samples=len(judged),
        before=judged.between(*before).share(),
        during=judged.between(*during).share() if during else None,
        after=judged.between(*after).share() if after else None,
        outages=outages,
        budget=budget_cost(judged, sli.share, during[0], end_ns) if during else None,
        longest_good_ns=rules.longest_good_ns,
    )


def baseline_span(history: History) -> tuple[int, int]:
    """From the start of the baseline to the fault, or to the end of the baseline without one."""
    start_ns, end_ns = history.phases.get(BASELINE, (history.started.monotonic_ns,) * 2)
    inject_ns = history.moments["inject"]
    return start_ns, max(end_ns, inject_ns) if inject_ns is not None else end_ns


def _during(history: History, outages: tuple[Outage, ...]) -> tuple[int, int] | None:
    """From the fault to the recovery, or to the end of the wait for one."""
    inject_ns = history.moments["inject"]
    if inject_ns is None:
        return None
    back = [outage.recovered_ns for outage in outages if outage.recovered_ns is not None]
    waited = [end for name, (_, end) in history.phases.items() if name in (METHOD, RECOVERY)]
    return inject_ns, max([inject_ns, *(back[:1] or waited)])


def _rto(slis: tuple[SliFigures, ...], history: History, deadline_ns: int) -> Rto:
    """The incident over all SLIs: from the earliest impact after the fault to the latest recovery.

    A recovery after the deadline, or one that only the undo brought, is none.

    Outages that begin in the undo, such as the brown-out of a planned failback, are not part of it.
    """
    inject_ns = history.moments["inject"]
    watched = [history.phases[name] for name in (METHOD, RECOVERY, VERIFICATION) if name in history.phases]
    if inject_ns is None or not watched:
        return Rto(None, None, None, None, {})
    until_ns = watched[-1][1]
    found = _incident(slis, inject_ns, until_ns)
    if not found:
        return Rto(None, None, None, None, {})
    impact_ns = min(outage.impact_ns for outage in found)
    began = Span(
        max(inject_ns, min(outage.began.low_ns for outage in found)),
        max(inject_ns, min(outage.began.high_ns for outage in found)),
    )
    moments = [outage.recovered_ns for outage in found if outage.recovered_ns is not None]
    spans = [outage.ended for outage in found if outage.ended is not None]
    if len(moments) < len(found) or max(moments) > min(until_ns, inject_ns + deadline_ns):
        return Rto(impact_ns, None, began, None, {})
    ended = Span(max(span.low_ns for span in spans), max(span.high_ns for span in spans))
    recovered_ns = max(moments)
    starts = {"impact": _interval(impact_ns, began, recovered_ns, ended)}
    for name in ("inject", "declare"):
        at_ns = history.moments.get(name)
        if at_ns is not None:
            starts[name] = _interval(at_ns, Span(at_ns, at_ns), recovered_ns, ended)
    return Rto(impact_ns, recovered_ns, began, ended, starts)


def _incident(slis: tuple[SliFigures, ...], inject_ns: int, until_ns: int) -> list[Outage]:
    """The outages that the RTO counts.

    The prober is the clock. A closed loop comes back to ask only after a pause, so its outages count where
    no probe saw one, or where their bounds prove that it was out earlier or longer.
    """
    seen = [
        (sli.plan.period is not None, outage)
        for sli in slis
        for outage in sli.outages
        if outage.began.high_ns >= inject_ns and outage.impact_ns < until_ns
    ]
    probed = [outage for is_probed, outage in seen if is_probed]
    return probed + [
        outage for is_probed, outage in seen if not is_probed and not _is_told_by(outage, probed)
    ]


def _is_told_by(outage: Outage, probed: list[Outage]) -> bool:
    """Whether a closed-loop outage neither began earlier nor ended later than the probes' for sure."""
    if not probed or outage.ended is None:
        return False
    spans = [other.ended for other in probed if other.ended is not None]
    begins_no_earlier = outage.began.high_ns >= min(other.began.low_ns for other in probed)
    ends_no_later = len(spans) < len(probed) or outage.ended.low_ns <= max(span.high_ns for span in spans)
    return begins_no_earlier and ends_no_later


def _interval(start_ns: int, began: Span, recovered_ns: int, ended: Span) -> tuple[float, float, float]:
    """Seconds, and the least and most that they can have been."""
    low_ns = max(0, ended.low_ns - began.high_ns)
    high_ns = ended.high_ns - began.low_ns
    seconds_ns = min(max(recovered_ns - start_ns, low_ns), high_ns)
    return seconds_ns / NS_PER_S, low_ns / NS_PER_S, high_ns / NS_PER_S


def _watched(history: History) -> tuple[int, int]:
    """From the start of the baseline to the end of the verification."""
    spans = [
        history.phases[name] for name in (BASELINE, METHOD, RECOVERY, VERIFICATION) if name in history.phases
    ]
    return (spans[0][0], spans[-1][0] if len(spans) > 3 else spans[-1][1]) if spans else (0, 0)


def _recorder(
    name: str, samples: Samples, period_s: float | None, watched: tuple[int, int]
) -> RecorderFigures:
    """A recorder's longest silence by the times that it really sent, edges included."""
    inside = samples.sent_ns[(samples.sent_ns >= watched[0]) & (samples.sent_ns < watched[1])]
    if not watched[1]:
        return RecorderFigures(name, len(samples), None, period_s)
    moments = np.concatenate(([watched[0]], np.sort(inside), [watched[1]]))
    return RecorderFigures(name, len(samples), float(np.diff(moments).max()) / NS_PER_S, period_s)
