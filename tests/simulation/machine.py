"""A machine in one process: one clock, one seed, processes that are greenlets, files that fail when told to.

Whatever lasts or could be cut off is a *point*: a tick, a write, an fsync, an act on the service. Points are
counted over the whole machine, so that a mishap can be put at any of them, and the same seed brings it there
again. Real time never passes.
"""

from __future__ import annotations

import errno
import os
import random
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn
from unittest.mock import patch

from greenlet import getcurrent, greenlet

from gameday import clock, files, processes
from gameday.cli import signals
from gameday.evidence import keep
from gameday.run import clockwork, crew, held, lock, reserve, timeline

NS_PER_S = 1_000_000_000
EPOCH_NS = 1_790_000_000 * NS_PER_S
LONGEST_S = 3 * 3600.0
A_REBOOT_S = 60.0
FIRST_PID = 5_000_000  # above any pid of a real process


class Killed(BaseException):
    """Unwinds what is left of a dead process, once the machine is over."""


class Stuck(AssertionError):
    """The machine does not come to rest."""


@dataclass(eq=False)
class Process:
    """A simulated process.

    pending: what is delivered when it runs next, as signals are. unsynced: the files that it has written to,
    and not put on disk. writes: what it is about to write to a file, of which its death leaves any part.
    """

    name: str
    pid: int
    parent: Process | None
    started: int
    body: Any = None
    code: int | None = None
    error: BaseException | None = None
    wakes_ns: int | None = 0
    until: Callable[[], bool] | None = None
    pending: list[Callable[[], None]] = field(default_factory=list)
    open_files: set[int] = field(default_factory=set)
    unsynced: set[Path] = field(default_factory=set)
    writes: tuple[Path, bytes] | None = None

    @property
    def is_alive(self) -> bool:
        return self.code is None


@dataclass
class Disk:
    """What is wrong with the disk. A full one has room again when the reserve goes, unless `for_good`."""

    is_full: bool = False
    for_good: bool = False
    is_read_only: bool = False
    failing_syncs: int = 0
    is_short: bool = False


