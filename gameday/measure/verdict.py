"""The verdict: objectives against measurements. Pure: it judges the history, not the moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gameday.experiment.model import FAULT
from gameday.measure.figures import Figures
from gameday.measure.history import History
from gameday.measure.plan import Plan, SliPlan
from gameday.phases import METHOD, VERIFICATION
from gameday.units import at_most, spoken

Word = Literal["passed", "failed", "inconclusive", "halted", "aborted"]

# an open-loop recorder that was silent longer than this may have missed an outage
GAP_PERIODS = 10
GAP_LEAST_S = 0.5


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


def _misses(plan: Plan, history: History, figures: Figures) -> Iterator[str]:
    """What is known to have gone wrong."""
    if history.unsteady is not None:
        yield history.unsteady
    if history.engine_error is not None:
        yield f"the engine failed: {history.engine_error}"
    for step in history.steps:
        if history.is_cut_short and step.ended_ns is None:
            continue  # it was interrupted, which is no failure of its own
        if step.has_failed and step.kind == "action":
            why = step.error or (f"exit code {step.exit_code}" if step.exit_code else step.status)
            yield f"the action '{step.name}' failed: {why}"
        elif step.has_failed:
            yield f"the probe '{step.name}' failed: {step.error or step.status}"
    if history.deviated:
        yield "the steady state deviated: Chaos Toolkit's hypothesis did not hold after the method"
    elif history.is_cut_short:
        pass  # what Chaos Toolkit says of a run that was stopped says nothing of the system
    elif history.status in ("failed", "aborted", "interrupted") or (
        history.status and not _was_played(history)
    ):
        yield f"the steady state was not met before the method (Chaos Toolkit status '{history.status}')"
    yield from _missed_rto(plan, history, figures)
    yield from _missed_rpo(plan, figures)
    for sli in figures.slis:
        if sli.after is not None and sli.after < sli.plan.share:
            yield f"'{sli.plan.name}' is at {sli.after:.2%} after the undo, objective {sli.plan.objective}"


def _was_played(history: History) -> bool:
    return METHOD in history.phases


def _missed_rto(plan: Plan, history: History, figures: Figures) -> Iterator[str]:
    rto = figures.rto
    if not rto.recovered:
        if history.is_cut_short:
            return
        yield f"service did not come back within the deadline of {spoken(plan.deadline)}"
    elif plan.rto is not None and plan.rto_from in rto.starts:
        _, _, high_s = rto.starts[plan.rto_from]
        if high_s > plan.rto:
            yield f"RTO of up to {at_most(high_s)} is over the objective of {spoken(plan.rto)}"


def _missed_rpo(plan: Plan, figures: Figures) -> Iterator[str]:
    loss = figures.loss
    if loss is None or figures.rpo_s is None:
        return
    if plan.rpo is not None and figures.rpo_s > plan.rpo:
        yield (
            f"RPO of {spoken(figures.rpo_s)} is over the objective of {spoken(plan.rpo)}: "
            f"{loss.lost} of {loss.acknowledged} acknowledged writes are lost"
        )
    elif plan.rpo == 0 and loss.lost:
        yield f"{loss.lost} of {loss.acknowledged} acknowledged writes are lost"
    if loss.split_brain:
        yield f"split brain: {loss.split_brain} writes acknowledged after the takeover are lost"


def _left_behind(undos: list[UndoState]) -> Iterator[str]:
    for undo in undos:
        if not undo.is_put_back:
            yield f"the undo of '{undo.step}' is {undo.state}" + (f": {undo.detail}" if undo.detail else "")


def _unknowns(plan: Plan, history: History, figures: Figures) -> Iterator[str]:
    """What cannot be known from this run."""
    yield from _unproved_faults(history, figures)
    yield from _gaps(history, figures)
    yield from (f"'{sli.plan.name}' has no samples" for sli in figures.slis if not sli.samples)
    if plan.rto is not None and figures.rto.starts and plan.rto_from not in figures.rto.starts:
        yield f"the RTO counts from '{plan.rto_from}', which nobody said"
    if figures.loss is not None and VERIFICATION in history.phases:
        if figures.loss.not_read:
            yield f"{figures.loss.not_read} of the ledger's writes could not be read back"
        elif not figures.loss.acknowledged:
            yield "the ledger has no acknowledged write, so the RPO says nothing"


def _unproved_faults(history: History, figures: Figures) -> Iterator[str]:
    for step in history.with_role(FAULT):
        if step.landed is False:
            yield f"the fault '{step.name}' did not land: {step.proof}"
        elif step.landed is None and not step.has_failed and not figures.rto.impact_seen:
            yield f"the fault '{step.name}' is not proved to have landed, and no impact was seen"


def _gaps(history: History, figures: Figures) -> Iterator[str]:
    for name in history.lost_recorders:
        yield f"the recorder '{name}' ended before the run did"
    for recorder in figures.recorders:
        if (
            recorder.period_s is None
            or recorder.longest_gap_s is None
            or recorder.name in history.lost_recorders
        ):
            continue
        if recorder.longest_gap_s > max(GAP_LEAST_S, GAP_PERIODS * recorder.period_s):
            yield f"the recorder '{recorder.name}' was silent for {spoken(recorder.longest_gap_s)}"


def _praise(plan: Plan, figures: Figures) -> Iterator[str]:
    """Why a run passed."""
    rto = figures.rto
    if plan.rto is not None:
        if not rto.impact_seen:
            yield "no impact seen: every SLI held its objective"
        else:
            yield f"RTO of at most {at_most(rto.starts[plan.rto_from][2])}, objective {spoken(plan.rto)}"
    if plan.rpo is not None and figures.loss is not None and figures.rpo_s is not None:
        lost = f"{figures.loss.lost} of {figures.loss.acknowledged} acknowledged writes lost"
        yield f"RPO of {spoken(figures.rpo_s)}, objective {spoken(plan.rpo)}: {lost}"
    if plan.rto is None and plan.rpo is None:
        yield "the steady state held and every activity succeeded"


def baseline_trouble(shares: list[tuple[SliPlan, float | None]]) -> str | None:
    """Why the steady state does not hold in the baseline, from every SLI's good share; None when it does."""
    for sli, share in shares:
        if share is None:
            return f"'{sli.name}' has no samples in the baseline"
        if share < sli.share:
            return f"'{sli.name}' was at {share:.2%} before the method, objective {sli.objective}"
    return None
