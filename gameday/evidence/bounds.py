"""How much a pack may hold before it is parsed: far more than a run makes, far less than fills memory.

Whoever makes a pack also chooses what is in it: a file of few bytes may parse, or decode, to many gigabytes.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import IO, Any

from gameday.errors import GamedayError

MOST_TEXT = 256 << 20  # bytes of one text that is read
MOST_SEAL = 16 << 20  # bytes of a manifest, a seal, a time stamp, and what was added
MOST_VALUES = 3_000_000  # of one JSON text: some 100 bytes of memory each
MOST_SLIS = 1000


class OutOfBounds(GamedayError):
    """A file holds more than a run can make."""


def open_file(path: Path) -> IO[bytes]:
    """A regular file; OSError for anything else: a link is not followed, a pipe is not waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path.name} is not a file")
    return os.fdopen(descriptor, "rb")


def parsed(data: bytes) -> Any:
    """JSON that others wrote. Raises ValueError, whatever is wrong with it."""
    if values_in(data) > MOST_VALUES:
        raise ValueError(f"it has more than {MOST_VALUES} values")
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def values_in(data: bytes) -> int:
    """At most so many values are in a JSON text."""
    return sum(data.count(mark) for mark in (b",", b"[", b"{"))


def check_text(name: str, data: bytes) -> None:
    """Raise OutOfBounds when a text, or the plan in it, is more than a run makes."""
    if values_in(data) > MOST_VALUES:
        raise OutOfBounds(f"{name} has more than {MOST_VALUES} values")
    if name == "plan.json":
        try:
            plan = parsed(data)
        except ValueError as error:
            raise OutOfBounds(f"{name} is no plan: {error}") from None
        slis = plan.get("slis") if isinstance(plan, dict) else None
        if isinstance(slis, list) and len(slis) > MOST_SLIS:
            raise OutOfBounds(f"plan.json has {len(slis)} SLIs; {MOST_SLIS} are the most")
