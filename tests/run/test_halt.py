"""What stops a run, and what a run leaves when it is stopped."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from gameday.evidence.pack import Pack
from gameday.faults.undolog import UndoLog
from gameday.processes import Identity
from gameday.run.children import wait_until
from tests.run.conftest import Game, Service, action, drill, fill
from tests.run.test_drill import children_of, is_running, pause


def gameday(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gameday", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=60, check=False)


def long_pause(service: Service, **blocks: Any) -> dict[str, Any]:
    return drill(service, pause(service, pauses={"after": 30}), **blocks)


def test_a_halt_condition_stops_the_run_inside_a_blocking_call(service: Service, start: Any) -> None:
    halt = [{"when": "health < 50%", "for": "200ms"}]
    game = start(long_pause(service, halt=halt))
    code, record = game.end()
    assert (code, record["verdict"]) == (3, "halted")
    assert "halt condition 'health < 50%' holds for 200 ms" in record["reasons"][0]
    assert is_running(service)
    halted_ns, undoing_ns = (
        next(event["t_ns"] for event in game.events() if event["event"] == name)
        for name in ("halted", "undoing")
    )
    assert undoing_ns - halted_ns < 1e9


def test_a_halt_condition_sees_a_freeze_whose_probes_are_still_waiting(service: Service, start: Any) -> None:
    experiment = long_pause(service, halt=[{"when": "health < 50%", "for": "100ms"}])
    experiment["slis"][0]["window"] = "300ms"  # shorter than the probe's timeout
    code, record = start(experiment).end()
    assert (code, record["verdict"]) == (3, "halted")
    assert "halt condition" in record["reasons"][0]


def test_a_halt_condition_on_an_sli_that_is_not_there_is_an_error(service: Service, start: Any) -> None:
    game = start(long_pause(service, halt=[{"when": "healt < 50%"}]))
    assert game.end() == (2, {})
    assert "there is no SLI 'healt'; did you mean 'health'?" in "".join(game.said)


def test_max_duration_halts(service: Service, start: Any) -> None:
    code, record = start(long_pause(service, **{"max-duration": "3s"})).end()
    assert (code, record["verdict"]) == (3, "halted")
    assert "longer than max-duration, 3 s" in record["reasons"][0]
    assert is_running(service)


def test_the_kill_switch_stops_a_run_and_blocks_new_ones_until_it_is_lifted(
    service: Service, start: Any, tmp_path: Path
) -> None:
    game = start(long_pause(service))
    game.until("is stopped")
    done = gameday("halt", "--all", "--why", "customers call", "--results", str(game.results), cwd=tmp_path)
    assert done.returncode == 0
    code, record = game.end()
    assert (code, record["verdict"]) == (3, "halted")
    assert "customers call" in record["reasons"][0]
    again = gameday("run", "experiment.yaml", "--results", str(game.results), cwd=tmp_path)
    assert again.returncode == 2 and "gameday halt --lift" in again.stderr
    assert gameday("halt", "--lift", "--results", str(game.results), cwd=tmp_path).returncode == 0


def test_one_run_can_be_halted_by_its_name(service: Service, start: Any, tmp_path: Path) -> None:
    game = start(long_pause(service))
    game.until("is stopped")
    assert gameday("halt", "latest", "--results", str(game.results), cwd=tmp_path).returncode == 0
    assert game.end()[1]["verdict"] == "halted"


def test_a_second_ctrl_c_hands_the_undo_to_the_guardian(service: Service, start: Any, tmp_path: Path) -> None:
    slow = {"type": "process", "path": "sleep", "arguments": ["2"]}
    step = {**pause(service, pauses={"after": 30}), "undo": {"provider": slow}}
    game = start(drill(service, step))
    game.until("is stopped")
    game.process.send_signal(signal.SIGINT)
    game.until("undoing")
    game.process.send_signal(signal.SIGINT)
    assert game.process.wait(5) == 5
    assert "the guardian goes on" in game.process.stderr.read()
    pack = Pack(game.pack)
    deadline_s = time.monotonic() + 20
    while not pack.record.exists() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert is_running(service)
    assert UndoLog(pack.undo_log).owed() == []
    assert json.loads(pack.record.read_text())["verdict"] == "aborted"


def kill_both(game: Game) -> None:
    """Kill the guardian and the runner: nobody is left to undo."""
    guardian = next(
        child for child in children_of(game) if "gameday.run.guardian" in " ".join(child.cmdline())
    )
    guardian.kill()
    game.process.kill()
    game.process.wait()


def test_recover_finishes_what_runner_and_guardian_left(service: Service, start: Any, tmp_path: Path) -> None:
    game = start(long_pause(service))
    game.until("is stopped")
    kill_both(game)
    assert not is_running(service)
    refused = gameday("run", "experiment.yaml", "--results", str(game.results), cwd=tmp_path)
    assert refused.returncode == 2
    assert f"gameday recover {game.pack}" in refused.stderr
    first = gameday("recover", "--results", str(game.results), cwd=tmp_path)
    assert (first.returncode, is_running(service)) == (0, True)
    assert "everything is put back" in first.stdout
    again = gameday("recover", "--results", str(game.results), cwd=tmp_path)
    assert again.returncode == 0 and "nothing to recover" in again.stdout
    assert json.loads((game.pack / "record.json").read_text())["verdict"] == "aborted"


def test_a_run_that_is_under_way_is_not_recovered(service: Service, start: Any, tmp_path: Path) -> None:
    game = start(long_pause(service))
    game.until("is stopped")
    done = gameday("recover", "--results", str(game.results), cwd=tmp_path)
    assert done.returncode == 5 and "somebody works on it" in done.stderr
    assert not is_running(service)


def test_a_process_of_another_boot_is_never_taken_for_one_of_the_run() -> None:
    mine = Identity.of("me", os.getpid())
    assert mine is not None and mine.is_alive
    assert not replace(mine, boot="another").is_alive
    assert not replace(mine, started=mine.started - 1).is_alive


def test_a_full_disk_halts_and_everything_is_undone(service: Service, start: Any, small_disk: Path) -> None:
    game = start(long_pause(service), "--results", str(small_disk))
    game.results = small_disk
    game.until("is stopped")
    fill(small_disk)
    code, record = game.end()
    assert (code, record.get("verdict")) == (3, "halted"), "".join(game.said)
    assert "cannot be written: the disk is full" in record["reasons"][0]
    assert is_running(service)
    assert psutil.pid_exists(service.process.pid)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing under a folder can be opened for writing meanwhile, not even by root."""
    for options in (["--bind", str(folder)], ["-o", "remount,bind,ro"]):
        subprocess.run(["mount", *options, str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_results_folder_turned_read_only_halts_and_a_recovery_makes_up_for_the_record(
    service: Service, start: Any, small_disk: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "rolled-back"
    touch = {"type": "process", "path": "touch", "arguments": [str(mark)]}
    rollbacks = [{"type": "action", "name": "roll back", "provider": touch}]
    game = start(long_pause(service, rollbacks=rollbacks), "--results", str(small_disk))
    game.results = small_disk
    game.until("is stopped")
    with read_only(small_disk):
        code, record = game.end(20)
        said = "".join(game.said)
        assert (code, record, is_running(service), mark.exists()) == (5, {}, True, True), said
        assert "halted" in said and "cannot be written (Read-only file system)" in said
        assert f"gameday recover {game.pack.name}" in said and "Traceback" not in said
        too_early = gameday("recover", "--results", str(small_disk), cwd=tmp_path)
        assert (too_early.returncode, "Traceback" in too_early.stderr) == (5, False)
        assert "cannot be written (Read-only file system)" in too_early.stderr
    recover_and_check(game)


def test_what_runner_and_guardian_left_on_a_read_only_disk_is_undone(
    service: Service, start: Any, small_disk: Path, tmp_path: Path
) -> None:
    game = start(long_pause(service), "--results", str(small_disk))
    game.results = small_disk
    game.until("is stopped")
    with read_only(small_disk):
        kill_both(game)
        done = gameday("recover", "--results", str(small_disk), cwd=tmp_path)
        assert (done.returncode, is_running(service)) == (5, True), done.stderr
    recover_and_check(game)


def test_a_run_does_not_begin_on_a_read_only_disk(service: Service, start: Any, small_disk: Path) -> None:
    with read_only(small_disk):
        game = start(long_pause(service), "--results", str(small_disk))
        assert game.end() == (2, {})
    assert f"gameday: cannot write under {small_disk}: Read-only file system" in "".join(game.said)


@pytest.mark.soak
def test_the_guardian_undoes_on_a_read_only_disk_too(service: Service, start: Any, small_disk: Path) -> None:
    game = start(long_pause(service), "--results", str(small_disk))
    game.results = small_disk
    game.until("is stopped")
    with read_only(small_disk):
        game.process.kill()
        assert wait_until(lambda: is_running(service), 3)
        time.sleep(1)  # it has to let go of the run
    recover_and_check(game)


def recover_and_check(game: Game) -> None:
    done = gameday("recover", "--results", str(game.results), cwd=game.results)
    assert done.returncode == 0, done.stderr
    record = json.loads((game.pack / "record.json").read_text())
    assert record["verdict"] == "aborted"
    assert [undo["verified"] for undo in record["undo"]] == [True]


def test_an_action_whose_undo_cannot_be_logged_is_not_played(
    service: Service, start: Any, tmp_path: Path
) -> None:
    nowhere = {"type": "process", "path": "sh", "arguments": ["-c", "ln -s /no/such/log $GAMEDAY_UNDO_LOG"]}
    touch = {"type": "process", "path": "touch", "arguments": [str(tmp_path / "broken")]}
    remove = {"type": "process", "path": "rm", "arguments": [str(tmp_path / "broken")]}
    code, record = start(
        drill(
            service,
            {"type": "action", "name": "lose the log", "provider": nowhere},
            {"type": "action", "name": "break", "provider": touch, "undo": {"provider": remove}},
        )
    ).end()
    assert (code, record["verdict"]) == (1, "failed")
    assert "the action 'break' failed: FileNotFoundError" in record["reasons"][0]
    assert not (tmp_path / "broken").exists()


@pytest.mark.parametrize(
    ("greedy", "verdict", "reason"),
    [
        (
            action("take it", "tests.run.steps", "take_memory", more_mb=200),
            "failed",
            "the action 'take it' failed: MemoryError",
        ),
        (
            action("take it", "tests.run.steps", "die_as_by_the_oom_killer"),
            "halted",
            "'engine' ended by itself (exit code -9)",
        ),
    ],
    ids=["MemoryError", "SIGKILL"],
)
def test_an_engine_out_of_memory_never_passes_and_everything_is_undone(
    service: Service, start: Any, greedy: dict[str, Any], verdict: str, reason: str
) -> None:
    experiment = drill(service, pause(service), greedy)
    experiment["objectives"]["deadline"] = "500ms"
    _, record = start(experiment).end()
    assert record["verdict"] == verdict
    assert any(reason in why for why in record["reasons"]), record["reasons"]
    assert is_running(service)
    assert [undo["verified"] for undo in record["undo"]] == [True]


def test_a_dead_locust_worker_halts(service: Service, start: Any, tmp_path: Path) -> None:
    (tmp_path / "customers.py").write_text(
        "from locust import FastHttpUser, constant, task\n"
        "class Customer(FastHttpUser):\n"
        "    wait_time = constant(0.05)\n"
        "    @task\n"
        "    def look(self):\n"
        "        self.client.get('/health')\n"
    )
    load = {"locustfile": "customers.py", "host": service.url, "users": 4, "spawn-rate": 10, "processes": 2}
    game = start(long_pause(service, load=load))
    game.until("is stopped")
    locusts = [child for child in children_of(game) if "locust_recorder" in " ".join(child.cmdline())]
    worker = next(child for child in locusts if child.children() == [] and child.ppid() != game.process.pid)
    worker.kill()
    code, record = game.end()
    assert (code, record["verdict"]) == (3, "halted")
    assert "'load' ended by itself" in record["reasons"][0]
    assert is_running(service)


def test_what_a_halted_run_did_is_in_its_journal(service: Service, start: Any, tmp_path: Path) -> None:
    game = start(drill(service, action("first", "os", "getpid"), pause(service, pauses={"after": 30})))
    game.until("is stopped")
    game.process.send_signal(signal.SIGTERM)
    game.end()
    journal = json.loads((game.pack / "journal.json").read_text())
    assert journal["status"] == "interrupted"
    assert [run["activity"]["name"] for run in journal["run"]] == ["first", "freeze"]


def test_a_runner_that_stands_still_is_relieved_by_its_guardian(service: Service, start: Any) -> None:
    game = start(long_pause(service))
    game.until("is stopped")
    game.process.send_signal(signal.SIGSTOP)
    assert wait_until(lambda: is_running(service), 30)
    assert game.process.wait(10) == -signal.SIGKILL  # nothing may wake it again
    pack = Pack(game.pack)
    assert wait_until(pack.record.exists, 30)
    record = json.loads(pack.record.read_text())
    assert record["verdict"] == "aborted"
    assert "the runner was stopped; the guardian put everything back" in record["reasons"][0]


def test_a_runner_that_is_stopped_and_let_go_on_at_once_goes_on(service: Service, start: Any) -> None:
    game = start(drill(service, pause(service, pauses={"after": 0.5})))
    game.until("is stopped")
    game.process.send_signal(signal.SIGSTOP)
    time.sleep(1)
    game.process.send_signal(signal.SIGCONT)
    _, record = game.end()
    assert record["verdict"] != "aborted"
