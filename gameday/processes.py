"""Processes by an identity that lasts: the pid and when it started, since a pid alone is reused."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gameday import clock

GONE_WITHIN_S = 2.0


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module. A `queue.py` in the current folder is not taken for Python's own."""
    return [sys.executable, "-P", "-m", module, *arguments]


def import_from_here() -> None:
    """Let modules in the current folder be imported too, after all others."""
    with contextlib.suppress(FileNotFoundError):  # a folder that is gone has none
        here = str(Path.cwd())
        if here not in sys.path:
            sys.path.append(here)


def has_ended(child: subprocess.Popen[bytes], within_s: float) -> bool:
    """Whether a child has ended, within so many seconds. The kernel says when: asking it often comes late."""
    if child.poll() is None:
        with contextlib.suppress(OSError):
            descriptor = os.pidfd_open(child.pid)
            try:
                select.select([descriptor], [], [], within_s)
            finally:
                os.close(descriptor)
    return child.poll() is not None


def start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since the boot; None when it has ended."""
    member = Member.of(pid)
    return None if member is None else member.started


def _state(pid: int) -> str:
    """The state letter of a process; empty when there is none."""
    return (_stat(pid) or [""])[0]


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


@dataclass(frozen=True, slots=True)
class Member:
    """A running process: its parent, the leader of its session, and when it started, in clock ticks."""

    pid: int
    parent: int
    session: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Member | None:
        """The process as it is now; None when it has ended."""
        state, *fields = _stat(pid) or ["X"]
        return None if state in "ZX" else cls(pid, int(fields[0]), int(fields[2]), int(fields[18]))


def session(leader: int) -> Iterator[Member]:
    """The processes of a session, its leader left out, also when that has ended."""
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    members = (Member.of(pid) for pid in pids if pid != leader)
    return (member for member in members if member is not None and member.session == leader)


def ticks_at(at_ns: int) -> int:
    """A moment on the run clock as the kernel says when a process started."""
    asleep_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - clock.now_ns()
    return (at_ns + asleep_ns) * os.sysconf("SC_CLK_TCK") // clock.NS_PER_S


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

    def kill_since(self, at_ns: int) -> None:
        """SIGKILL to it and to what has started in its session since a moment (run clock).

        What started before lives on, such as a server that an earlier step was to start. A tick of the kernel
        is long: of what started in that of the moment, those live on whose parent is gone while the leader
        is not.
        """
        is_led = self.is_alive
        if not is_led and Member.of(self.pid) is not None:
            return  # another process has its pid, so nothing is left of its session
        if is_led:
            _signal(self.pid, signal.SIGSTOP)  # it starts nothing more
        since = ticks_at(at_ns)
        members = list(session(self.pid))
        pids = {self.pid, *(member.pid for member in members)}
        for member in members:
            if member.started > since or (member.started == since and (member.parent in pids or not is_led)):
                _signal(member.pid, signal.SIGKILL)
        if is_led:
            _signal(self.pid, signal.SIGKILL)
        deadline_s = time.monotonic() + GONE_WITHIN_S
        while time.monotonic() < deadline_s:
            late = [member for member in session(self.pid) if member.started > since]
            if not late:
                return
            for member in late:
                _signal(member.pid, signal.SIGKILL)
            time.sleep(0.01)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
