"""Break a process: kill, pause, resume.

The target is named by exactly one of `pid`, `pidfile` or `name` (an exact match of the process name that
finds exactly one process). `host` is where it runs: nothing for this host, or `ssh://user@db1:22`.
"""

from __future__ import annotations

import os
import shlex
import signal
from dataclasses import dataclass

from gameday.errors import FaultError
from gameday.faults.host import Host, Local, Stat, at
from gameday.faults.protocol import Steps, Undo, fault, landed
from gameday.faults.where import on_host
from gameday.places import Aim

__all__ = ["kill", "pause", "resume"]

GONE_WITHIN_S = 5.0
RUNS_WITHIN_S = 10.0
STATUS_WITHIN_S = 1.0
STOPPED = "Tt"


@dataclass(frozen=True, slots=True)
class Target:
    """A process as it was when it was found."""

    here: Host
    pid: int
    stat: Stat

    def __str__(self) -> str:
        return f"process {self.pid} ({self.stat.name})"

    def now(self) -> Stat | None:
        """What the kernel says about this very process; None when it is gone."""
        return the_same(self.here, self.pid, self.stat.started)

    @property
    def is_alive(self) -> bool:
        """Whether this very process runs. A zombie does not."""
        stat = self.now()
        return stat is not None and stat.is_alive

    @property
    def is_stopped(self) -> bool:
        """Whether the kernel reports this very process as stopped."""
        stat = self.now()
        return stat is not None and stat.state in STOPPED

    def send(self, number: signal.Signals) -> None:
        """Signal this very process, never whoever got its pid later."""
        if self.now() is not None:
            self.here.send(self.pid, number)


def restarts(restart: list[str] | None = None) -> str:
    """The command that the undo of `kill` runs."""
    return shlex.join(map(str, restart)) if isinstance(restart, list) else str(restart or "")


@fault(where=on_host, runs=restarts)
def kill(
    pid: int | None = None,
    pidfile: str | None = None,
    name: str | None = None,
    signal_name: str = "SIGKILL",
    *,
    restart: list[str] | None = None,
    host: str | None = None,
) -> Steps:
    """End a process with a signal, SIGKILL by default.

    pid, pidfile, name: the process, by exactly one of them. restart: the command that brings it back,
    as a list; it starts in a session of its own, without standard streams, and may be given twice, as
    `[systemctl, start, nginx]` may. It needs the target by pidfile or name, since a pid does not outlive
    its process. Not for the old primary of a failover: two primaries are worse than one fault left. host:
    where it runs. Undo: `restart`, unless the process runs again; without `restart` none, since a
    supervisor or a failback step brings it back. Landed: the process is gone within 5 s.
    """
    number = signal_number(signal_name)
    with at(host) as here:
        target = find(here, pid, pidfile, name)
        command = None if restart is None else refuse_unlike_a_command(restart, pid)
        yield Aim(on_host(host), (str(target),), undo=None if command is None else revive)
        if command is not None:
            known = name or target.stat.name
            yield Undo(revive, verify=is_running, restart=command, name=known, pidfile=pidfile, host=host)
        target.send(number)
        is_gone = here.wait_until(lambda: not target.is_alive, GONE_WITHIN_S)
    return landed(is_gone, f"process {target.pid} is {'gone' if is_gone else 'still there'}")


@fault(where=on_host)
def pause(
    pid: int | None = None, pidfile: str | None = None, name: str | None = None, host: str | None = None
) -> Steps:
    """Freeze a process with SIGSTOP.

    pid, pidfile, name: the process, by exactly one of them. host: where it runs. Undo: SIGCONT. Landed:
    the kernel reports the process as stopped.
    """
    with at(host) as here:
        target = find(here, pid, pidfile, name)
        started = target.stat.started
        yield Aim(on_host(host), (str(target),), undo=thaw)
        yield Undo(thaw, verify=is_thawed, pid=target.pid, started=started, host=host)
        target.send(signal.SIGSTOP)
        is_stopped = here.wait_until(lambda: target.is_stopped, STATUS_WITHIN_S)
    return landed(is_stopped, f"process {target.pid} is {'' if is_stopped else 'not '}stopped")


@fault(where=on_host)
def resume(
    pid: int | None = None, pidfile: str | None = None, name: str | None = None, host: str | None = None
) -> Steps:
    """Let a frozen process go on with SIGCONT.

    pid, pidfile, name: the process, by exactly one of them. host: where it runs. Undo: none, a running
    process is whole. Landed: the kernel no longer reports the process as stopped.
    """
    with at(host) as here:
        target = find(here, pid, pidfile, name)
        yield Aim(on_host(host), (str(target),))
        target.send(signal.SIGCONT)
        goes_on = here.wait_until(lambda: target.is_alive and not target.is_stopped, STATUS_WITHIN_S)
    return landed(goes_on, f"process {target.pid} {'runs' if goes_on else 'does not run'}")


