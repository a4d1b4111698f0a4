"""The verdict: objectives against measurements. Pure: it judges the history, not the moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gameday.clock import NS_PER_S
from gameday.experiment.model import FAULT
from gameday.measure.figures import Figures
from gameday.measure.history import History, Step
from gameday.measure.plan import Plan, SliPlan
from gameday.phases import METHOD, VERIFICATION
from gameday.units import at_most, percent, spoken

Word = Literal["passed", "failed", "inconclusive", "halted", "aborted"]


@dataclass(frozen=True, slots=True)
class UndoState:
    """What became of an undo."""

    step: str
    fault: str
    state: str
    verified: bool
    detail: str = ""
    is_declared: bool = False

    @property
    def is_put_back(self) -> bool:
        """Whether it is undone as far as can be known; an undo of the experiment cannot be read back."""
        return self.verified or (self.is_declared and self.state == "undone")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict and every reason for it, the decisive ones first."""

    word: Word
    reasons: tuple[str, ...]


def judge_run(plan: Plan, history: History, figures: Figures, undos: list[UndoState]) -> Verdict:
    """Judge a run.

    A run that was cut short is `aborted` or `halted`; one that missed something is `failed`; one that
    cannot know is `inconclusive`; only what is left has `passed`.
    """
    missed = [*_misses(plan, history, figures), *_left_behind(undos)]
    unknown = list(_unknowns(plan, history, figures))
    if history.aborted is not None:
        return Verdict("aborted", (history.aborted, *missed))
    if history.halted is not None:
        return Verdict("halted", (history.halted, *missed))
    if missed:
        return Verdict("failed", (*missed, *unknown))
    if unknown:
        return Verdict("inconclusive", tuple(unknown))
    return Verdict("passed", tuple(_praise(plan, figures)))


def rto_met(plan: Plan, history: History, figures: Figures) -> bool | None:
    """Whether the RTO is within its objective, by its upper bound; None when not asked or not known."""
    rto = figures.rto
    if plan.rto is None or history.moments["inject"] is None or _nobody_asked(plan):
        return None
    if not rto.recovered:
        return None if history.is_cut_short else False
    if not rto.impact_seen:
        return True
    interval = rto.starts.get(plan.rto_from)
    return None if interval is None else interval.high_ns <= round(plan.rto * NS_PER_S)


def rpo_met(plan: Plan, figures: Figures) -> bool | None:
    """Whether the RPO is within its objective; None when that is not asked or not known."""
    loss = figures.loss
    if plan.rpo is None or loss is None or figures.rpo_s is None or loss.not_read or not loss.acknowledged:
        return None
    return figures.rpo_s <= plan.rpo and not (plan.rpo == 0 and loss.lost)


def _misses(plan: Plan, history: History, figures: Figures) -> Iterator[str]:
    """What is known to have gone wrong."""
    if history.unsteady is not None:
        yield history.unsteady
    if history.engine_error is not None:
        yield f"the engine failed: {history.engine_error}"
    yield from _failed_steps(history)
    yield from _chaos_toolkit_says(history)
    yield from _missed_before_the_fault(history, figures)
    yield from _missed_rto(plan, history, figures)
    yield from _missed_at_second_hand(plan, history, figures)
    yield from _missed_rpo(plan, figures)
    yield from _not_as_before(history, figures)


def _failed_steps(history: History) -> Iterator[str]:
    for step in history.steps:
        if history.is_cut_short and step.ended_ns is None:
            continue  # it was interrupted, which is no failure of its own
        if step.has_failed and step.kind == "action":
            why = step.error or (f"exit code {step.exit_code}" if step.exit_code else step.status)
            yield f"the action '{step.name}' failed: {why}"
        elif step.has_failed:
            yield f"the probe '{step.name}' failed: {step.error or step.status}"


def _chaos_toolkit_says(history: History) -> Iterator[str]:
    if history.deviated:
        yield "the steady state deviated: Chaos Toolkit's hypothesis did not hold after the method"
    elif history.is_cut_short:
        return  # what Chaos Toolkit says of a run that was stopped says nothing of the system
    elif history.status in ("aborted", "interrupted") and METHOD in history.phases:
        yield f"the method was not played to its end (Chaos Toolkit status '{history.status}')"
    elif history.status == "failed" or (history.status and METHOD not in history.phases):
        yield f"the steady state was not met before the method (Chaos Toolkit status '{history.status}')"


