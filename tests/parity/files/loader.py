"""A control that changes the experiment while it is loaded."""

from __future__ import annotations

from typing import Any


def after_loading_experiment_control(context: Any, state: Any = None, **more: Any) -> None:
    state["x-loaded"] = True