class Machine:
    """Its clock, its processes, its disk."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.elapsed_ns = 0
        self.booted_ns = -1_000 * NS_PER_S
        self.boots = 1
        self.processes: list[Process] = []
        self.current: Process | None = None
        self.home = getcurrent()
        self.points = 0
        self.at: dict[int, Callable[[], None]] = {}
        self.when: list[tuple[str, Callable[[], None]]] = []
        self.trace: list[str] = []
        self.disk = Disk()
        self.is_over = False
        self.failing_starts = 0
        self.paths: dict[int, Path] = {}
        self.unsynced: dict[Path, int] = {}
        self.unlinked: set[Path] = set()
        self.silences: list[str] = []  # of a runner, longer than its guardian bears
        self.haste = 0.15  # how often something else runs between two points

    # the clock

    def now_ns(self) -> int:
        return self.elapsed_ns - self.booted_ns

    def utc_ns(self) -> int:
        return EPOCH_NS + self.elapsed_ns

    def pause(self, seconds: float) -> None:
        self.give_way(seconds)

    # processes

    def spawn(self, name: str, body: Callable[[], int | None], parent: Process | None = None) -> Process:
        made = Process(name, FIRST_PID + len(self.processes), parent, self.now_ns(), wakes_ns=self.elapsed_ns)
        made.body = greenlet(lambda: self._play(made, body), self.home)
        self.processes.append(made)
        return made

    def _play(self, process: Process, body: Callable[[], int | None]) -> None:
        try:
            self._deliver(process)
            code = body() or 0
        except Killed:
            return
        except BaseException as error:  # noqa: BLE001 - a process ends by whatever it raises
            process.error = error
            code = 130 if isinstance(error, KeyboardInterrupt) else 1
        self.end(process, code)

    def end(self, process: Process, code: int) -> None:
        """A process is no more; the kernel closes what it had open."""
        if process.is_alive:
            process.code = code
            if process.writes is not None:
                path, data = process.writes
                with path.open("ab") as file:
                    file.write(data[: self.random.randint(0, len(data))])
            for descriptor in list(process.open_files):
                self.close(process, descriptor)

    def close(self, process: Process, descriptor: int) -> None:
        if descriptor in process.open_files:
            process.open_files.discard(descriptor)
            self.paths.pop(descriptor, None)
            os.close(descriptor)

    def kill(self, process: Process, code: int = -9) -> None:
        """SIGKILL; whoever kills itself goes no further."""
        self.end(process, code)
        if process is self.current:
            self.stop()

    def stop(self) -> NoReturn:
        """Nothing more of a dead process runs, not even what it would do at its end."""
        if not self.is_over:
            self.home.switch()
        raise Killed

    def alive(self, *names: str) -> list[Process]:
        return [each for each in self.processes if each.is_alive and each.name in (names or (each.name,))]

    def find(self, pid: int) -> Process | None:
        return next((each for each in self.processes if each.pid == pid and each.is_alive), None)

    def signal(self, process: Process, number: signal.Signals) -> None:
        """Deliver a signal as the kernel does: to the handler that the process has then."""

        def deliver() -> None:
            handler = signal.getsignal(number)
            if callable(handler):
                handler(number, None)
            elif handler == signal.SIG_DFL:
                self.kill(process, -number)

        process.pending.append(deliver)

    # time

    def give_way(self, seconds: float | None = None, until: Callable[[], bool] | None = None) -> None:
        """Let others run, for so long or until a condition holds."""
        process = self.me()
        end_ns = None if seconds is None else self.elapsed_ns + max(1, round(seconds * NS_PER_S))
        is_over = False
        while not is_over:
            process.wakes_ns, process.until = end_ns, until
            self.home.switch()
            self.me()
            self._deliver(process)  # and then it waits on, as Python does after a signal
            is_over = (end_ns is not None and self.elapsed_ns >= end_ns) or (until is not None and until())

    def me(self) -> Process:
        """The process that runs. Of a dead one nothing runs."""
        process = self.current
        assert process is not None, "only a process can do this"
        if not process.is_alive:
            self.stop()
        return process

    def _deliver(self, process: Process) -> None:
        while process.pending:
            process.pending.pop(0)()

    def run(self) -> None:
        """Run until every process has ended or waits for what will not come."""
        while (process := self._next()) is not None:
            if self.elapsed_ns > LONGEST_S * NS_PER_S:
                raise Stuck(f"after {LONGEST_S:g} s there still run {[p.name for p in self.alive()]}")
            self._resume(process)

    def _resume(self, process: Process) -> None:
        process.wakes_ns, process.until = None, None
        self.current = process
        process.body.switch()
        self.current = None

    def _next(self) -> Process | None:
        soonest: Process | None = None
        for process in self.processes:
            if process.code is not None:
                continue
            if process.pending or (process.until is not None and process.until()):
                return process
            wakes_ns = process.wakes_ns
            if wakes_ns is not None and (soonest is None or wakes_ns < (soonest.wakes_ns or 0)):
                soonest = process
        if soonest is not None:
            self.elapsed_ns = max(self.elapsed_ns, soonest.wakes_ns or 0)
        return soonest

    def power_cut(self) -> None:
        """Everything stops; what was not on disk may be there, in part, or not; then the machine boots."""
        for process in self.processes:
            self.end(process, -9)
        for path, size in self.unsynced.items():
            if path.exists():
                os.truncate(path, self.random.randint(size, max(size, path.stat().st_size)))
        for path in self.unlinked:
            if self.random.random() < 0.5:
                path.unlink(missing_ok=True)
        for path in self.folder.rglob("samples/*"):
            os.truncate(path, self.random.randint(0, path.stat().st_size))
        self.unsynced.clear()
        self.unlinked.clear()
        self.boots += 1
        self.elapsed_ns += round(A_REBOOT_S * NS_PER_S)
        self.booted_ns = self.elapsed_ns - 10 * NS_PER_S

    def over(self) -> None:
        """Unwind what is left of every process; nothing of it acts any more."""
        for process in self.processes:
            self.end(process, -9)
        self.is_over = True
        for process in self.processes:
            self.current = process
            with suppress(Killed):
                process.body.throw(Killed)
        self.current = None

    # points

    def point(self, name: str) -> None:
        """Something that lasts or could be cut off."""
        process = self.me()
        self.points += 1
        self.trace.append(f"{process.name}: {name}")
        mishap = self.at.pop(self.points, None)
        if mishap is not None:
            mishap()
        if self.when and self.trace[-1].startswith(self.when[0][0]):
            self.when.pop(0)[1]()
        self.me()
        if self.random.random() < self.haste:
            self.give_way(self.random.random() * 0.002)
        self._deliver(process)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """This machine in place of the real one, under everything that a run does."""
        own = Kernel(self)
        removing = SimpleNamespace(rmtree=self.remove_tree)
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        old = {number: signal.getsignal(number) for number in numbers}
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        kernels = (files, held, lock, reserve, timeline, clockwork, processes, signals)
        places = [(module, "os", own) for module in kernels]
        places += [
            (clock, "now_ns", self.now_ns),
            (clock, "utc_ns", self.utc_ns),
            (clock, "pause", self.pause),
        ]
        places += [(processes, "start_ticks", self.start_ticks), (crew, "start_ticks", self.start_ticks)]
        places += [(module, "boot", lambda: f"boot {self.boots}") for module in (processes, timeline)]
        places += [(processes, "session", lambda leader: iter(())), (reserve, "BYTES", 4096)]
        places += [(keep, "shutil", removing)]
        undo = [patch.object(*place) for place in places]
        for each in undo:
            each.start()
        try:
            yield
        finally:
            self.over()
            for each in undo:
                each.stop()
            for number, handler in old.items():
                signal.signal(number, handler)

    def takes(self, what: str, seconds: float) -> None:
        """Something that a process does takes a while, and may be cut off before and after."""
        self.point(what)
        self.give_way(seconds)

    def starts(self, name: str) -> None:
        """A process is about to be started, if the machine can start any."""
        self.point(f"starts {name}")
        if self.failing_starts:
            self.failing_starts -= 1
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def start_ticks(self, pid: int) -> int | None:
        process = self.find(pid)
        return None if process is None else process.started

    def remove_tree(self, folder: Path, ignore_errors: bool = False) -> None:
        for path in sorted(folder.glob("*")):
            self.point("remove")
            path.unlink()
        if folder.exists():
            folder.rmdir()

    def failures(self) -> str:
        """What the processes died of, for whoever reads a failed test."""
        errors = [(each.name, each.error) for each in self.processes if each.error is not None]
        return "\n".join(f"{name}: {''.join(traceback.format_exception(e))}" for name, e in errors)


class Kernel:
    """The module `os` as a process of the machine sees it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        if self.machine.disk.is_read_only and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        process, is_new = self.machine.me(), not Path(path).exists()
        descriptor = os.open(path, flags, mode)
        process.open_files.add(descriptor)
        self.machine.paths[descriptor] = Path(path)
        if is_new:
            self.machine.unlinked.add(Path(path))
        return descriptor

    def close(self, descriptor: int) -> None:
        if self.machine.current is not None:
            self.machine.close(self.machine.current, descriptor)

    def write(self, descriptor: int, data: bytes) -> int:
        machine, path = self.machine, self.machine.paths.get(descriptor)
        if path is None:  # a recorder's rows, which need not be on disk
            if self.is_full():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return os.write(descriptor, data)
        machine.unsynced.setdefault(path, path.stat().st_size)
        machine.me().unsynced.add(path)
        machine.me().writes = (path, data)
        machine.point(f"write {path.name}")
        machine.me().writes = None
        if self.is_full():
            part = machine.random.randint(1, len(data) - 1) if machine.disk.is_short else 0
            machine.disk.is_short = False
            if part:
                return os.write(descriptor, data[:part])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        machine, path = self.machine, self.machine.paths[descriptor]
        machine.point(f"fsync {path.name}")
        if machine.disk.failing_syncs:
            machine.disk.failing_syncs -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if machine.disk.is_read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        if path.name.startswith(".") and self.is_full():  # a draft that was to take a file's place
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        machine.unsynced.pop(path, None)
        machine.me().unsynced.discard(path)
        machine.unlinked = {new for new in machine.unlinked if new.parent != path}

    def unlink(self, path: Path) -> None:
        self.machine.me()  # whoever is dead tidies nothing up
        path.unlink()

    def is_full(self) -> bool:
        disk = self.machine.disk
        return disk.is_full and (disk.for_good or any(self.machine.folder.rglob(reserve.NAME)))

    def statvfs(self, folder: Path) -> Any:
        return SimpleNamespace(f_blocks=1000, f_bfree=0 if self.is_full() else 500, f_bavail=500)

    def access(self, path: Path, mode: int) -> bool:
        return not self.machine.disk.is_read_only and os.access(path, mode)

    def posix_fallocate(self, descriptor: int, offset: int, length: int) -> None:
        if self.machine.disk.is_full and self.machine.disk.for_good:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def killpg(self, pid: int, number: int) -> None:
        process = self.machine.find(pid)
        if process is None:
            raise ProcessLookupError
        self.machine.kill(process)

    def kill(self, pid: int, number: int) -> None:
        process = self.machine.find(pid)
        if process is None:
            raise ProcessLookupError
        if number == signal.SIGKILL:
            self.machine.kill(process)

    def _exit(self, code: int) -> None:
        self.machine.kill(self.machine.me(), code)