def _missed_before_the_fault(history: History, figures: Figures) -> Iterator[str]:
    """The steady state was not there when the fault came: what came of the fault cannot be told apart."""
    inject_ns = history.moments["inject"]
    for sli in figures.slis:
        counted = [outage for outage in sli.outages if outage.impact_ns < history.watched_until_ns]
        if inject_ns is None and counted:
            yield f"'{sli.plan.name}' missed its objective, though nothing was broken on purpose"
        elif inject_ns is not None and any(
            outage.surely_began_before(inject_ns) or outage.is_over_by(inject_ns) for outage in counted
        ):
            yield f"'{sli.plan.name}' missed its objective before the fault"


def _missed_rto(plan: Plan, history: History, figures: Figures) -> Iterator[str]:
    rto = figures.rto
    if not rto.recovered:
        if not history.is_cut_short:
            yield f"service did not come back within the deadline of {spoken(plan.deadline)}"
    elif plan.rto is not None and rto_met(plan, history, figures) is False:
        high_s = rto.starts[plan.rto_from].high_ns / NS_PER_S
        yield f"RTO of up to {at_most(high_s)} is over the objective of {spoken(plan.rto)}"


def _missed_at_second_hand(plan: Plan, history: History, figures: Figures) -> Iterator[str]:
    """What starts and ends no RTO has to hold its objective again by the same deadline."""
    inject_ns = history.moments["inject"]
    if inject_ns is None or history.is_cut_short:
        return
    limit_ns = min(history.watched_until_ns, inject_ns + plan.deadline_ns)
    for sli in figures.slis:
        outages = () if sli.plan.is_first_hand else sli.outages
        if any(
            not outage.is_over_by(inject_ns)
            and outage.impact_ns < history.watched_until_ns
            and not outage.is_over_by(limit_ns)
            for outage in outages
        ):
            yield f"'{sli.plan.name}' did not hold its objective again within {spoken(plan.deadline)}"


def _nobody_asked(plan: Plan) -> bool:
    """Whether no SLI asks the service itself, so that there is no RTO."""
    return bool(plan.slis) and not any(sli.is_first_hand for sli in plan.slis)


def _missed_rpo(plan: Plan, figures: Figures) -> Iterator[str]:
    loss = figures.loss
    if loss is None or figures.rpo_s is None:
        return
    lost = f"{loss.lost} of {loss.acknowledged} acknowledged writes are lost"
    if plan.rpo is not None and figures.rpo_s > plan.rpo:
        yield f"RPO of {at_most(figures.rpo_s)} is over the objective of {spoken(plan.rpo)}: {lost}"
    elif plan.rpo == 0 and loss.lost:
        yield lost
    if loss.split_brain:
        yield f"split brain: {loss.split_brain} writes acknowledged after the takeover are lost"


def _not_as_before(history: History, figures: Figures) -> Iterator[str]:
    """After the undo service has to be as it was."""
    if not history.is_checked_afterwards:
        return
    for sli in figures.slis:
        if sli.after is not None and sli.after < sli.plan.share:
            share = percent(sli.after)
            yield f"'{sli.plan.name}' is at {share} after the undo, objective {sli.plan.objective}"
        elif any(outage.recovered_ns is None for outage in sli.outages):
            yield f"'{sli.plan.name}' did not hold its objective again before the run ended"


def _left_behind(undos: list[UndoState]) -> Iterator[str]:
    for undo in undos:
        if not undo.is_put_back:
            yield f"the undo of '{undo.step}' is {undo.state}" + (f": {undo.detail}" if undo.detail else "")


