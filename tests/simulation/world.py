"""A run in a machine, the mishaps that befall it, and what must hold whatever happens."""

from __future__ import annotations

import errno
import functools
import os
import random
import shutil
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from gameday import state
from gameday.cli import signals
from gameday.errors import GamedayError, NotRecorded
from gameday.events import Event
from gameday.evidence import keep
from gameday.evidence.pack import Pack
from gameday.evidence.record import Record
from gameday.evidence.seal import Sealing
from gameday.evidence.shelf import packs
from gameday.evidence.verify import verify
from gameday.experiment import positions
from gameday.faults.undolog import Entry, UndoLog
from gameday.run import judge, killswitch
from gameday.run.custody import Custody
from gameday.run.launch import Launch
from gameday.run.messages import Message, drop
from gameday.run.options import Options
from gameday.run.outcome import EXIT_CODES
from gameday.run.recovery import StillRunning, is_recorded, recover_from_disk, unfinished
from gameday.run.runner import run
from gameday.run.view import Plain, View
from tests.simulation.children import launch_on
from tests.simulation.experiments import experiment
from tests.simulation.machine import Disk, Machine, Process
from tests.simulation.service import here

SHM = Path("/dev/shm")
NOTHING_TOUCHED = 2
DISKS = {
    "full disk": Disk(is_full=True),
    "full disk, torn line": Disk(is_full=True, is_short=True),
    "disk full for good": Disk(is_full=True, for_good=True),
    "read-only disk": Disk(is_read_only=True),
    "failing fsync": Disk(failing_syncs=1),
    "failing fsyncs": Disk(failing_syncs=1_000_000),
}
TOO_FEW_PROCESSES = {"no fork": 1, "no forks": 6}


@dataclass(frozen=True)
class Mishap:
    """What befell a run, and whether the run had begun by then, its engine had ended, it was recorded."""

    what: str
    was_begun: bool
    was_recorded: bool
    was_played: bool


