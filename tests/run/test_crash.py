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
from pathlib import Path
from typing import Any

import psutil
import pytest

from gameday.evidence.pack import Pack
from gameday.faults.undolog import UndoLog
from gameday.run.crew import left_over
from tests.run.conftest import Game, Service, action, drill

TARGETS = ["runner", "engine", "prober", "ledger", "load", "guardian", "runner and guardian"]
SEED = int(os.environ.get("GAMEDAY_CRASH_SEED", "20261123"))
UNDONE_WITHIN_S = 3.0
LAST_MOMENT_S = 8.0
LOCUSTFILE = """
from locust import FastHttpUser, constant, task

class Customer(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def look(self):
        self.client.get("/health")
"""


@pytest.fixture
def bystanders() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two more processes to break."""
    found = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) for _ in range(2)]
    yield found
    for process in found:
        process.kill()
        process.wait()


def crash_drill(service: Service, bystanders: list[subprocess.Popen[bytes]], folder: Path) -> dict[str, Any]:
    """Three faults, one after the other, under load, with a ledger."""
    (folder / "customers.py").write_text(LOCUSTFILE)
    pids = [service.process.pid, *(process.pid for process in bystanders)]
    faults = [
        {
            **action(f"freeze {pid}", "gameday.faults.process", "pause", "fault", pid=pid),
            "pauses": {"after": 0.4},
        }
        for pid in pids
    ]
    thaw = action("thaw", "gameday.faults.process", "resume", "failover", pid=service.process.pid)
    experiment = drill(
        service,
        *faults,
        thaw,
        load={"locustfile": "customers.py", "host": service.url, "users": 3, "spawn-rate": 10},
        ledger={"http": f"{service.url}/orders", "rate": "20/s"},
    )
    experiment["objectives"] |= {"baseline": "500ms", "sustain": "500ms", "after-check": "200ms"}
    return experiment


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


def wait_for(condition: Any, within_s: float) -> bool:
    deadline_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


def crash(game: Game, target: str, moment_s: float, pids: list[int]) -> None:
    """Kill a part of a run at a moment and check what must hold afterwards."""
    time.sleep(moment_s)
    chosen = victims(game, target)
    for pid in chosen:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    packs = [Pack(path) for path in game.results.glob("*Z-*")] if game.results.is_dir() else []
    if target == "runner and guardian" and packs:
        subprocess.run(
            [sys.executable, "-m", "gameday", "recover", "--results", str(game.results)],
            check=True,
            timeout=60,
        )
    else:
        # a halted run wound down by its runner, or one that goes on because it can
        assert wait_for(lambda: not any(map(is_frozen, pids)) or target == "guardian", UNDONE_WITHIN_S)
    game.process.wait(60)
    for pack in packs:
        if not pack.plan.exists():
            continue
        assert wait_for(pack.record.exists, 30), f"{pack.folder} has no record"
        assert wait_for(lambda pack=pack: not left_over(pack), 5), left_over(pack)
        assert UndoLog(pack.undo_log).owed() == []
        record = json.loads(pack.record.read_text())
        expected = {"aborted", "passed"} if "runner" in target else {"halted", "passed"}
        assert record["verdict"] in (expected if target != "guardian" else {"passed"}), record["reasons"]
    assert not any(map(is_frozen, pids))


def play_crash(number: int, service: Service, bystanders: Any, start: Any, folder: Path) -> None:
    chance = random.Random(SEED + number)
    target, moment_s = TARGETS[number % len(TARGETS)], chance.uniform(0.2, LAST_MOMENT_S)
    game = start(crash_drill(service, bystanders, folder))
    crash(game, target, moment_s, [service.process.pid, *(process.pid for process in bystanders)])


@pytest.mark.parametrize("number", range(12))
def test_a_kill_at_a_random_moment_leaves_no_fault(
    number: int, service: Service, bystanders: Any, start: Any, tmp_path: Path
) -> None:
    play_crash(number, service, bystanders, start, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(12, 200))
def test_soak_a_kill_at_a_random_moment_leaves_no_fault(
    number: int, service: Service, bystanders: Any, start: Any, tmp_path: Path
) -> None:
    play_crash(number, service, bystanders, start, tmp_path)
