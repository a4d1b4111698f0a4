"""Any part of a run killed at any moment: every fault undone within three seconds, nothing left, a record."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from gameday import clock
from gameday.evidence.pack import Pack
from gameday.evidence.verify import verify
from gameday.faults.host import Local
from gameday.faults.undolog import UndoLog
from gameday.run.children import wait_until
from gameday.run.custody import Custody
from tests.faults.parts import need
from tests.faults.test_network import connect, in_namespace, ip, listen
from tests.run.conftest import Game, Service, action, drill

TARGETS = ["runner", "engine", "prober", "ledger", "load", "guardian", "runner and guardian"]
SEED = int(os.environ.get("GAMEDAY_CRASH_SEED", "20261123"))
UNDONE_WITHIN_S = 3.0
LAST_MOMENT_S = 8.0
LAST_MOMENT_OF_A_RECOVERY_S = 1.0
PORT = 5432
LOCUSTFILE = """
from locust import FastHttpUser, constant, task

class Customer(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def look(self):
        self.client.get("/health")
"""


@dataclass(frozen=True)
class Targets:
    """What a crash drill breaks: processes, and the traffic inside a namespace if there is one."""

    pids: list[int]
    namespace: str | None

    @property
    def are_broken(self) -> bool:
        """Whether a process is frozen, or anything of gameday is in the namespace's firewall."""
        return any(map(is_frozen, self.pids)) or "gameday" in self.rules()

    def rules(self) -> str:
        """The firewall of the namespace; where there is nft, a partition uses it."""
        if self.namespace is None:
            return ""
        return Local().do(["ip", "netns", "exec", self.namespace, "nft", "list", "ruleset"])

    @property
    def connect(self) -> bool:
        """Whether a connection comes about inside the namespace."""
        if self.namespace is None:
            return True
        with contextlib.suppress(OSError), in_namespace(self.namespace, lambda: connect("127.0.0.1", PORT)):
            return True
        return False


@pytest.fixture
def namespace() -> Iterator[str | None]:
    """A network namespace in which something listens; only root may make one."""
    if os.geteuid() != 0 and os.environ.get("GAMEDAY_REQUIRE_ALL") != "1":
        yield None
        return
    need("ip", "nft")
    name = f"gd-{uuid4().hex[:8]}"
    ip("netns", "add", name)
    try:
        ip("-n", name, "link", "set", "lo", "up")
        with in_namespace(name, partial(listen, "127.0.0.1", PORT)):
            yield name
    finally:
        ip("netns", "del", name)


@pytest.fixture
def targets(service: Service, namespace: str | None) -> Iterator[Targets]:
    """The service, two more processes and the namespace."""
    found = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) for _ in range(2)]
    yield Targets([service.process.pid, *(process.pid for process in found)], namespace)
    for process in found:
        process.kill()
        process.wait()


def crash_drill(service: Service, targets: Targets, folder: Path) -> dict[str, Any]:
    """Three faults, one after the other, under load, with a ledger."""
    (folder / "customers.py").write_text(LOCUSTFILE)
    first, second, third = map(freeze, targets.pids)
    if targets.namespace is not None:
        third = cut(targets.namespace)
    thaw = action("thaw", "gameday.faults.process", "resume", "failover", pid=service.process.pid)
    experiment = drill(
        service,
        first,
        third,
        second,
        thaw,
        load={"locustfile": "customers.py", "host": service.url, "users": 3, "spawn-rate": 10},
        ledger={"http": f"{service.url}/orders", "rate": "20/s"},
    )
    experiment["objectives"] |= {"baseline": "500ms", "sustain": "500ms", "after-check": "200ms"}
    return experiment


def freeze(pid: int) -> dict[str, Any]:
    made = action(f"freeze {pid}", "gameday.faults.process", "pause", "fault", pid=pid)
    return {**made, "pauses": {"after": 0.4}}


def cut(namespace: str) -> dict[str, Any]:
    where = {"to": ["127.0.0.1"], "ports": [PORT], "namespace": namespace}
    return action("cut the cable", "gameday.faults.network", "partition", "fault", **where)


def victims(game: Game, target: str) -> list[int]:
    """The process ids to kill; none when the run has not come that far, or has gone on."""
    if target == "runner":
        return [game.process.pid]
    parts = {child.pid: " ".join(_command(child)) for child in _children(game)}
    marks = {"engine": "gameday.run.engine", "guardian": "gameday.run.guardian", "load": "locust_recorder"}
    marks |= {"prober": "gameday.observe.prober", "ledger": "gameday.observe.ledger"}
    if target == "runner and guardian":
        return [pid for pid, text in parts.items() if marks["guardian"] in text] + [game.process.pid]
    return [pid for pid, text in parts.items() if marks[target] in text][:1]


def _children(game: Game) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(game.process.pid).children(recursive=True)
    return []


