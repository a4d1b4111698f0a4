"""Moments of a run, from the steps that were played: one answer for the runner and for the record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from gameday.experiment.model import FAILBACK, FAILOVER, FAULT
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


def moments(steps: Sequence[Played]) -> dict[str, int | None]:
    """Every moment that steps tell. `takeover`: the end of the first failover step that succeeded."""
    failovers = [step for step in steps if step.role == FAILOVER]
    ended = [step.ended_ns for step in failovers if step.ended_ns is not None and not step.has_failed]
    return {
        "inject": inject_ns(steps),
        "detect": None,
        "declare": None,
        "failover": _first(failovers),
        "takeover": min(ended, default=None),
        "failback": _first([step for step in steps if step.role == FAILBACK]),
    }


def _first(steps: Sequence[Played]) -> int | None:
    return min((step.started_ns for step in steps), default=None)
