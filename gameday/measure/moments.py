"""Moments of a run, from the steps that were played: one answer for the runner and for the record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from gameday.events import Event
from gameday.experiment.model import FAILBACK, FAILOVER, FAULT
from gameday.measure.said import AlarmTold, Said, first_alarm, first_said
from gameday.phases import METHOD


class Played(Protocol):
    """A step as far as the moments need it; times on the run clock."""

    @property
    def kind(self) -> str: ...
    @property
    def phase(self) -> str: ...
    @property
    def role(self) -> str | None: ...
    @property
    def started_ns(self) -> int: ...
    @property
    def ended_ns(self) -> int | None: ...
    @property
    def has_failed(self) -> bool: ...


def inject_ns(steps: Iterable[Played]) -> int | None:
    """When the service was first broken on purpose; None when the method has no action.

    The first fault of the method. Without a fault the first action without a role, as in a plain Chaos
    Toolkit experiment; without one of those the first action: a planned switchover is its own fault.
    """
    played = [step for step in steps if step.phase == METHOD]
    acts = [step for step in played if step.kind == "action"]
    faults = [step for step in played if step.role == FAULT]
    unnamed = [step for step in acts if step.role is None]
    return _first(faults or unnamed or acts)


def moments(
    steps: Sequence[Played], said: Sequence[Said] = (), alarms: Sequence[AlarmTold] = ()
) -> dict[str, int | None]:
    """Every moment that steps and people tell. `takeover`: the end of the first failover step that succeeded.

    What people say of an incident counts from the fault on, but for `declare`: that is the first declaration.
    """
    injected_ns = inject_ns(steps)
    failovers = [step for step in steps if step.role == FAILOVER]
    ended = [step.ended_ns for step in failovers if step.ended_ns is not None and not step.has_failed]
    return {
        "inject": injected_ns,
        "detect": _detected_ns(said, alarms, injected_ns),
        "acknowledge": _since(said, Event.ACKNOWLEDGED, injected_ns),
        "declare": first_said(said, Event.DECLARED),
        "failover": _first(failovers),
        "takeover": min(ended, default=None),
        "mitigate": _since(said, Event.MITIGATED, injected_ns),
        "failback": _first([step for step in steps if step.role == FAILBACK]),
    }


def _detected_ns(said: Sequence[Said], alarms: Sequence[AlarmTold], since_ns: int | None) -> int | None:
    """The first that somebody noticed of the fault: a person, or an alarm that did not fire before it."""
    alarmed_ns = None if since_ns is None else first_alarm(alarms, since_ns)
    known = (_since(said, Event.DETECTED, since_ns), alarmed_ns)
    return min((at_ns for at_ns in known if at_ns is not None), default=None)


def _since(said: Sequence[Said], what: Event, since_ns: int | None) -> int | None:
    return None if since_ns is None else first_said(said, what, since_ns)


def _first(steps: Sequence[Played]) -> int | None:
    return min((step.started_ns for step in steps), default=None)
