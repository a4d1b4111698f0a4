"""A control and a probe that experiments of the tests name."""

from __future__ import annotations

from typing import Any

from chaoslib.exceptions import InterruptExecution


def before_activity_control(context: Any, **_: Any) -> None:
    """A control that changes what the journal says of the activity."""
    context["noted"] = True


def give_none() -> None:
    """A probe whose value no range can judge."""


def interrupt() -> None:
    """An action that asks for the run to end here."""
    raise InterruptExecution("enough")
