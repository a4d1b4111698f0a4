"""The questions of a drill and their answers, in the order in which a reader asks them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gameday.evidence.record import Record, SliPart, StepPart, UndoPart
from gameday.evidence.report.facts import meaning
from gameday.evidence.report.wording import between, percent, rpo_words, rto_words
from gameday.phases import METHOD
from gameday.units import Share, spoken

Answer = Literal["passed", "failure", "error", "skipped"]
OF_VERDICT: dict[str, Answer] = {"passed": "passed", "failed": "failure"}


@dataclass(frozen=True, slots=True)
class Case:
    """One question of the drill, its answer, why in a line, and how long it took."""

    group: str
    name: str
    answer: Answer
    message: str = ""
    seconds: float | None = None


def cases(record: Record) -> Iterator[Case]:
    """The questions of the drill, in the order in which a reader asks them.

    The first is the verdict: a run that proves nothing is never green, whatever its parts say.
    """
    answer = OF_VERDICT.get(record.verdict, "error")
    yield Case("run", "verdict", answer, "; ".join(record.reasons) or meaning(record))
    yield _steady_before(record)
    yield from _objectives(record)
    yield from (_sli(record, sli) for sli in record.slis)
    yield from (_fault(step) for step in record.steps if step.role == "fault")
    yield from (_undo(undo) for undo in record.undo)


def _steady_before(record: Record) -> Case:
    """The run goes on to its method only when the steady state held."""
    lengths = [phase.seconds for phase in record.phases if phase.name == "baseline"]
    length_s = lengths[0] if lengths else None
    name = "the steady state holds before the fault"
    bad = [step for step in record.steps if step.phase == "baseline" and step.status in ("failed", "aborted")]
    if bad:
        why = "; ".join(f"{step.name}: {step.error or step.status}" for step in bad)
        return Case("steady-state", name, "failure", why, length_s)
    missed = [sli.name for sli in record.slis if _missed_before_the_fault(record, sli)]
    if missed:
        return Case("steady-state", name, "failure", f"missed its objective: {', '.join(missed)}", length_s)
    if record.verdict == "passed" or any(phase.name == METHOD for phase in record.phases):
        return Case("steady-state", name, "passed", "", length_s)
    if record.verdict == "failed":
        return Case("steady-state", name, "failure", "; ".join(record.reasons), length_s)
    return Case("steady-state", name, "skipped", "the run ended before it was known", length_s)


def _missed_before_the_fault(record: Record, sli: SliPart) -> bool:
    """Whether an outage surely began before the fault; moments of one form sort as they follow each other."""
    injected = record.moments.get("inject")
    return injected is not None and any(
        outage.began[1] < injected or (outage.end or injected) < injected for outage in sli.outages
    )


def _objectives(record: Record) -> Iterator[Case]:
    rto, rpo = record.rto, record.rpo
    if rto is not None and rto.objective is not None:
        bounds = "" if rto.low is None or rto.high is None else f" ({between(rto.low, rto.high)})"
        cut = record.verdict in ("aborted", "halted")
        said = f"RTO from {rto.from_}: {rto_words(rto, was_cut_short=cut)}{bounds}"
        said += f", objective {spoken(rto.objective)}"
        yield Case("objectives", f"RTO within {spoken(rto.objective)}", _of(rto.met), said, rto.seconds)
    if rpo is not None and rpo.objective is not None:
        said = f"RPO: {rpo_words(rpo)}, objective {spoken(rpo.objective)}; "
        said += f"{rpo.lost} of {rpo.acknowledged} acknowledged writes lost"
        said += f", {rpo.not_read} not read back" if rpo.not_read else ""
        yield Case("objectives", f"RPO within {spoken(rpo.objective)}", _of(rpo.met), said)


def _sli(record: Record, sli: SliPart) -> Case:
    """An outage during the drill is what the drill is for; an SLI fails when it does not come back."""
    name = f"{sli.name}: at least {sli.objective} good after the drill"
    shares = (
        f"{percent(sli.before)} % good before, {percent(sli.during)} % during, {percent(sli.after)} % after"
    )
    said = f"{shares}; {len(sli.outages)} outage{'' if len(sli.outages) == 1 else 's'}"
    if not sli.samples:
        return Case("SLIs", name, "error", "no samples")
    if sli.after is None:
        return Case("SLIs", name, "skipped", f"nothing was measured after the drill; {said}")
    return Case("SLIs", name, _of(sli.after >= float(Share.parse(sli.objective))), said)


def _fault(step: StepPart) -> Case:
    name = f"landed: {step.name}"
    if step.landed:
        return Case("faults", name, "passed", step.proof or "", step.seconds)
    if step.status in ("failed", "aborted"):
        return Case("faults", name, "failure", step.error or step.status, step.seconds)
    if step.landed is None:
        return Case("faults", name, "skipped", "not proved by the step itself", step.seconds)
    return Case("faults", name, "error", f"did not land: {step.proof or 'no proof'}", step.seconds)


def _undo(undo: UndoPart) -> Case:
    name = f"undone: {undo.step} ({undo.fault})"
    if undo.verified:
        return Case("undo", name, "passed", undo.detail)
    if undo.state == "undone":
        return Case("undo", name, "skipped", f"undone, but not read back; {undo.detail}".rstrip("; "))
    return Case("undo", name, "failure", f"{undo.state}; {undo.detail}".rstrip("; "))


def _of(met: bool | None) -> Answer:
    return "skipped" if met is None else "passed" if met else "failure"