@dataclass
class World:
    """One machine with one run on it."""

    name: str
    machine: Machine
    results: Path
    mishaps: list[Mishap] = field(default_factory=list)
    tried: dict[int, set[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    stubborn: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    view: View = field(default_factory=View)
    books: str | None = None
    claims: str | None = None
    _pack: Pack | None = None

    @property
    def launch(self) -> Launch:
        return launch_on(self.machine, self.watch_undo)

    # what is started

    def game(self) -> Process:
        """`gameday run`."""

        def play() -> int:
            options = Options(self.results, books=self.books, claims=self.claims)
            ended = run(experiment(self.name), options, self.view, self.launch, hearing=signals.heard)
            return ended.exit_code

        return self.command("runner", play)

    def recovery(self, named: Pack | None = None) -> Process:
        """`gameday recover`, of one run or of all that are unfinished."""

        def recover() -> int:
            is_open = False
            chosen = [Custody.of(named)] if named else [left.custody for left in unfinished(self.results)]
            for each in chosen:
                try:
                    left = recover_from_disk(each, (), Sealing, self.launch)
                    is_open = is_open or bool(left.owed)
                except StillRunning:
                    is_open = True
            return 5 if is_open else 0

        return self.command("recover", recover)

    def command(self, name: str, do: Callable[[], int]) -> Process:
        def body() -> int:
            try:
                return do()
            except GamedayError as error:
                return error.exit_code

        return self.machine.spawn(name, body)

    # what may befall it

    def at(self, point: int, what: str) -> None:
        """Let a mishap happen at a point, counted over the machine."""
        self.machine.at[point] = lambda: self.befall(what)

    def when(self, place: str, what: str) -> None:
        """Let a mishap happen at the next point of this name, such as `runner: fsync .record.json`."""
        self.machine.when.append((place, lambda: self.befall(what)))

    def befall(self, what: str) -> None:
        """A mishap, now; nothing when there is nothing for it to befall."""
        was_recorded = self.pack is not None and is_recorded(self.pack)
        was_begun = "runner: starts engine" in self.machine.trace
        was_played = "engine: tells ended" in self.machine.trace
        if self.happens(what):
            self.mishaps.append(Mishap(what, was_begun, was_recorded, was_played))

    def happens(self, what: str) -> bool:
        """Let it happen; whether there was anything for it to befall."""
        if what == "kill switch":
            if self.pack is not None:
                (self.pack.folder / killswitch.NAME).write_text("")
            return self.pack is not None
        if what.startswith("kill "):
            return self.killed(*what.removeprefix("kill ").split(" and "))
        if what in ("SIGINT", "SIGTERM", "defect"):
            return self.disturbed(what)
        if what == "word":
            return self.told()
        if what == "power cut":
            self.machine.power_cut()
        elif what in ("rename", "delete"):
            return self.moved(is_deleted=what == "delete")
        elif what in TOO_FEW_PROCESSES:
            self.machine.failing_starts = TOO_FEW_PROCESSES[what]
        else:
            self.machine.disk = replace(DISKS[what])
        return True

    def told(self) -> bool:
        """Somebody tells the run something, if it hears; no mishap."""
        for inbox in (self.machine.folder / "state" / "gameday" / "runs").glob("*/inbox"):
            self.said.append(drop(inbox, Message.now(Event.DECLARED, "ann")).name)
        return False

    def moved(self, *, is_deleted: bool) -> bool:
        """Somebody renames the run's folder, or deletes it."""
        folder = self.pack and self.pack.folder
        if folder is None:
            return False
        if is_deleted:
            shutil.rmtree(folder)
        else:
            folder.rename(folder.with_name(f"{folder.name}-moved"))
        return True

    def killed(self, *names: str) -> bool:
        """SIGKILL. Whoever is at it goes no further than this point."""
        found = self.machine.alive(*names)
        for process in found:
            self.machine.end(process, -9)
        return bool(found)

    def disturbed(self, what: str) -> bool:
        """A signal, or an error in the runner's own code."""
        runner = next(iter(self.machine.alive("runner")), None)
        if runner is None:
            return False
        if what == "defect":
            runner.pending.append(fail)
        else:
            self.machine.signal(runner, signal.Signals[what])
        return True

    def harden(self, stubborn: dict[str, list[str]]) -> None:
        """Let the first undos on some parts fail, and how."""
        here.stubborn.update({part: list(hows) for part, hows in stubborn.items()})
        self.stubborn = set(stubborn)

    def heal(self) -> None:
        """Somebody has seen to the machine."""
        self.machine.disk, self.machine.failing_starts = Disk(), 0
        here.stubborn.clear()

    # what is looked at

    @property
    def pack(self) -> Pack | None:
        if self._pack is None or not self._pack.folder.exists():
            self._pack = next(iter(packs(self.results)), None)
        return self._pack

    @property
    def log(self) -> UndoLog:
        assert self.pack is not None
        return Custody.of(self.pack).undo_log

    def record(self) -> Record | None:
        return self.pack.read_record() if self.pack is not None and self.pack.record.exists() else None

    # what must hold

    def play(self) -> Process:
        """The run, and its guardian, until all is quiet."""
        runner = self.game()
        self.machine.run()
        return runner

    def recover(self, named: Pack | None = None, *, together: int = 1) -> None:
        """`gameday recover`, perhaps by two people at once."""
        for _ in range(together):
            self.recovery(named)
        self.machine.run()

    def befell(self, *parts: str) -> bool:
        return any(part in mishap.what for mishap in self.mishaps for part in parts)

    def owed(self) -> set[str]:
        """The parts that something is owed of."""
        return {arguments_of(entry)["part"] for entry in self.log.owed()} if self.pack else set()

    def check_the_run(self, runner: Process) -> None:
        """After a run and its guardian, whatever has happened; nobody has recovered it yet."""
        self.check_processes()
        self.wrong += self.machine.silences
        if set(here.broken) - self.owed():
            self.wrong.append(f"{here.broken} is broken, owed is {self.owed()}")
        record = self.record()
        is_owed = bool(self.owed())
        ended = None if runner.error is not None or (runner.code or 0) < 0 else runner.code
        if ended == NOTHING_TOUCHED and here.acts:
            self.wrong.append("it says that nothing was touched")
        if ended in (0, 1, 3, 4) and (record is None or is_owed or here.broken):
            self.wrong.append(
                f"exit code {ended}: {record and record.verdict}, {self.log.owed()}, {here.broken}"
            )
        if record is not None and ended in (0, 1, 3, 4) and EXIT_CODES[record.verdict] != ended:
            self.wrong.append(f"exit code {ended} of what is {record.verdict}")
        if record is not None and record.verdict == "passed" and (is_owed or here.broken):
            self.wrong.append("passed, and something is owed")
        if ended is not None and not self.befell("disk", "fsync", "fork") and self.owed() - self.stubborn:
            self.wrong.append(f"it ended and owes {self.owed()}")
        self.check_the_way(ended, record)
        is_hard = self.befell("disk", "fsync", "fork", "guardian", "power", "undoing") or self.stubborn
        is_hard = is_hard or not any(each.name == "guardian" for each in self.machine.processes)
        is_left = here.broken or is_owed or record is None
        if ended is None and is_left and not is_hard and self.pack is not None and self.pack.plan.exists():
            self.wrong.append(f"the guardian left {here.broken}, {self.log.owed()}, {record}")

    def check_the_way(self, ended: int | None, record: Record | None) -> None:
        """What is asked to stop stops by itself, and a disk that has filled up leaves room for the record."""
        befallen = {mishap.what for mishap in self.mishaps}
        if any(mishap.was_played or not mishap.was_begun for mishap in self.mishaps) or not befallen:
            return
        verdict = record and record.verdict
        is_asked_once = len(self.mishaps) == 1 and befallen <= {"SIGINT", "SIGTERM", "kill switch"}
        if is_asked_once and (ended, verdict) not in ((3, "halted"), (5, "halted")):
            self.wrong.append(f"asked to stop, it ended with {ended}, {verdict}")
        if befallen <= {"full disk", "full disk, torn line"} and (verdict is None or ended is None):
            self.wrong.append(f"on a full disk it ended with {ended}, {verdict}")

    def check_the_end(self) -> None:
        """After the machine was healed and the run recovered."""
        self.check_processes()
        if self.pack is None or not (here.acts or self.pack.plan.exists()):
            self.wrong += [f"{here.broken} without a pack"] if here.broken else []
            return
        if here.broken or self.log.owed():
            self.wrong.append(f"still broken: {here.broken}, still owed: {self.log.owed()}")
        record = self.record()
        if record is None:
            self.wrong.append("there is no record")
            return
        self.wrong += [f"verify: {finding}" for finding in verify(self.pack).findings]
        self.wrong += [f"{phase} goes backwards" for phase in record.phases if phase.seconds < 0]
        if record.verdict == "passed" and self.may_not_pass():
            self.wrong.append("passed, in spite of it")
        self.check_what_was_said()
        if record.verdict != "aborted" and self.was_cut_off():
            self.wrong.append(f"{record.verdict}, and it was cut off")
        if len(list(packs(self.results))) > 1:
            self.wrong.append("there are two packs")

    def check_what_was_said(self) -> None:
        """What somebody said is in the timeline, once."""
        events = self.pack.events() if self.pack is not None else []
        heard = [event["message"] for event in events if "message" in event]
        if sorted(heard) != sorted(self.said) and not self.befell("delete"):
            self.wrong.append(f"said was {self.said}, heard {heard}")

    def was_cut_off(self) -> bool:
        """Whether the runner went before there was a record."""
        cuts = [mishap for mishap in self.mishaps if "runner" in mishap.what or mishap.what == "power cut"]
        return any(not mishap.was_recorded for mishap in cuts)

    def may_not_pass(self) -> bool:
        """Whether something befell it that stops a run."""
        stops = ("SIGINT", "SIGTERM", "kill switch", "kill engine")
        stopped = any(mishap.what in stops and not mishap.was_played for mishap in self.mishaps)
        events = {event["event"] for event in self.pack.events()} if self.pack is not None else set()
        is_whole = "engine-ended" in events
        return stopped or not is_whole or bool(events & {"halted", "aborted", "unsteady", "deadline"})

    def check_processes(self) -> None:
        """Everything that was started has ended, and by nothing unforeseen."""
        self.wrong += [f"{process.name} is still there" for process in self.machine.alive()]
        for process in self.machine.processes:
            if process.error is not None and not self.is_foreseen(process.error):
                self.wrong.append("".join(traceback.format_exception(process.error)))
            process.error = None if process.name != "runner" else process.error

    def is_foreseen(self, error: BaseException) -> bool:
        """Whether a command may end with such an error, since it leaves the rest to another one."""
        match error:
            case RuntimeError():
                return str(error) == "a defect"
            case KeyboardInterrupt():
                return self.befell("SIGINT")
            case NotRecorded() | StillRunning():
                return True
            case OSError():
                return error.errno == errno.EAGAIN and self.befell("no fork")
        return False

    # what is watched at every act

    def watch(self, what: str, arguments: dict[str, Any]) -> None:
        """Something is done to the service: never before it is owed, never out of order, never unlocked."""
        if what not in ("break", "undo") or self.pack is None:  # somebody has deleted it
            return
        entries = self.log.entries()
        same = [number for number, entry in enumerate(entries) if arguments_of(entry) == arguments]
        if not same:
            self.wrong.append(f"{what} {arguments} is not in the undo log")
        elif what == "break" and not entries[same[-1]].is_owed:
            self.wrong.append(f"{what} {arguments} is no longer owed")
        elif what == "break" and self.log.path in self.machine.me().unsynced:
            self.wrong.append(f"{what} {arguments} before its undo is on disk")

    def watch_undo(self, call: dict[str, Any], player: Process) -> None:
        """A player is about to play an undo."""
        if self.pack is None:
            return
        entries = self.log.entries()
        number = next(
            (n for n, e in reversed(list(enumerate(entries))) if e.call == call and e.is_owed), None
        )
        if number is None:
            self.wrong.append(f"{call} is played, and not owed")
            return
        tried = self.tried.setdefault(player.pid, set())
        tried.add(entries[number].id)
        is_sparse = self.befell("fork")  # some were tried without a process
        for later in entries[number + 1 :]:
            if later.is_owed and later.id not in tried and not is_sparse:
                self.wrong.append(f"{call} is undone before {later.call}")
        lock = Custody.of(self.pack).lock.path.stat()
        if not any(os.path.samestat(os.fstat(each), lock) for each in player.open_files):
            self.wrong.append(f"{player.name} undoes without the lock")


def fail() -> None:
    raise RuntimeError("a defect")


def arguments_of(entry: Entry) -> dict[str, Any]:
    call = entry.call.get("activity", {}).get("provider", entry.call)
    return dict(call["arguments"])


def pages_are_not_drawn(pack: Pack) -> None:
    """A report that costs nothing."""
    pack.report.write_text("")


# what costs most of a run's time, and is the same in all of them
parsed = functools.cache(positions.parse)


@contextmanager
def world(name: str, seed: int = 0) -> Iterator[World]:
    """A fresh machine."""
    folder = Path(tempfile.mkdtemp(prefix="gameday-simulation-", dir=SHM if SHM.is_dir() else None))
    machine = Machine(seed, folder)
    made = World(name, machine, folder / "results")
    here.__init__()  # type: ignore[misc]
    random.seed(seed)  # of whoever is told to come back later
    here.watch, here.takes = made.watch, machine.takes
    here.die = lambda: machine.kill(machine.me(), -11)
    about = {"gameday": "0", "python": "3", "platform": "", "host": "", "packages": {}}
    with (
        patch.object(keep, "environment", lambda: about),
        patch.object(keep, "without_secrets", lambda text, *_: text),
        patch.object(positions, "parse", parsed),
        patch.object(keep, "commit", lambda path: {"git_commit": None, "git_modified": None}),
        patch.object(judge.report, "write", pages_are_not_drawn),
        patch.object(Plain, "event"),
        patch.dict("os.environ", {state.VARIABLE: str(folder / "state")}),
        machine.installed(),
    ):
        try:
            yield made
        finally:
            shutil.rmtree(folder, ignore_errors=True)