def _unknowns(plan: Plan, history: History, figures: Figures) -> Iterator[str]:
    """What cannot be known from this run."""
    if history.dry is not None:
        yield f"a dry run: its {history.dry} were not played, and nothing was measured"
    has_objective = plan.rto is not None or plan.rpo is not None
    if has_objective and history.moments["inject"] is None:
        yield "the method has no action, so nothing was broken and the objectives were not tried"
    if plan.rto is not None and _nobody_asked(plan):
        yield "no SLI asks the service itself, so the RTO was not measured"
    yield from _unproved_faults(history, figures)
    yield from _gaps(plan, history, figures)
    yield from (f"'{sli.plan.name}' has no samples" for sli in figures.slis if not sli.samples)
    if plan.rto is not None and figures.rto.starts and plan.rto_from not in figures.rto.starts:
        is_late = history.moments.get(plan.rto_from) is not None
        why = "which came only after service was back" if is_late else "which nobody said"
        yield f"the RTO counts from '{plan.rto_from}', {why}"
    if figures.loss is not None and VERIFICATION in history.phases:
        if figures.loss.not_read:
            yield f"{figures.loss.not_read} of the ledger's writes could not be read back"
        elif not figures.loss.acknowledged:
            yield "the ledger has no acknowledged write, so the RPO says nothing"


def _unproved_faults(history: History, figures: Figures) -> Iterator[str]:
    for step in history.with_role(FAULT):
        if step.landed is False:
            yield f"the fault '{step.name}' did not land: {step.proof}"
        elif step.landed or step.has_failed:
            continue
        elif not _is_followed_by_an_outage(step, history, figures):
            yield f"the fault '{step.name}' is not proved to have landed, and no impact was seen"


def _is_followed_by_an_outage(step: Step, history: History, figures: Figures) -> bool:
    """Whether an outage may have begun since the step did, and before the undo."""
    return any(
        not outage.surely_began_before(step.started_ns) and outage.impact_ns < history.watched_until_ns
        for sli in figures.slis
        for outage in sli.outages
    )


def _gaps(plan: Plan, history: History, figures: Figures) -> Iterator[str]:
    for name in history.lost_recorders:
        yield f"the recorder '{name}' ended before the run did"
    silent = set(history.lost_recorders)
    for recorder in figures.recorders:
        if recorder.silence.unexplained:
            yield (
                f"the recorder '{recorder.name}' was the bottleneck itself: "
                f"{recorder.silence.unexplained} of its {recorder.samples} samples were not sent"
            )
        if recorder.name in silent or recorder.period_ns is None:
            continue
        if recorder.silence.is_too_long(recorder.period_ns):
            silent.add(recorder.name)
            yield f"the recorder '{recorder.name}' was silent for {spoken(recorder.silence.longest_gap_s)}"
    for sli in figures.slis:
        period_ns = sli.plan.period_ns
        if period_ns is None or sli.plan.recorder in silent:
            continue
        if sli.silence.is_too_long(period_ns, _matters_ns(plan, sli.plan, period_ns)):
            longest = spoken(sli.silence.longest_gap_s)
            why = "its recorder was held up" if sli.plan.is_first_hand else "its source gave no value"
            yield f"nothing is known of '{sli.plan.name}' for {longest}: {why}"


def _matters_ns(plan: Plan, sli: SliPlan, period_ns: int) -> int | None:
    """How long an outage that misses the RTO may go unseen: less what a window bears, and a period."""
    if plan.rto is None or not sli.is_first_hand:
        return None
    return round(plan.rto * NS_PER_S) - int((1 - sli.share) * sli.window_ns) - period_ns


def _praise(plan: Plan, figures: Figures) -> Iterator[str]:
    """Why a run passed."""
    rto = figures.rto
    if plan.rto is not None:
        if not rto.impact_seen:
            yield "no impact seen: every SLI held its objective"
        else:
            high_s = rto.starts[plan.rto_from].high_ns / NS_PER_S
            yield f"RTO of at most {at_most(high_s)}, objective {spoken(plan.rto)}"
    if plan.rpo is not None and figures.loss is not None and figures.rpo_s is not None:
        lost = f"{figures.loss.lost} of {figures.loss.acknowledged} acknowledged writes lost"
        yield f"RPO of {at_most(figures.rpo_s)}, objective {spoken(plan.rpo)}: {lost}"
    if plan.rto is None and plan.rpo is None:
        yield "the steady state held and every activity succeeded"
