"""Break a disk: fill it."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from gameday.errors import FaultError
from gameday.faults.host import NOT_FOUND, Host, at, token
from gameday.faults.protocol import Steps, Undo, fault, landed
from gameday.faults.where import on_host
from gameday.places import Aim

__all__ = ["fill"]

MIB = 1 << 20
RESERVE_MB = 64
SLACK = 0.02  # of the file: what a file system needs to keep account of it
ALLOCATE_WITHIN_S = 60.0
SLOWEST_MB_PER_S = 20
GONE_WITHIN_S = 5.0
WRITERS = ("fallocate", "dd")


@dataclass(frozen=True, slots=True)
class Space:
    """A file system's bytes: how many there are, how many are used, how many anybody may still take."""

    total: int
    used: int
    left: int


@fault(where=on_host)
def fill(
    path: str, leave_mb: float | None = None, percent: float | None = None, host: str | None = None
) -> Steps:
    """Fill a file system with one file of gameday's own.

    path: a folder in it. leave_mb, percent: how many MiB to leave free, or how full to make it; exactly
    one of them. `percent` always leaves 64 MiB; less has to be asked for by `leave_mb`. host: where it
    is. On a tmpfs this takes memory. Undo: the file goes. Landed: the file system has no more room than
    was to be left.
    """
    refuse_unclear(leave_mb, percent)
    with at(host) as here:
        space = space_of(here, path)
        leave = left_when_full(space, leave_mb, percent)
        size = space.left - leave
        if size < MIB:
            raise FaultError(f"{path} has {space.left // MIB} MiB free and is to keep {leave // MIB}")
        path = here.absolute(path)
        filler = f"{path.rstrip('/')}/.gameday-fill-{token()}"
        yield Aim(on_host(host), (f"the disk of {path}",), undo=empty)
        yield Undo(empty, verify=is_emptied, filler=filler, host=host)
        try:
            allocate(here, filler, size)
        except FaultError:
            remove(here, filler)  # a disk fuller than was asked for must not wait for the end of the run
            raise
        left = space_of(here, path).left
    return landed(left <= leave + size * SLACK + MIB, f"{path} has {left // MIB} MiB free")


def empty(filler: str, host: str | None = None) -> str:
    """Undo of `fill`: end whoever still writes the file, and delete it."""
    with at(host) as here:
        remove(here, filler)
    return f"{filler} is gone"


def is_emptied(filler: str, host: str | None = None) -> bool:
    """Whether the file is gone and nobody writes it."""
    with at(host) as here:
        return not exists(here, filler) and not writers(here, filler)


def refuse_unclear(leave_mb: float | None, percent: float | None) -> None:
    """Raise FaultError unless exactly one sensible measure says how far to fill."""
    if (leave_mb is None) == (percent is None):
        raise FaultError("say how full by exactly one of leave_mb and percent")
    if leave_mb is not None and leave_mb < 0:
        raise FaultError(f"leave_mb is 0 or more, not {leave_mb:g}")
    if percent is not None and not 0 < percent <= 100:
        raise FaultError(f"percent is more than 0 and at most 100, not {percent:g}")


def left_when_full(space: Space, leave_mb: float | None, percent: float | None) -> int:
    """How many bytes will be left."""
    if leave_mb is not None:
        return int(leave_mb * MIB)
    # as df counts: used of what anybody may use, without the blocks that are root's alone
    usable = space.used + space.left
    return max(usable - int(usable * (percent or 0) / 100), RESERVE_MB * MIB)


def space_of(here: Host, path: str) -> Space:
    """The space of the file system that a folder is in."""
    if here.run(["test", "-d", path]).code != 0:
        raise FaultError(f"there is no folder {path} on {here.name}")
    block, total, free, left = map(int, here.do(["stat", "-f", "-c", "%S %b %f %a", "--", path]).split())
    return Space(total * block, (total - free) * block, left * block)


def allocate(here: Host, filler: str, size: int) -> None:
    """Take the space: at once where the file system can, by writing otherwise."""
    done = here.run(["fallocate", "-l", str(size), "--", filler], within_s=ALLOCATE_WITHIN_S)
    if done.code == 0:
        return
    if done.code != NOT_FOUND and "not supported" not in done.err:
        raise FaultError(f"cannot fill {filler} on {here.name}: {' '.join(done.err.split())}")
    # not zeros: a file system that compresses would keep none of them
    source = ["if=/dev/urandom", "bs=1M", f"count={size}", "iflag=count_bytes,fullblock"]
    command = ["dd", *source, f"of={filler}", "conv=fsync", "status=none"]
    here.do(command, within_s=10 + size / MIB / SLOWEST_MB_PER_S)


def remove(here: Host, filler: str) -> None:
    """Delete the file. Its writer goes first: a deleted file that is still written keeps its space."""
    for pid in writers(here, filler):
        here.send(pid, signal.SIGKILL)
    here.wait_until(lambda: not writers(here, filler), GONE_WITHIN_S)
    here.do(["rm", "-f", "--", filler])


def writers(here: Host, filler: str) -> list[int]:
    """The live processes that still fill the file."""
    found = [(pid, here.stat(pid)) for pid in here.mentioning(filler)]
    return [pid for pid, stat in found if stat is not None and stat.name in WRITERS and stat.is_alive]


def exists(here: Host, path: str) -> bool:
    """Whether there is such a file."""
    return here.run(["test", "-e", path]).code == 0
