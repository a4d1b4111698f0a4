"""The kill switch: a file that stops one drill, or all of them and blocks new ones until it is lifted."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

from gameday import clock
from gameday.files import write_atomically

NAME = ".halt"


def throw(folder: Path, why: str) -> Path:
    """Stop whatever runs in `folder`: a run's folder, or the results folder for all runs."""
    path = folder / NAME
    notice = {"at": clock.rfc3339(clock.Tie.take().utc_ns), "by": getpass.getuser(), "why": why}
    write_atomically(path, json.dumps(notice) + "\n")
    return path


def lift(folder: Path) -> bool:
    """Allow runs again; whether the switch was thrown."""
    path = folder / NAME
    is_thrown = path.exists()
    path.unlink(missing_ok=True)
    return is_thrown


def thrown(folder: Path) -> str | None:
    """Why and by whom the switch is thrown; None when it is not. A file made by hand counts too."""
    path = folder / NAME
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    try:
        notice = json.loads(text)
        return f"the kill switch was thrown by {notice['by']} at {notice['at']}: {notice['why']}"
    except (ValueError, KeyError, TypeError):
        return f"the kill switch {path} is thrown"
