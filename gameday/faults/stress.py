"""Press on a host: processors, memory, disk. By stress-ng (Debian: `apt install stress-ng`).

Each fault runs one stress-ng in a session of its own, which ends by itself after `duration_s` even if
nobody is left to undo it. Its scratch folder, named in its arguments, tells it from any other stress-ng:
the undo is on disk before there is a pid. Its workers die with it.
"""

from __future__ import annotations

import signal

from gameday.errors import FaultError
from gameday.faults.host import Host, at, token
from gameday.faults.protocol import Steps, Undo, fault, landed
from gameday.faults.where import on_host
from gameday.places import Aim

__all__ = ["cpu", "io", "memory"]

RUNS_WITHIN_S = 5.0
GONE_WITHIN_S = 5.0
MEMORY_RESERVE_MB = 256
LONGEST_S = 86_400
SCRATCH = "/var/tmp"  # noqa: S108 - each fault makes a folder of its own in it, for its owner only


@fault(where=on_host)
def cpu(workers: int, load_percent: float = 100, duration_s: float = 60, host: str | None = None) -> Steps:
    """Keep processors busy.

    workers: how many, 0 for one on each processor. load_percent: how busy each is. duration_s: when it
    ends at the latest. host: where. Undo: the workers are killed. Landed: the workers run.
    """
    if not 0 < load_percent <= 100:
        raise FaultError(f"load_percent is more than 0 and at most 100, not {load_percent:g}")
    options = ["--cpu", whole(workers, "workers", 0), "--cpu-load", f"{load_percent:.0f}"]
    return (yield from press(options, "cpu", workers, duration_s, host=host))


@fault(where=on_host)
def memory(mb: int, duration_s: float = 60, host: str | None = None) -> Steps:
    """Take memory and hold it.

    mb: how many MiB; 256 MiB of what is available always stay. duration_s: when it ends at the latest.
    host: where. Undo: the worker is killed. Landed: the worker holds nine tenths of it.
    """
    options = ["--vm", "1", "--vm-bytes", f"{whole(mb, 'mb', 1)}m", "--vm-hang", "0", "--vm-populate"]
    with at(host) as here:
        refuse_too_much(here, mb)
    return (yield from press(options, "vm", 1, duration_s, host=host, holds_mb=mb))


@fault(where=on_host)
def io(
    workers: int,
    duration_s: float = 60,
    folder: str | None = None,
    file_mb: int = 64,
    host: str | None = None,
) -> Steps:
    """Keep a disk busy with files that are written, synced and deleted.

    workers: how many. duration_s: when it ends at the latest. folder: on the disk, /var/tmp by default.
    file_mb: how many MiB each writes. host: where. Undo: the workers are killed and their files deleted.
    Landed: they run.
    """
    files = ["--hdd", whole(workers, "workers", 1), "--hdd-bytes", f"{whole(file_mb, 'file_mb', 1)}m"]
    options = [*files, "--hdd-opts", "fsync"]
    return (yield from press(options, "hdd", workers, duration_s, folder=folder, host=host))


def press(
    options: list[str],
    kind: str,
    workers: int,
    duration_s: float,
    *,
    folder: str | None = None,
    host: str | None,
    holds_mb: int = 0,
) -> Steps:
    """Start stress-ng, owed first, and wait until its workers run."""
    if not 1 <= duration_s <= LONGEST_S:
        raise FaultError(f"duration_s is 1 to {LONGEST_S}, not {duration_s:g}")
    with at(host) as here:
        scratch = f"{here.absolute(folder or SCRATCH).rstrip('/')}/gameday-stress-{token()}"
        limits = ["--timeout", f"{duration_s:.0f}s", "--temp-path", scratch, "--quiet"]
        if not here.has("stress-ng", "--version"):
            raise FaultError(f"stress-ng is not installed on {here.name}: apt install stress-ng")
        yield Aim(on_host(host), ("the whole host",), undo=relieve)
        yield Undo(relieve, verify=is_relieved, scratch=scratch, host=host)
        here.do(["mkdir", "-m", "700", "--", scratch])
        here.start(["stress-ng", *options, *limits])
        wanted = workers or processors(here)
        has_landed = here.wait_until(
            lambda: len(at_work(here, scratch, kind, holds_mb)) >= wanted, RUNS_WITHIN_S
        )
        found = len(at_work(here, scratch, kind, holds_mb))
    held = f", holding {holds_mb} MiB" if holds_mb else ""
    return landed(has_landed, f"{found} of {wanted} stress-ng-{kind} run{held}")


def relieve(scratch: str, host: str | None = None) -> str:
    """Undo: kill stress-ng and its workers, and delete what they wrote."""
    with at(host) as here:
        groups = groups_of(here, scratch)
        for group in groups:
            here.send(-group, signal.SIGKILL)
        is_gone = here.wait_until(lambda: not any(alive(here, group) for group in groups), GONE_WITHIN_S)
        here.do(["rm", "-rf", "--", scratch])
    if not is_gone:
        raise FaultError(f"stress-ng of {scratch} still runs")
    return "the stress is over"


def is_relieved(scratch: str, host: str | None = None) -> bool:
    """Whether nothing of this stress runs and its folder is gone."""
    with at(host) as here:
        return not groups_of(here, scratch) and here.run(["test", "-e", scratch]).code != 0


def groups_of(here: Host, scratch: str) -> list[int]:
    """The process groups of this stress: each leader is a stress-ng that names the folder."""
    found = [(pid, here.stat(pid)) for pid in here.mentioning(scratch)]
    return [pid for pid, stat in found if stat and stat.group == pid and stat.name.startswith("stress-ng")]


def alive(here: Host, group: int, kind: str = "") -> list[int]:
    """The live processes of a group, or its workers of one kind."""
    found = [(pid, here.stat(pid)) for pid in here.members(group)]
    return [pid for pid, stat in found if stat and stat.is_alive and stat.name.startswith(kind)]


def at_work(here: Host, scratch: str, kind: str, holds_mb: int) -> list[int]:
    """The live workers of this stress; those that hold the memory, where that is the point."""
    workers = [pid for group in groups_of(here, scratch) for pid in alive(here, group, f"stress-ng-{kind}")]
    return [pid for pid in workers if resident_mb(here, pid) >= 0.9 * holds_mb] if holds_mb else workers


def resident_mb(here: Host, pid: int) -> float:
    """How much memory a process holds."""
    for line in (here.read(f"/proc/{pid}/status") or "").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def refuse_too_much(here: Host, mb: int) -> None:
    """Raise FaultError when the memory is not there: the kernel would kill whom it pleases."""
    for line in (here.read("/proc/meminfo") or "").splitlines():
        if line.startswith("MemAvailable:"):
            most = int(line.split()[1]) // 1024 - MEMORY_RESERVE_MB
            if mb > most:
                raise FaultError(f"{mb} MiB is too much for {here.name}: take {most} at most")
            return
    raise FaultError(f"{here.name} does not say how much memory is available")


def processors(here: Host) -> int:
    """How many processors the host has."""
    return int(here.do(["nproc", "--all"]))


def whole(number: int, name: str, least: int) -> str:
    """A whole number for stress-ng's arguments. Raises FaultError when it is not one."""
    if not isinstance(number, int) or isinstance(number, bool) or number < least:
        raise FaultError(f"{name} is a whole number from {least} up, not {number!r}")
    return str(number)
