"""Processes by an identity that lasts: the pid and when it started, since a pid alone is reused."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

GONE_WITHIN_S = 2.0


def start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since the boot; None when it has ended."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def _state(pid: int) -> str:
    """The state letter of a process; empty when there is none."""
    return (_stat(pid) or [""])[0]


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def boot() -> str:
    """This boot of the host; processes of another boot are gone."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that leads its own session."""

    name: str
    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, name: str, pid: int) -> Identity | None:
        """The identity of a running process; None when it is gone already."""
        started = start_ticks(pid)
        return None if started is None else cls(name, pid, started, boot())

    @property
    def is_alive(self) -> bool:
        """Whether this very process runs."""
        return self.boot == boot() and start_ticks(self.pid) == self.started

    @property
    def is_stopped(self) -> bool:
        """Whether a signal holds this very process: SIGSTOP, or Ctrl-Z."""
        return self.is_alive and _state(self.pid) == "T"

    def kill(self) -> None:
        """SIGKILL to it alone, and wait until it is gone."""
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGKILL)
        self._wait()

    def kill_group(self) -> bool:
        """SIGKILL to it and to everything in its session's group; whether it is gone."""
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self._wait()
        return not self.is_alive

    def _wait(self) -> None:
        deadline_s = time.monotonic() + GONE_WITHIN_S
        while self.is_alive and time.monotonic() < deadline_s:
            time.sleep(0.01)
