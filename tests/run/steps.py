"""Actions that tests play."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

from gameday.faults.protocol import Landed, Undo, fault, landed


def start_in_background(command: list[str]) -> int:
    """Start a Python program that outlives the engine; its pid."""
    return subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ).pid


def start_a_child(pidfile: str) -> None:
    """Start a program in the engine's own session, and leave it running."""
    child = subprocess.Popen(["sleep", "300"], stdin=subprocess.DEVNULL)
    Path(pidfile).write_text(str(child.pid))


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


def blip(pidfile: str) -> bool:
    """Freeze a service until its probes have timed out, and let it go on."""
    pid = int(Path(pidfile).read_text())
    os.kill(pid, signal.SIGSTOP)
    time.sleep(1.2)
    os.kill(pid, signal.SIGCONT)
    time.sleep(0.3)
    return True


# called after everything that overwrite and restore do to a file
witnesses: list[Callable[[], None]] = []
# the files that cannot be restored for now
stuck: set[str] = set()


@fault
def overwrite(path: str, text: str) -> Generator[Undo, None, Landed]:
    """A small real fault: a file has another text, or is there at all."""
    before = Path(path).read_text() if Path(path).exists() else None
    yield Undo(restore, verify=is_restored, path=path, before=before)
    put(path, text)
    return landed(Path(path).read_text() == text, "read back")


def restore(path: str, before: str | None) -> str:
    """Undo of `overwrite`: the text that was there before, or no file."""
    if path in stuck:
        raise OSError(f"{path} is stuck")
    put(path, before)
    return f"{path} is as before"


def is_restored(path: str, before: str | None) -> bool:
    """Whether the file is as it was."""
    return (Path(path).read_text() if Path(path).exists() else None) == before


def put(path: str, text: str | None) -> None:
    """Write a file, or remove it."""
    if text is None:
        Path(path).unlink(missing_ok=True)
    else:
        Path(path).write_text(text)
    for witness in witnesses:
        witness()
