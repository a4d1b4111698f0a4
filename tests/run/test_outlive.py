"""What a run's steps have started outlives it, as under Chaos Toolkit; what is under way then does not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pytest

from gameday import clock
from gameday.evidence.pack import Pack
from gameday.files import append_line
from gameday.processes import Identity
from gameday.run import logs
from gameday.run.children import Steps, wait_until
from gameday.run.crew import end_left_over
from gameday.run.custody import PROCESSES, Custody

TWO_TICKS_S = 0.025


@contextmanager
def three_sleepers() -> Iterator[tuple[Identity, list[int], int]]:
    """A session, its sleepers of an earlier step and of one under way, and when that one began."""
    script = "sleep 300 & echo $!; read go; sleep 300 & echo $!; exec sleep 300"
    leader = subprocess.Popen(
        ["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert leader.stdin is not None and leader.stdout is not None
    try:
        older = int(leader.stdout.readline())
        time.sleep(TWO_TICKS_S)
        began_ns = clock.now_ns()
        time.sleep(TWO_TICKS_S)
        leader.stdin.write(b"\n")
        leader.stdin.flush()
        younger = int(leader.stdout.readline())
        identity = Identity.of("engine", leader.pid)
        assert identity is not None
        yield identity, [older, younger], began_ns
    finally:
        leader.kill()
        leader.wait()
        leader.stdin.close()
        leader.stdout.close()
        for pid in (older, younger):
            with suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_what_an_earlier_step_started_outlives_the_engine_and_what_is_under_way_does_not() -> None:
    with three_sleepers() as (engine, (older, younger), began_ns):
        engine.kill_since(began_ns)
        assert wait_until(lambda: not runs(younger) and not runs(engine.pid), 5)
        assert runs(older)


def test_what_is_under_way_does_not_outlive_an_engine_that_was_killed_either() -> None:
    with three_sleepers() as (engine, (older, younger), began_ns):
        psutil.Process(engine.pid).kill()
        psutil.Process(engine.pid).wait()
        engine.kill_since(began_ns)
        assert wait_until(lambda: not runs(younger), 5)
        assert runs(older)


def said(event: str, at_ns: int, step: str = "a") -> dict[str, Any]:
    return {"event": event, "t_ns": at_ns, "id": step}


@pytest.mark.parametrize(
    ("events", "since_ns"),
    [
        ([], 1),
        ([said("step-started", 2)], 2),
        ([said("step-started", 2), said("step-ended", 3)], 3),
        ([said("step-started", 2), said("step-started", 3, "b"), said("step-ended", 4, "b")], 2),
    ],
)
def test_what_is_under_way_began_with_the_oldest_step_that_is_not_over(
    events: list[dict[str, Any]], since_ns: int
) -> None:
    steps = Steps(1)
    for event in events:
        steps.heard(event)
    assert steps.since_ns == since_ns


def service(pidfile: Path) -> dict[str, Any]:
    command = f"sleep 300 >/dev/null 2>&1 & echo $! >{pidfile}"
    provider = {"type": "process", "path": "sh", "arguments": ["-c", command]}
    return {"type": "action", "name": "start the standby", "role": "failover", "provider": provider}


def server(folder: Path) -> dict[str, Any]:
    """A server as a child of the engine itself."""
    module = {"type": "python", "module": "tests.run.steps", "func": "start_a_child"}
    provider = {**module, "arguments": {"pidfile": str(folder / "child.pid")}}
    return {"type": "action", "name": "start another", "provider": provider, "pauses": {"after": 0.05}}


def undone_by_starting(pidfile: Path) -> dict[str, Any]:
    provider = {"type": "process", "path": "true"}
    undo = service(pidfile)["provider"]
    return {"type": "action", "name": "stop", "provider": provider, "undo": {"provider": undo}}


@pytest.mark.parametrize(
    "is_halted",
    [pytest.param(False, marks=pytest.mark.soak, id="to its end"), pytest.param(True, id="halted")],
)
def test_a_service_that_a_step_starts_outlives_the_run(start: Any, tmp_path: Path, is_halted: bool) -> None:
    hang = {"type": "process", "path": "sh", "arguments": ["-c", f"sleep 300; echo {tmp_path}"]}
    method = [service(tmp_path / "step.pid"), server(tmp_path), undone_by_starting(tmp_path / "undo.pid")]
    if is_halted:
        method.append({"type": "action", "name": "hang", "provider": hang})
    game = start({"title": "t", "description": "d", "method": method})
    if is_halted:
        game.until("action: hang")
        time.sleep(0.2)
        game.process.send_signal(signal.SIGINT)
    code, record = game.end()
    pids = [int((tmp_path / f"{name}.pid").read_text()) for name in ("step", "child", "undo")]
    try:
        assert code == (3 if is_halted else 0), record.get("reasons")
        assert all(map(runs, pids)), pids
        assert not [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in (p.info["cmdline"] or [])]
        hung = [p for p in psutil.process_iter(["cmdline"]) if f"echo {tmp_path}" in str(p.info["cmdline"])]
        assert not hung
    finally:
        for pid in pids:
            psutil.Process(pid).kill()


@pytest.mark.soak
def test_a_reader_that_goes_after_the_first_line_changes_nothing_of_the_run(tmp_path: Path) -> None:
    touch = {"type": "process", "path": "touch", "arguments": [str(tmp_path / "broken")]}
    remove = {"type": "process", "path": "rm", "arguments": [str(tmp_path / "broken")]}
    step = {"type": "action", "name": "break", "provider": touch, "undo": {"provider": remove}}
    experiment = {"title": "t", "description": "d", "method": [{**step, "pauses": {"after": 1}}]}
    (tmp_path / "x.json").write_text(json.dumps(experiment))
    command = f"{sys.executable} -m gameday run x.json --plain; echo $? >code"
    subprocess.run(["sh", "-c", f"({command}) 2>&1 | head -1"], cwd=tmp_path, timeout=60, check=True)
    assert wait_until(lambda: (tmp_path / "code").exists() and (tmp_path / "code").read_text() != "", 60)
    assert (tmp_path / "code").read_text() == "0\n"
    assert not (tmp_path / "broken").exists()
    (pack,) = (tmp_path / "results").iterdir()
    assert json.loads((pack / "record.json").read_text())["verdict"] == "passed"


def test_a_recovery_ends_what_is_under_way_and_no_service_of_an_earlier_step(tmp_path: Path) -> None:
    custody = Custody(tmp_path, Pack(tmp_path))
    with three_sleepers() as (engine, (older, younger), began_ns):
        append_line(tmp_path / PROCESSES, asdict(engine))
        append_line(custody.pack.timeline, said("step-started", began_ns - 2))
        append_line(custody.pack.timeline, said("step-ended", began_ns - 1))
        append_line(custody.pack.timeline, said("step-started", began_ns, "b"))
        end_left_over(custody)
        assert wait_until(lambda: not runs(younger) and not runs(engine.pid), 5)
        assert runs(older)


def test_what_a_service_prints_after_the_seal_goes_nowhere_and_does_not_end_it(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    with logs.writer(log) as words:
        os.write(words, b"before\n")
        assert wait_until(lambda: log.exists() and log.read_text() == "before\n", 10)
        old = log.open("rb")
        logs.settle(tmp_path)
        for _ in range(3):
            os.write(words, b"after\n")
    logs.finish()
    with old:
        assert old.read() == b"before\n"
    assert log.read_text() == "before\n"
