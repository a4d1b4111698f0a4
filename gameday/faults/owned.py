"""Servers that live no longer than the process that started them, such as those of a demo."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from gameday.files import write_atomically
from gameday.processes import Identity

OWNER = "owner.json"


def claim(folder: Path) -> None:
    """Say that what has its data in this folder belongs to this process, and is over when it ends."""
    identity = Identity.of("owner", os.getpid())
    if identity is not None:
        write_atomically(folder / OWNER, json.dumps(asdict(identity)))


def is_gone(data: Path) -> bool:
    """Whether a server is gone for good: its data directory is, or the process that it belonged to."""
    if not data.exists():
        return True
    try:
        return not Identity(**json.loads((data.parent / OWNER).read_text())).is_alive
    except (OSError, ValueError, TypeError):
        return False
