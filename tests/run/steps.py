"""Actions that tests play."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path


def start_in_background(command: list[str]) -> int:
    """Start a Python program that outlives the engine; its pid."""
    return subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ).pid


def take_memory(more_mb: int) -> None:
    """Take memory without end; this process may have only so much more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    taken = []
    while True:
        taken.append(bytearray(1024 * 1024))


def die_as_by_the_oom_killer() -> None:
    """End this process as the kernel does when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)
