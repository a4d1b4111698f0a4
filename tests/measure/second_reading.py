"""A second reading of docs/measurement.md, from the outages to the verdict: see `second_outages.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from gameday.measure.history import History, Step
from gameday.measure.plan import Plan, SliPlan
from gameday.writes import ABSENT, ACKNOWLEDGED, CORRUPT, NOT_READ
from tests.measure.second_outages import Known, Outage, Pair, Row, S, Search, sort_out, to_blame

Length = tuple[int, int, int]  # a length, the least and the most that it can have been


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


@dataclass(frozen=True, slots=True)
class Sli:
    """What was measured of one SLI. unknown: when the samples were due that say nothing of the service."""

    unknown: tuple[int, ...]
    known: int
    before: Fraction | None
    during: Fraction | None
    after: Fraction | None
    outages: tuple[Outage, ...]


@dataclass(frozen=True, slots=True)
class Losses:
    """What became of the writes, as far as the verdict needs it."""

    acknowledged: int
    lost: int
    split_brain: int
    not_read: int
    rpo: Fraction | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What the page says of a run. kinds: why the verdict is not `passed`, a word each."""

    slis: tuple[Sli, ...]
    inject: int | None
    impact: int | None
    recovered: int | None
    starts: dict[str, Length]
    met: bool | None
    loss: Losses | None
    word: str
    kinds: frozenset[str] = field(default_factory=frozenset)


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


def starts_of(rto: Incident, history: History, inject: int | None) -> dict[str, Length]:
    """The RTO from each possible start: its length, the least and the most."""
    if rto.recovered is None or rto.impact is None or rto.began is None or rto.ended is None:
        return {}
    low, high = rto.ended
    began = {"impact": rto.began}
    if inject is not None:
        began["inject"] = (inject, inject)
    declared = history.moments.get("declare")
    if declared is not None and declared < rto.recovered:
        began["declare"] = (declared, declared)
    lengths = {}
    for name, (earliest, latest) in began.items():
        least, most = max(0, low - latest), max(0, high - earliest)
        start = rto.impact if name == "impact" else earliest
        lengths[name] = (min(max(rto.recovered - start, least), most), least, most)
    return lengths


