"""Break a process: kill, pause, resume.

The target is named by exactly one of `pid`, `pidfile` or `name` (an exact match of the process name that
finds exactly one process).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator
from pathlib import Path

import psutil

from gameday.errors import FaultError
from gameday.faults.protocol import NOTHING, Landed, Undo, fault, landed

__all__ = ["kill", "pause", "resume"]

GONE_WITHIN_S = 5.0


@fault
def kill(
    pid: int | None = None, pidfile: str | None = None, name: str | None = None, signal_name: str = "SIGKILL"
) -> Generator[Undo, None, Landed]:
    """End a process with a signal, SIGKILL by default.

    pid, pidfile, name: the process, by exactly one of them. Undo: none; a supervisor or a failback
    step brings a killed process back. Landed: the process is gone within 5 s.
    """
    process = find(pid, pidfile, name)
    number = signal_number(signal_name)
    yield NOTHING
    process.send_signal(number)
    is_gone = wait_until_gone(process, GONE_WITHIN_S)
    return landed(is_gone, f"process {process.pid} is {'gone' if is_gone else 'still there'}")


@fault
def pause(
    pid: int | None = None, pidfile: str | None = None, name: str | None = None
) -> Generator[Undo, None, Landed]:
    """Freeze a process with SIGSTOP.

    pid, pidfile, name: the process, by exactly one of them. Undo: SIGCONT. Landed: the kernel reports
    the process as stopped.
    """
    process = find(pid, pidfile, name)
    yield Undo(thaw, verify=is_thawed, pid=process.pid, started=start_ticks(process.pid))
    process.suspend()
    return landed(wait_for_status(process, psutil.STATUS_STOPPED), f"process {process.pid} is stopped")


@fault
def resume(
    pid: int | None = None, pidfile: str | None = None, name: str | None = None
) -> Generator[Undo, None, Landed]:
    """Let a frozen process go on with SIGCONT.

    pid, pidfile, name: the process, by exactly one of them. Undo: none, a running process is whole.
    Landed: the kernel no longer reports the process as stopped.
    """
    process = find(pid, pidfile, name)
    yield NOTHING
    process.resume()
    return landed(process.status() != psutil.STATUS_STOPPED, f"process {process.pid} runs")


def thaw(pid: int, started: int) -> str:
    """Undo of `pause`: SIGCONT, if the process is still the one that was frozen."""
    process = the_same(pid, started)
    if process is None:
        return f"process {pid} is gone"
    process.resume()
    return f"process {pid} runs again"


def is_thawed(pid: int, started: int) -> bool:
    """Whether the process runs, or is gone."""
    process = the_same(pid, started)
    return process is None or process.status() != psutil.STATUS_STOPPED


def find(pid: int | None, pidfile: str | None, name: str | None) -> psutil.Process:
    """The one process meant. Raises FaultError when it is missing, or more than one could be meant."""
    if sum(option is not None for option in (pid, pidfile, name)) != 1:
        raise FaultError("name the process by exactly one of pid, pidfile or name")
    if name is not None:
        pid = only_pid_named(name)
    elif pidfile is not None:
        pid = pid_in(Path(pidfile))
    if pid is None or pid <= 1 or pid == os.getpid():
        raise FaultError(f"refusing to touch process {pid}")
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        raise FaultError(f"there is no process {pid}") from None


def only_pid_named(name: str) -> int:
    """The pid of the only process of exactly this name."""
    found = [process.pid for process in psutil.process_iter(["name"]) if process.info["name"] == name]
    if len(found) != 1:
        raise FaultError(f"{len(found)} processes are named '{name}'; name one by pid or pidfile")
    return found[0]


def pid_in(pidfile: Path) -> int:
    """The pid on the first line of a pidfile, as PostgreSQL, nginx and Redis write it."""
    try:
        return int(pidfile.read_text().split()[0])
    except FileNotFoundError:
        raise FaultError(f"there is no pidfile {pidfile}; is the process running?") from None
    except (ValueError, IndexError):
        raise FaultError(f"the first line of {pidfile} is not a process id") from None


def start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since the boot; None when there is none.

    With the pid it names a process for good: a pid is reused, and UTC may be set back.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(stat.rpartition(")")[2].split()[19])


def the_same(pid: int, started: int) -> psutil.Process | None:
    """The process `pid` if it is the one that started then; a reused pid is somebody else."""
    return psutil.Process(pid) if start_ticks(pid) == started else None


def signal_number(name: str) -> signal.Signals:
    """SIGTERM of `SIGTERM` or `TERM`."""
    try:
        return signal.Signals["SIG" + name.upper().removeprefix("SIG")]
    except KeyError:
        raise FaultError(f"there is no signal '{name}'; write for example SIGTERM") from None


def wait_until_gone(process: psutil.Process, within_s: float) -> bool:
    """Whether the process ended within so many seconds. A zombie has ended: it serves nobody."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        try:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.002)
    return False


def wait_for_status(process: psutil.Process, status: str, within_s: float = 1.0) -> bool:
    """Whether the kernel reports the status within so many seconds."""
    deadline_s = time.monotonic() + within_s
    while process.status() != status:
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.001)
    return True
