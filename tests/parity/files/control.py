"""A control that leaves a mark wherever it is asked."""

from __future__ import annotations

from typing import Any


def configure_control(control: Any = None, experiment: Any = None, **more: Any) -> None:
    experiment.setdefault("noted", []).append("configured")


def before_experiment_control(context: Any, **more: Any) -> None:
    context["x-before"] = "seen"


def after_experiment_control(context: Any, state: Any = None, **more: Any) -> None:
    state["x-after"] = "seen"


def before_hypothesis_control(context: Any, **more: Any) -> None:
    context["x-hypothesis"] = 1


def after_method_control(context: Any, state: Any = None, **more: Any) -> None:
    context["x-method"] = len(state)


def before_activity_control(context: Any, **more: Any) -> None:
    context["x-activity"] = context["name"]


def after_activity_control(context: Any, state: Any = None, **more: Any) -> None:
    state["x-state"] = state["status"]


def after_rollback_control(context: Any, state: Any = None, **more: Any) -> None:
    context["x-rollback"] = len(state)
