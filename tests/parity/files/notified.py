"""A plug-in that is told how the run goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def notify(settings: Any, payload: Any) -> None:
    """Write it down."""
    with Path("notified.txt").open("a") as file:
        file.write(payload["name"] + "\n")