def met(
    plan: Plan, history: History, rto: Incident, starts: dict[str, Length], inject: int | None
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


def silence_kinds(
    plan: Plan, history: History, rows: dict[str, list[Row]], known: list[list[Known]]
) -> set[str]:
    """`silent` and `bottleneck`, of every open-loop recorder and what is known by it."""
    if "recovery" not in history.phases:
        return set()
    baseline = history.phases["baseline"]
    span = (baseline[0], history.phases["recovery"][1])
    periods = {sli.recorder: sli.period_ns for sli in plan.slis if sli.period_ns is not None}
    if plan.write_period_ns is not None:
        periods["ledger"] = plan.write_period_ns
    kinds = set()
    for recorder, period in periods.items():
        limit = max(10 * period, S // 2)
        recorded = rows.get(recorder, [])
        blamed = to_blame(recorded, baseline)
        explained = [row.scheduled for row in blamed]
        silences = [([row.sent for row in recorded if not row.skipped], limit)]
        for sli, samples in zip(plan.slis, known, strict=True):
            if sli.recorder == recorder:
                silences.append(([s.sent for s in samples], silence_limit(plan, sli, limit)))
        if any(longest_silence(at + explained, span) > longest for at, longest in silences):
            kinds.add("silent")
        own = [row for row in recorded if row.skipped and row not in blamed]
        if any(span[0] <= row.scheduled < span[1] for row in own):
            kinds.add("bottleneck")
    return kinds


def silence_limit(plan: Plan, sli: SliPlan, limit: int) -> int:
    """An outage that misses the RTO must not go unseen: less what a window bears, and a period."""
    if plan.rto is None or sli.period_ns is None:
        return limit
    matters = round(plan.rto * S) - int((1 - sli.share) * sli.window_ns) - sli.period_ns
    return min(limit, max(matters, 2 * sli.period_ns))


def has_landed(step: Step, outages: list[Outage], until: int) -> bool:
    """Whether a fault landed: it says so, or an outage of a third-party one proves it."""
    if step.landed is not None:
        return step.landed
    return any(outage.began[1] >= step.started_ns and outage.impact < until for outage in outages)


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
    plan: Plan,
    history: History,
    rows: dict[str, list[Row]],
    writes: list[Write] | None,
    undos: list[Undone],
    uncertainty: dict[str, int] | None = None,
) -> Reading:
    """Measure and judge a run as the page says. uncertainty: how far the clock of a recorder may be off."""
    inject = inject_of(history.steps)
    baseline = history.phases["baseline"]
    sorted_out = [sort_out(sli, rows.get(sli.recorder, []), baseline) for sli in plan.slis]
    known = [[sample for sample in found if sample.scheduled >= baseline[0]] for found, _ in sorted_out]
    slis = []
    for sli, samples in zip(plan.slis, known, strict=True):
        off = (uncertainty or {}).get(sli.recorder, 0)
        sends = [row for row in rows.get(sli.recorder, []) if row.scheduled >= baseline[0]]
        slis.append((sli.source, Search(sli, plan, history, samples, sends, off).outages()))
    rto = rto_of(slis, plan, history, inject)
    starts = starts_of(rto, history, inject)
    loss = None if writes is None else losses(writes, rto.impact, takeover_of(history.steps))
    figures = tuple(
        Sli(
            unknown=tuple(row.scheduled for row in unknown),
            known=len(samples),
            before=share(samples, *baseline),
            during=during(samples, history, inject, rto),
            after=share(samples, *history.phases.get("after-check", (0, 0))),
            outages=tuple(found),
        )
        for samples, (_, unknown), (_, found) in zip(known, sorted_out, slis, strict=True)
    )
    is_met = met(plan, history, rto, starts, inject)
    kinds = silence_kinds(plan, history, rows, known)
    kinds |= those({"no-samples": any(not samples for samples in known)})
    kinds |= of_the_run(history, undos) | of_the_slis(plan, history, figures, inject)
    kinds |= of_the_objectives(plan, rto, starts, is_met, loss)
    return Reading(
        slis=figures,
        inject=inject,
        impact=rto.impact,
        recovered=rto.recovered,
        starts=starts,
        met=is_met,
        loss=loss,
        word=word_of(history, kinds),
        kinds=frozenset(kinds),
    )


def those(reasons: dict[str, bool]) -> set[str]:
    """The kinds of reasons that apply."""
    return {kind for kind, applies in reasons.items() if applies}


def of_the_run(history: History, undos: list[Undone]) -> set[str]:
    """What went wrong in the run itself."""
    return those(
        {
            "unsteady": history.unsteady is not None,
            "step": any(step.has_failed for step in history.steps),
            "engine": history.engine_error is not None or history.status not in (None, "completed"),
            "deviated": history.deviated,
            "undo": any(not (u.has_succeeded if u.is_declared else u.verified) for u in undos),
            "lost-recorder": bool(history.lost_recorders),
        }
    )


def of_the_slis(plan: Plan, history: History, slis: tuple[Sli, ...], inject: int | None) -> set[str]:
    """What the SLIs say of the service."""
    until = undo_begins(history)
    outages = [outage for sli in slis for outage in sli.outages]
    after = [(sli.after, asked.share) for sli, asked in zip(slis, plan.slis, strict=True)]
    faults = [step for step in history.steps if step.phase == "method" and step.role == "fault"]
    return those(
        {
            "missed-before": any(is_early(outage, inject, until) for outage in outages),
            "after": any(share is not None and share < least for share, least in after),
            "no-end": any(outage.ended is None for outage in outages),
            "not-landed": any(not has_landed(step, outages, until) for step in faults),
            "no-inject": inject is None and (plan.rto is not None or plan.rpo is not None),
        }
    )


def is_early(outage: Outage, inject: int | None, until: int) -> bool:
    """Whether it began before anything was broken on purpose, or though nothing was, and before the undo."""
    if outage.impact >= until:
        return False
    if inject is None or outage.began[1] < inject:
        return True
    return outage.recovered is not None and outage.recovered < inject


def of_the_objectives(
    plan: Plan, rto: Incident, starts: dict[str, Length], is_met: bool | None, loss: Losses | None
) -> set[str]:
    """What the objectives say of RTO and RPO."""
    return those(
        {
            "not-back": rto.impact is not None and rto.recovered is None,
            "rto": is_met is False,
            "no-start": plan.rto is not None and rto.recovered is not None and plan.rto_from not in starts,
            "rpo": loss is not None and plan.rpo is not None and is_over(loss, plan.rpo),
            "split-brain": loss is not None and loss.split_brain > 0,
            "not-read": loss is not None and loss.not_read > 0,
            "no-ack": loss is not None and loss.acknowledged == 0,
        }
    )


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
