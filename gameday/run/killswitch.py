"""The kill switch: a file that stops one drill, or all of them and blocks new ones until it is lifted."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
from pathlib import Path

from gameday import clock
from gameday.errors import GamedayError
from gameday.files import write_atomically
from gameday.reading import Unreadable, read_text

NAME = ".halt"
LARGEST_BYTES = 10_000


def throw(folder: Path, why: str) -> Path:
    """Stop whatever runs in `folder`: a run's folder, or the results folder for all runs.

    Raises GamedayError when it cannot be thrown.
    """
    path = folder / NAME
    notice = {"at": clock.rfc3339(clock.Tie.take().utc_ns), "by": _whoever(), "why": why}
    try:
        write_atomically(path, json.dumps(notice) + "\n")
    except OSError as error:
        if not os.path.lexists(path):
            raise GamedayError(f"the kill switch {path} cannot be thrown: {error.strerror}") from None
        # whatever lies there is a kill switch that is thrown
    return path


def lift(folder: Path) -> bool:
    """Allow runs again; whether the switch was thrown. Raises GamedayError when it cannot be lifted."""
    path = folder / NAME
    is_thrown = os.path.lexists(path)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise GamedayError(f"{path} cannot be removed: {error.strerror}; remove it by hand") from None
    return is_thrown


def thrown(folder: Path) -> str | None:
    """Why and by whom the switch is thrown; None when it is not.

    Whatever has the name counts, made by hand or not: a file, a folder, a pipe, a link to nowhere.
    """
    path = folder / NAME
    if not os.path.lexists(path):
        return None
    with contextlib.suppress(FileNotFoundError, Unreadable, ValueError, KeyError, TypeError, RecursionError):
        notice = json.loads(read_text(path, LARGEST_BYTES))
        return f"the kill switch was thrown by {notice['by']} at {notice['at']}: {notice['why']}"
    return f"the kill switch {path} is thrown"


def _whoever() -> str:
    """Who throws it; a container's user may have no name."""
    with contextlib.suppress(KeyError, OSError):
        return getpass.getuser()
    return f"user {os.getuid()}"
