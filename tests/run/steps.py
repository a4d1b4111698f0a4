"""Actions that tests play."""

from __future__ import annotations

import subprocess
import sys


def start_in_background(command: list[str]) -> int:
    """Start a Python program that outlives the engine; its pid."""
    return subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ).pid
