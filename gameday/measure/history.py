"""What happened in a run, read from its timeline: phases, steps, moments, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from gameday.clock import Tie
from gameday.events import Event, unplanned
from gameday.measure.moments import moments
from gameday.measure.said import AlarmTold, Said, alarms_in, said_in
from gameday.phases import AFTER_CHECK, BASELINE, METHOD, RECOVERY, VERIFICATION

# the phases whose outages count; later ones come of the undo
COUNTED = (BASELINE, METHOD, RECOVERY, VERIFICATION)


@dataclass(frozen=True, slots=True)
class Step:
    """One activity that was played; times on the run clock."""

    name: str
    kind: str
    phase: str
    started_ns: int
    ended_ns: int | None = None
    role: str | None = None
    runbook: str | None = None
    status: str = "unfinished"
    landed: bool | None = None
    proof: str | None = None
    where: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    error: str | None = None
    exit_code: int | None = None
    id: str | None = None

    @property
    def has_failed(self) -> bool:
        """Whether the activity failed: chaoslib says so, or it is an action whose process did."""
        return self.status != "succeeded" or (self.kind == "action" and self.exit_code not in (None, 0))


@dataclass(frozen=True, slots=True)
class History:
    """A run as it went. Phases are spans on the run clock, in order."""

    started: Tie
    ended: Tie
    phases: dict[str, tuple[int, int]]
    steps: tuple[Step, ...]
    halted: str | None = None
    aborted: str | None = None
    unsteady: str | None = None
    status: str | None = None
    deviated: bool = False
    engine_error: str | None = None
    dry: str | None = None
    lost_recorders: tuple[str, ...] = ()
    moments: dict[str, int | None] = field(default_factory=dict)
    said: tuple[Said, ...] = ()
    alarms: tuple[AlarmTold, ...] = ()
    guardrails: tuple[str, ...] = ()
    approvals: tuple[dict[str, str], ...] = ()
    deviations: tuple[str, ...] = ()

    @property
    def is_cut_short(self) -> bool:
        """Whether the run was stopped before its end."""
        return self.halted is not None or self.aborted is not None

    def phase_at(self, at_ns: int) -> str | None:
        """The phase that a moment lies in."""
        return next((name for name, (start, end) in self.phases.items() if start <= at_ns < end), None)

    @property
    def steady(self) -> tuple[int, int]:
        """The steady state: the baseline, which the method ends; empty for a run without one."""
        return self.phases.get(BASELINE, (self.started.monotonic_ns,) * 2)

    @property
    def watched_until_ns(self) -> int:
        """The end of what counts: an outage that begins later comes of the undo."""
        spans = [self.phases[name] for name in COUNTED if name in self.phases]
        return max((end for _, end in spans), default=self.started.monotonic_ns)

    @property
    def is_checked_afterwards(self) -> bool:
        """Whether it was watched that service is as before."""
        return AFTER_CHECK in self.phases

    def with_role(self, *roles: str) -> list[Step]:
        """The steps that have one of these roles."""
        return [step for step in self.steps if step.role in roles]


def from_timeline(events: Iterable[dict[str, Any]]) -> History:
    """The history that a timeline tells; a run cut short has the phases it reached."""
    ties: list[Tie] = []
    marks: list[tuple[str, int]] = []
    steps: list[Step] = []
    facts: dict[str, Any] = {}
    lost: list[str] = []
    deviations: list[str] = []
    last_ns = 0
    events = list(events)
    for event in events:
        last_ns = max(last_ns, int(event["t_ns"]))
        match event["event"]:
            case Event.CLOCK:
                ties.append(Tie(event["monotonic_ns"], event["utc_ns"], event.get("boot")))
            case Event.RUN:
                facts["dry"] = event.get("dry")
            case Event.PHASE:
                marks.append((event["name"], event["t_ns"]))
            case Event.STEP_STARTED:
                steps.append(started(event))
            case Event.STEP_ENDED:
                finish(steps, event)
            case Event.HALTED | Event.ABORTED | Event.UNSTEADY:
                facts.setdefault(event["event"], str(event["reason"]))
            case Event.ENGINE_ERROR:
                facts["engine_error"] = str(event["error"])
            case Event.ENGINE_ENDED:
                facts.update(status=event["status"], deviated=bool(event["deviated"]))
            case Event.RECORDER_LOST:
                lost.append(str(event["name"]))
            case Event.PERMITTED:
                facts.update(guardrails=tuple(event["guardrails"]), approvals=tuple(event["approvals"]))
        if (deviation := unplanned(event)) is not None:
            deviations.append(deviation)
    ended = ties[-1] if len(ties) > 1 else Tie(last_ns, ties[0].utc_ns + last_ns - ties[0].monotonic_ns)
    said, alarms = said_in(events), alarms_in(events, ties[0])
    ends = [start for _, start in marks[1:]] + [max(last_ns, ended.monotonic_ns)]
    phases = {name: (start, ends[number]) for number, (name, start) in enumerate(marks)}
    return History(
        ties[0],
        ended,
        phases,
        tuple(steps),
        lost_recorders=tuple(lost),
        moments=moments(steps, said, alarms),
        said=said,
        alarms=alarms,
        deviations=(*deviations, *_unlike_planned(steps)),
        **facts,
    )


def _unlike_planned(steps: list[Step]) -> Iterator[str]:
    """Steps that did not go as the experiment says."""
    for step in steps:
        if step.ended_ns is None:
            yield f"'{step.name}' did not end"
        elif step.has_failed:
            why = step.error or (f"exit code {step.exit_code}" if step.exit_code else step.status)
            yield f"'{step.name}' failed: {why}"
        elif step.landed is False:
            yield f"'{step.name}' did not land: {step.proof}"


def started(event: dict[str, Any]) -> Step:
    """The step that a `step-started` event tells of."""
    return Step(
        name=event["name"],
        kind=event["kind"] or "action",
        phase=event["part"],
        started_ns=event["t_ns"],
        role=event.get("role"),
        runbook=event.get("runbook"),
        id=event.get("id"),
    )


def finish(steps: list[Step], event: dict[str, Any]) -> None:
    """Close the step that this event is of, by its id: background steps of one name may overlap.

    A timeline without ids is read as it always was: the newest unfinished step of this name.
    """
    key = "name" if event.get("id") is None else "id"
    for index in reversed(range(len(steps))):
        if getattr(steps[index], key) == event[key] and steps[index].ended_ns is None:
            steps[index] = replace(
                steps[index],
                ended_ns=event["t_ns"],
                status=event["status"] or "failed",
                landed=event.get("landed"),
                proof=event.get("proof"),
                where=tuple(event.get("where", ())),
                targets=tuple(event.get("targets", ())),
                error=event.get("error"),
                exit_code=event.get("exit_code"),
            )
            return