def _command(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return list(process.cmdline())
    return []


def is_frozen(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


def processes_in(folder: Path) -> list[str]:
    """The processes that work in a folder: everything that a run started there and that still lives."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
    return found


def crash(game: Game, target: str, moment_s: float, targets: Targets, folder: Path) -> None:
    """Kill a part of a run at a moment and check what must hold afterwards."""
    time.sleep(moment_s)
    had_ended = game.process.poll() is not None
    chosen = victims(game, target)
    for pid in chosen:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    killed_ns = clock.now_ns()
    packs = [Pack(path) for path in game.results.glob("*Z-*")] if game.results.is_dir() else []
    had_record = any(pack.record.exists() for pack in packs)
    is_replaced = lambda: set(victims(game, "guardian")) - set(chosen)  # noqa: E731 - to wait for
    if target == "runner and guardian" and packs:
        recover(game, folder)
    elif target != "guardian" and chosen:
        owe = lambda: any(UndoLog(pack.undo_log).owed() for pack in packs)  # noqa: E731 - to wait for
        assert wait_until(lambda: not targets.are_broken and not owe(), UNDONE_WITHIN_S), targets
    elif chosen:
        assert wait_until(lambda: is_replaced() or game.process.poll() is not None, 10)
    game.process.wait(60)
    for pack in packs:
        if pack.plan.exists():
            check(pack, target, killed_ns if chosen and not had_ended else None, had_record)
    assert not targets.are_broken and targets.connect
    assert wait_until(lambda: not processes_in(folder), 5), processes_in(folder)


def recover(game: Game, folder: Path) -> None:
    with recovery(game, folder) as process:
        assert process.wait(60) == 0


def recovery(game: Game, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gameday", "recover", "--results", str(game.results)]
    return subprocess.Popen(command, cwd=folder)


def check(pack: Pack, target: str, killed_ns: int | None, had_record: bool) -> None:
    """A finished run: all undone, a record whose verdict knows of the kill, a seal that verifies."""
    assert wait_until(pack.record.exists, 30), f"{pack.folder} has no record"
    assert wait_until(lambda: Custody.of(pack).is_foreign, 30)  # nothing is kept of what has ended
    # the guardian may still be at it
    assert wait_until(lambda: verify(pack).findings == [], 30), verify(pack).findings
    assert UndoLog(pack.undo_log).owed() == []
    record = json.loads(pack.record.read_text())
    word = {"guardian": "passed"}.get(target, "aborted" if "runner" in target else "halted")
    mattered = not had_record if "runner" in target else was_watched(pack, target, killed_ns)
    assert record["verdict"] in ({word} if mattered else {word, "passed"}), record["reasons"]
    if target == "guardian" and mattered:
        assert [event["event"] for event in pack.events()].count("guardian-lost") == 1


def was_watched(pack: Pack, target: str, killed_ns: int | None) -> bool:
    """Whether a part was killed while the runner still needed it, and looked after it."""
    last = {"ledger": "undo", "engine": "undo"}.get(target, "after-check")
    begun_ns = [event["t_ns"] for event in pack.events() if event.get("name") == last]
    return killed_ns is not None and (not begun_ns or killed_ns < begun_ns[0])


def play_crash(number: int, service: Service, targets: Targets, start: Any, folder: Path) -> None:
    chance = random.Random(SEED + number)
    target, moment_s = TARGETS[number % len(TARGETS)], chance.uniform(0.2, LAST_MOMENT_S)
    game = start(crash_drill(service, targets, folder))
    crash(game, target, moment_s, targets, folder)


@pytest.mark.parametrize("number", range(5))
def test_a_kill_at_a_random_moment_leaves_no_fault(
    number: int, service: Service, targets: Targets, start: Any, tmp_path: Path
) -> None:
    play_crash(number, service, targets, start, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(5, 200))
def test_soak_a_kill_at_a_random_moment_leaves_no_fault(
    number: int, service: Service, targets: Targets, start: Any, tmp_path: Path
) -> None:
    play_crash(number, service, targets, start, tmp_path)


def play_killed_recoveries(seed: int, service: Service, targets: Targets, start: Any, folder: Path) -> None:
    """A run whose runner and guardian are killed, and three recoveries that are killed as well."""
    chance = random.Random(SEED + seed)
    slow = {"type": "process", "path": "sh", "arguments": ["-c", f"sleep 0.3; touch {folder}/rolled-back"]}
    rollbacks = [{"type": "action", "name": "roll back", "provider": slow}]
    game = start(crash_drill(service, targets, folder) | {"rollbacks": rollbacks})
    game.until("action: thaw")
    for pid in victims(game, "runner and guardian"):
        os.kill(pid, signal.SIGKILL)
    game.process.wait()
    assert targets.are_broken
    for _ in range(3):
        with recovery(game, folder) as process:
            time.sleep(chance.uniform(0.2, LAST_MOMENT_OF_A_RECOVERY_S))
            process.kill()
    recover(game, folder)
    assert not targets.are_broken and targets.connect
    check(Pack(game.pack), "runner and guardian", None, had_record=False)
    assert (folder / "rolled-back").exists()
    assert wait_until(lambda: not processes_in(folder), 5), processes_in(folder)


def test_recoveries_killed_at_random_moments_are_finished_by_the_next(
    service: Service, targets: Targets, start: Any, tmp_path: Path
) -> None:
    play_killed_recoveries(0, service, targets, start, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(1, 21))
def test_soak_recoveries_killed_at_random_moments_are_finished_by_the_next(
    number: int, service: Service, targets: Targets, start: Any, tmp_path: Path
) -> None:
    play_killed_recoveries(number, service, targets, start, tmp_path)
