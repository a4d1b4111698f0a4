"""The figures of a run: SLIs with their outages, RTO as an interval, RPO as a count. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from gameday.measure.history import History
from gameday.measure.latency import BudgetCost, budget_cost
from gameday.measure.loss import Ledger, Loss, classify
from gameday.measure.outage import Criteria, Outage, find_outages
from gameday.measure.plan import Plan, SliPlan
from gameday.measure.rto import Rto, Seen, rto_of
from gameday.measure.samples import Samples
from gameday.measure.silence import Silence, silence_about, silence_of
from gameday.measure.sli import Judged, judge
from gameday.phases import AFTER_CHECK, BASELINE, METHOD, RECOVERY
from gameday.samples import LEDGER

FOREVER_NS = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class SliFigures:
    """One SLI: shares of good samples (0 to 1, exact, None without samples) and its outages.

    before: in the baseline. during: from the fault to the recovery. after: in the after-check.
    """

    plan: SliPlan
    samples: int
    before: Fraction | None
    during: Fraction | None
    after: Fraction | None
    outages: tuple[Outage, ...]
    budget: BudgetCost | None
    longest_good_ns: int
    silence: Silence


@dataclass(frozen=True, slots=True)
class RecorderFigures:
    """One recorder: its samples, and its silence in the watched span. period_ns: None for a closed loop."""

    name: str
    samples: int
    period_ns: int | None
    silence: Silence


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything measured in a run."""

    slis: tuple[SliFigures, ...] = ()
    rto: Rto = field(default_factory=Rto)
    loss: Loss | None = None
    rpo_s: float | None = None
    recorders: tuple[RecorderFigures, ...] = ()


def measure(plan: Plan, history: History, samples: Mapping[str, Samples], ledger: Ledger | None) -> Figures:
    """Measure a run from what was recorded. `samples` is by recorder name."""
    found = []
    for sli in plan.slis:
        judged = judged_in_run(sli, history, samples[sli.recorder])
        found.append((sli, judged, outages_of(sli, plan, judged, history.steady)))
    seen = [Seen(sli.period is not None, outages) for sli, _, outages in found if sli.is_first_hand]
    rto = rto_of(seen, history, plan.deadline_ns)
    during = _during(history, rto)
    slis = tuple(_sli(sli, history, judged, outages, during) for sli, judged, outages in found)
    loss = classify(ledger, history.moments["takeover"]) if ledger is not None else None
    rpo_s = loss.rpo_s(rto.impact_ns) if loss is not None else None
    periods_ns = {sli.recorder: sli.period_ns for sli in plan.slis}
    if plan.write_period is not None:
        periods_ns[LEDGER] = plan.write_period_ns
    watched = watched_span(history)
    recorders = tuple(
        RecorderFigures(
            name, len(recorded), periods_ns.get(name), silence_of(recorded, watched, history.steady)
        )
        for name, recorded in sorted(samples.items())
    )
    return Figures(slis, rto, loss, rpo_s, recorders)


def judged_in_run(sli: SliPlan, history: History, samples: Samples) -> Judged:
    """The samples of an SLI from the baseline on: what the warm-up saw does not count."""
    return judge(samples, sli.goodness, history.steady).between(history.steady[0], FOREVER_NS)


def outages_of(sli: SliPlan, plan: Plan, judged: Judged, steady: tuple[int, int]) -> tuple[Outage, ...]:
    """The outages of an SLI, in order; what its steady state is like is seen in the span `steady`."""
    found = find_outages(judged, criteria(sli, plan, judged, steady))
    return tuple(outage.earlier(sli.lag_ns) for outage in found)


def criteria(sli: SliPlan, plan: Plan, judged: Judged, steady: tuple[int, int]) -> Criteria:
    """How an SLI's outages are found, with `L` and the steady state's errors taken from its baseline."""
    baseline = judged.between(*steady)
    return Criteria(
        objective=sli.share,
        window_ns=sli.window_ns,
        sustain_ns=plan.sustain_ns,
        longest_good_ns=baseline.longest_good_latency_ns(),
        period_ns=sli.period_ns,
        steady_bad=int(np.count_nonzero(~baseline.good)),
        steady_total=len(baseline),
    )


def watched_span(history: History) -> tuple[int, int]:
    """Where no recorder may be silent: from the baseline until the ledger is read back."""
    spans = [history.phases[name] for name in (BASELINE, METHOD, RECOVERY) if name in history.phases]
    return (spans[0][0], spans[-1][1]) if spans else (0, 0)


def _sli(
    sli: SliPlan,
    history: History,
    judged: Judged,
    outages: tuple[Outage, ...],
    during: tuple[int, int] | None,
) -> SliFigures:
    baseline, after = judged.between(*history.steady), history.phases.get(AFTER_CHECK)
    end_ns = history.ended.monotonic_ns
    return SliFigures(
        plan=sli,
        samples=len(judged),
        before=baseline.share(),
        during=judged.between(*during).share() if during else None,
        after=judged.between(*after).share() if after else None,
        outages=outages,
        budget=budget_cost(judged, sli.share, during[0], end_ns) if during else None,
        longest_good_ns=baseline.longest_good_latency_ns(),
        silence=silence_about(judged, watched_span(history)),
    )


def _during(history: History, rto: Rto) -> tuple[int, int] | None:
    """The incident, the same for every SLI: from the fault, or from the impact where that came first.

    It lasts until service was back, or until nobody waited any longer.
    """
    inject_ns = history.moments["inject"]
    if inject_ns is None:
        return None
    waited = [history.phases[name][1] for name in (METHOD, RECOVERY) if name in history.phases]
    start_ns = inject_ns if rto.impact_ns is None else min(inject_ns, rto.impact_ns)
    return start_ns, rto.recovered_ns or max([inject_ns, *waited])
