"""Every kind of fault, every way to lose a run, at random moments: whoever recovers it puts everything back.

The run is started in one folder, by relative paths; its results lie in another; it is recovered from a third.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
import yaml

from gameday import state
from gameday.evidence.pack import Pack
from gameday.evidence.shelf import packs
from gameday.faults.host import Local
from gameday.faults.undolog import UndoLog
from gameday.run.children import wait_until
from tests.faults.parts import need, need_root
from tests.faults.test_network import connect, in_namespace, ip, listen
from tests.run.conftest import HERE, Game, Service, action, drill
from tests.run.test_crash import processes_in, victims

SEED = int(os.environ.get("GAMEDAY_CRASH_SEED", "20261123"))
MOMENTS = 200
RELIEVED_WITHIN_S = 30.0
LAST_MOMENT_S = 5.0
PUT_BACK_WITHIN_S = 40.0


@dataclass(frozen=True)
class Breakage:
    """A fault as a method plays it, and whether it is in place."""

    activity: dict[str, Any]
    is_broken: Callable[[], bool]


@dataclass(frozen=True)
class Place:
    """Where a run is started, where its results are, and the service that it looks at."""

    work: Path
    results: Path
    service: Service


@contextlib.contextmanager
def frozen(place: Place) -> Iterator[Breakage]:
    with subprocess.Popen(["sleep", "600"]) as sleeper:
        is_frozen = lambda: psutil.Process(sleeper.pid).status() == psutil.STATUS_STOPPED  # noqa: E731
        yield Breakage(
            action("break", "gameday.faults.process", "pause", "fault", pid=sleeper.pid), is_frozen
        )
        sleeper.kill()


@contextlib.contextmanager
def killed(place: Place) -> Iterator[Breakage]:
    program = place.work / f"gd-{uuid4().hex[:8]}"
    shutil.copy("/bin/sleep", program)
    command = [str(program), "600"]
    subprocess.Popen(command, start_new_session=True, cwd="/")
    restart = {"name": program.name, "restart": command}
    yield Breakage(
        action("break", "gameday.faults.process", "kill", "fault", **restart),
        lambda: not Local().named(program.name),
    )
    for pid in Local().named(program.name):
        os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def partitioned(place: Place) -> Iterator[Breakage]:
    need_root()
    need("ip", "nft")
    name = f"gd-{uuid4().hex[:8]}"
    ip("netns", "add", name)
    try:
        ip("-n", name, "link", "set", "lo", "up")
        with in_namespace(name, partial(listen, "127.0.0.1", 5432)):
            where = {"to": ["127.0.0.1"], "ports": [5432], "namespace": name}
            yield Breakage(
                action("break", "gameday.faults.network", "partition", "fault", **where),
                lambda: not connects(name),
            )
    finally:
        ip("netns", "del", name)


def connects(namespace: str) -> bool:
    with contextlib.suppress(OSError), in_namespace(namespace, lambda: connect("127.0.0.1", 5432)):
        return True
    return False


@contextlib.contextmanager
def misled(place: Place) -> Iterator[Breakage]:
    hosts = place.work / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    where = {"name": "orders.example", "address": "192.0.2.1", "hosts_file": "hosts"}
    yield Breakage(
        action("break", "gameday.faults.dns", "override", "fault", **where),
        lambda: "gameday" in hosts.read_text(),
    )


@contextlib.contextmanager
def filled(place: Place) -> Iterator[Breakage]:
    need_root()
    small = place.work / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(small)], check=True)
    try:
        yield Breakage(
            action("break", "gameday.faults.disk", "fill", "fault", path="small", leave_mb=4),
            lambda: any(small.iterdir()),
        )
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


@contextlib.contextmanager
def pressed(place: Place, kind: str, **arguments: Any) -> Iterator[Breakage]:
    need("stress-ng")
    scratch = place.work / "scratch"
    scratch.mkdir()
    told = {"duration_s": 60, "folder": "scratch", **arguments}
    yield Breakage(
        action("break", "gameday.faults.stress", kind, "fault", **told),
        lambda: bool(Local().mentioning(str(scratch))),
    )


@contextlib.contextmanager
def late(place: Place) -> Iterator[Breakage]:
    control = place.work / "clock"
    control.write_text("+0\n")
    yield Breakage(
        action("break", "gameday.faults.clock", "offset", "fault", control_file="clock", seconds=3600),
        lambda: control.read_text() != "+0\n",
    )


@contextlib.contextmanager
def declared(place: Place) -> Iterator[Breakage]:
    mark = place.work / "mark"
    does = {"type": "process", "path": "touch", "arguments": ["mark"]}
    undoes = {"type": "process", "path": "rm", "arguments": ["-f", "mark"]}
    made = {
        "type": "action",
        "name": "break",
        "role": "fault",
        "provider": does,
        "undo": {"provider": undoes},
    }
    yield Breakage(made, mark.exists)


KINDS: dict[str, Callable[[Place], Any]] = {
    "pause": frozen,
    "kill": killed,
    "partition": partitioned,
    "name": misled,
    "disk": filled,
    "processors": partial(pressed, kind="cpu", workers=1, load_percent=10),
    "writing": partial(pressed, kind="io", workers=1, file_mb=4),
    "clock": late,
    "declared": declared,
}


@dataclass
class Lost:
    """A run that is about to be lost."""

    game: Game
    place: Place

    @property
    def packs(self) -> list[Pack]:
        return packs(self.place.results)

    def kill(self, *targets: str) -> None:
        """SIGKILL to parts of the run, at once."""
        for pid in [pid for target in targets for pid in victims(self.game, target)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_all(self) -> None:
        """As when the machine goes down: nothing of the run is left."""
        with contextlib.suppress(psutil.NoSuchProcess):
            runner = psutil.Process(self.game.process.pid)
            for process in [runner, *runner.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()

    def signal(self, *numbers: signal.Signals) -> None:
        for number in numbers:
            self.game.process.send_signal(number)
            time.sleep(0.1)

    def stop(self) -> None:
        """SIGSTOP. Nobody relieves it where nothing is broken: without a guardian, or while it judges."""
        self.signal(signal.SIGSTOP)
        if not victims(self.game, "guardian"):
            self.signal(signal.SIGKILL)
        elif not wait_until(lambda: self.game.process.poll() is not None, RELIEVED_WITHIN_S):
            assert not owes(self.place), "a stopped runner that owes an undo is relieved"
            self.signal(signal.SIGCONT)

    def recover(self, *arguments: str, **environment: str) -> int:
        with self.recovery(*arguments, **environment) as process:
            return process.wait(90)

    def recovery(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "gameday",
            "recover",
            "--results",
            str(self.place.results),
            *arguments,
        ]
        return subprocess.Popen(
            command, cwd="/", env={**os.environ, **environment}, stderr=subprocess.DEVNULL
        )

    def recover_as_another(self) -> None:
        """Somebody else, who has nothing in custody: at a word."""
        other = str(self.place.work.parent / "other")
        owes = any(UndoLog(pack.undo_log).owed() for pack in self.packs)
        code = self.recover(**{state.VARIABLE: other})
        assert code == 5 or not owes
        assert self.recover("--trust", **{state.VARIABLE: other}) == 0

    def recover_twice_at_once(self) -> None:
        with self.recovery() as first, self.recovery() as second:
            first.wait(90)
            second.wait(90)
        self.recover()

    def move(self) -> None:
        for pack in self.packs:
            pack.folder.rename(pack.folder.with_name(f"20200101T000000Z-moved-{uuid4().hex[:6]}"))

    def remove(self) -> None:
        for pack in self.packs:
            shutil.rmtree(pack.folder, ignore_errors=True)


def in_turn(*acts: Callable[[Lost], Any]) -> Callable[[Lost], None]:
    def play(lost: Lost) -> None:
        for act in acts:
            act(lost)

    return play


def gone(lost: Lost) -> None:
    lost.kill("guardian", "runner")
    lost.game.process.wait(10)


WAYS: dict[str, Callable[[Lost], Any]] = {
    "runner": lambda lost: lost.kill("runner"),
    "engine": lambda lost: lost.kill("engine"),
    "runner and engine": lambda lost: lost.kill("runner", "engine"),
    "guardian, then SIGINT": lambda lost: (lost.kill("guardian"), lost.signal(signal.SIGINT)),
    "runner and guardian": in_turn(gone, Lost.recover),
    "runner, then guardian": in_turn(
        lambda lost: lost.kill("runner"),
        lambda lost: time.sleep(0.3),
        lambda lost: lost.kill("guardian"),
        Lost.recover,
    ),
    "runner, guardian and engine": in_turn(lambda lost: lost.kill("engine"), gone, Lost.recover),
    "everything": in_turn(Lost.kill_all, Lost.recover),
    "another user": in_turn(gone, Lost.recover_as_another),
    "two recoveries at once": in_turn(gone, Lost.recover_twice_at_once),
    "stopped": Lost.stop,
    "SIGTERM": lambda lost: lost.signal(signal.SIGTERM),
    "SIGINT twice": lambda lost: lost.signal(signal.SIGINT, signal.SIGINT),
    "moved": in_turn(gone, Lost.move, Lost.recover),
    "removed": in_turn(Lost.remove, gone, Lost.recover),
}


def started(place: Place, breakage: Breakage) -> Game:
    """A run that is started by relative paths."""
    rollback = {"type": "action", "name": "go home", "provider": {"type": "process", "path": "true"}}
    activity = {**breakage.activity, "pauses": {"after": 1.0}}
    experiment = drill(place.service, activity, rollbacks=[rollback])
    experiment["objectives"] |= {"baseline": "500ms", "sustain": "500ms", "after-check": "200ms"}
    (place.work / "experiment.yaml").write_text(yaml.safe_dump(experiment, sort_keys=False))
    command = [
        sys.executable,
        "-m",
        "gameday",
        "run",
        "experiment.yaml",
        "--plain",
        "--results",
        "../results",
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=place.work,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        text=True,
    )
    return Game(process, place.results)


def play(kind: str, way: str, moment_s: float, place: Place) -> None:
    with KINDS[kind](place) as breakage:
        game = started(place, breakage)
        try:
            time.sleep(moment_s)
            WAYS[way](Lost(game, place))
            game.process.wait(90)
            back = lambda: not breakage.is_broken() and not owes(place)  # noqa: E731 - to wait for
            assert wait_until(back, PUT_BACK_WITHIN_S), f"{kind} is broken: {breakage.is_broken()}"
        finally:
            game.process.kill()
            game.process.wait()
    # only now: what an undo has started again works there too
    assert wait_until(lambda: not processes_in(place.work), 10), processes_in(place.work)


def owes(place: Place) -> bool:
    return any(UndoLog(pack.undo_log).owed() for pack in packs(place.results))


@pytest.fixture
def place(tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("PYTHONPATH", str(HERE.parents[1]))
    (tmp_path / "work").mkdir()
    return Place(tmp_path / "work", tmp_path / "results", service)


def pairs() -> list[Any]:
    """Every kind with every way, and more of them by chance."""
    chance = random.Random(SEED)
    every = [(kind, way) for kind in KINDS for way in WAYS]
    every += chance.choices(every, k=MOMENTS - len(every))
    return [
        pytest.param(kind, way, chance.uniform(0.2, LAST_MOMENT_S), id=f"{number}: {kind}, {way}")
        for number, (kind, way) in enumerate(every)
    ]


@pytest.mark.soak
@pytest.mark.parametrize(("kind", "way", "moment_s"), pairs())
def test_soak_whatever_is_lost_when_everything_is_put_back(
    kind: str, way: str, moment_s: float, place: Place
) -> None:
    play(kind, way, moment_s, place)


@pytest.mark.parametrize(("kind", "way"), [("declared", "runner and guardian"), ("name", "moved")])
def test_whatever_is_lost_everything_is_put_back(kind: str, way: str, place: Place) -> None:
    play(kind, way, 2.5, place)