def thaw(pid: int, started: int, host: str | None = None) -> str:
    """Undo of `pause`: SIGCONT, if the process is still the one that was frozen."""
    with at(host) as here:
        if the_same(here, pid, started) is None:
            return f"process {pid} is gone"
        here.send(pid, signal.SIGCONT)
    return f"process {pid} runs again"


def is_thawed(pid: int, started: int, host: str | None = None) -> bool:
    """Whether the process runs, or is gone."""
    with at(host) as here:

        def goes_on() -> bool:
            stat = the_same(here, pid, started)
            return stat is None or stat.state not in STOPPED

        return here.wait_until(goes_on, STATUS_WITHIN_S)


def revive(restart: list[str], name: str, pidfile: str | None, host: str | None = None) -> str:
    """Undo of `kill`: the declared command, unless the process runs again already."""
    with at(host) as here:
        if runs(here, name, pidfile):
            return f"{name} runs again already"
        here.start(restart)
        if not here.wait_until(lambda: runs(here, name, pidfile), RUNS_WITHIN_S):
            raise FaultError(f"{name} does not run {RUNS_WITHIN_S:g} s after {shlex.join(restart)}")
    return f"{name} was started again"


def is_running(restart: list[str], name: str, pidfile: str | None, host: str | None = None) -> bool:
    """Whether a process of that name runs: the one in the pidfile, where there is one."""
    with at(host) as here:
        return runs(here, name, pidfile)


def runs(here: Host, name: str, pidfile: str | None) -> bool:
    """Whether the process named runs. A pidfile may be old and its pid somebody else's by now."""
    if pidfile is None:
        return bool(here.named(name))
    try:
        stat = here.stat(pid_in(here, pidfile))
    except FaultError:
        return False
    return stat is not None and stat.is_alive and stat.name == name


def find(here: Host, pid: int | None, pidfile: str | None, name: str | None) -> Target:
    """The one process meant. Raises FaultError when it is missing, or more than one could be meant."""
    if sum(option is not None for option in (pid, pidfile, name)) != 1:
        raise FaultError("name the process by exactly one of pid, pidfile or name")
    if name is not None:
        pid = only_pid_named(here, name)
    elif pidfile is not None:
        pid = pid_in(here, pidfile)
    if pid is None or pid <= 1 or (isinstance(here, Local) and pid == os.getpid()):
        raise FaultError(f"refusing to touch process {pid}")
    stat = here.stat(pid)
    if stat is None:
        raise FaultError(f"there is no process {pid} on {here.name}")
    return Target(here, pid, stat)


def only_pid_named(here: Host, name: str) -> int:
    """The pid of the only process of exactly this name."""
    found = here.named(name)
    if len(found) != 1:
        raise FaultError(f"{len(found)} processes are named '{name}'; name one by pid or pidfile")
    return found[0]


def pid_in(here: Host, pidfile: str) -> int:
    """The pid on the first line of a pidfile, as PostgreSQL, nginx and Redis write it."""
    text = here.read(pidfile)
    if text is None:
        raise FaultError(f"there is no pidfile {pidfile}; is the process running?")
    try:
        return int(text.split()[0])
    except (ValueError, IndexError):
        raise FaultError(f"the first line of {pidfile} is not a process id") from None


def the_same(here: Host, pid: int, started: int) -> Stat | None:
    """The process `pid` if it is the one that started then; a reused pid is somebody else."""
    stat = here.stat(pid)
    return stat if stat is not None and stat.started == started else None


def refuse_unlike_a_command(restart: list[str], pid: int | None) -> list[str]:
    """The command that restarts a process. Raises FaultError when it could not do so."""
    if pid is not None:
        raise FaultError("restart needs the process by pidfile or name: a pid does not outlive its process")
    if isinstance(restart, str) or not restart or not all(isinstance(word, str) for word in restart):
        raise FaultError("restart is a list of words, for example [systemctl, start, nginx]")
    return list(restart)


def signal_number(name: str) -> signal.Signals:
    """SIGTERM of `SIGTERM` or `TERM`."""
    try:
        return signal.Signals["SIG" + name.upper().removeprefix("SIG")]
    except KeyError:
        raise FaultError(f"there is no signal '{name}'; write for example SIGTERM") from None
