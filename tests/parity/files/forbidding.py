"""A control that forbids to load the experiment."""

from __future__ import annotations

from typing import Any

from chaoslib.exceptions import InterruptExecution


def before_loading_experiment_control(context: Any, **more: Any) -> None:
    raise InterruptExecution("not today")
