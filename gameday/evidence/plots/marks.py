"""The moments and the steps that act: what a timeline of the run has to name."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.evidence.record import Record, StepPart
from gameday.evidence.report.wording import utc_ns

MAX_MARKS = 40

# a moment and the step that is the same thing
ROLE_OF_MOMENT = {"inject": "fault", "failover": "failover", "failback": "failback"}
KIND_OF_MOMENT = ROLE_OF_MOMENT | {
    "impact": "fault",
    "takeover": "failover",
    "detect": "signal",
    "acknowledge": "signal",
    "declare": "signal",
    "mitigate": "signal",
    "recovered": "recovered",
    "verified": "recovered",
}


def marks(record: Record) -> Iterator[tuple[str, str, str]]:
    """Moments and acting steps as (moment, label, kind); a step that is a moment is told once."""
    told: set[int] = set()
    for name, moment in record.moments.items():
        if moment is None:
            continue
        place = _step_of(name, moment, record.steps)
        if place is not None:
            told.add(place)
        label = name if place is None else f"{name}: {record.steps[place].name}"
        yield moment, label, KIND_OF_MOMENT.get(name, "")
    others = (step for index, step in enumerate(record.steps) if index not in told)
    acting = [step for step in others if step.role is not None or step.kind == "action"]
    for step in acting[:MAX_MARKS]:
        yield step.started, step.name, step.role or ""


def _step_of(name: str, moment: str, steps: list[StepPart]) -> int | None:
    """The step whose start this moment is: of the moment's role, and within 50 ms."""
    role = ROLE_OF_MOMENT.get(name)
    for index, step in enumerate(steps):
        if step.role == role and role and abs(utc_ns(step.started) - utc_ns(moment)) <= 50_000_000:
            return index
    return None
