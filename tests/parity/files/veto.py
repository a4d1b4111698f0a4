"""A control that forbids one of the actions."""

from __future__ import annotations

from typing import Any

from chaoslib.exceptions import InterruptExecution


def before_activity_control(context: Any, **more: Any) -> None:
    if context["name"] == "one":
        raise InterruptExecution("not this one")
