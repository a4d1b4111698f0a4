"""Whole drills on a real service: a fault of known length, a signal at a known moment, a part that dies."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from gameday.evidence import columns
from tests.run.conftest import Game, Service, action, drill

PROCESS = "gameday.faults.process"


def pause(service: Service, **more: Any) -> dict[str, Any]:
    return {**action("freeze", PROCESS, "pause", "fault", pidfile=str(service.pidfile)), **more}


def resume(service: Service) -> dict[str, Any]:
    return action("thaw", PROCESS, "resume", "failover", pidfile=str(service.pidfile))


def frozen_s(game: Game, service: Service) -> tuple[float, float]:
    """The shortest and longest the service can have been away: by the steps, and by its own answers."""
    at = {(event["event"], event["name"]): event["t_ns"] for event in game.events() if "name" in event}
    began, stopped = at["step-started", "freeze"], at["step-ended", "freeze"]
    thawed = at["step-started", "thaw"]
    answers = np.fromfile(service.pidfile.with_name("answers"), dtype="<i8")
    answered = int(answers[answers > thawed][0])
    return (thawed - stopped) / 1e9, (answered - began) / 1e9


def is_running(service: Service) -> bool:
    return psutil.Process(service.process.pid).status() != psutil.STATUS_STOPPED


def children_of(game: Game) -> list[psutil.Process]:
    return psutil.Process(game.process.pid).children(recursive=True)


@pytest.mark.alone
def test_a_freeze_of_known_length_is_measured(service: Service, start: Any) -> None:
    game = start(drill(service, pause(service, pauses={"after": 1.5}), resume(service)))
    code, record = game.end()
    rto = record["rto"]
    assert (code, record["verdict"]) == (0, "passed"), game.said
    shortest_s, longest_s = frozen_s(game, service)
    assert rto["low"] <= longest_s and shortest_s <= rto["high"]
    assert rto["high"] - rto["low"] < 0.5
    assert record["steps"][0]["landed"] is True
    assert [undo["verified"] for undo in record["undo"]] == [True]
    assert (game.pack / "report.html").stat().st_size > 10_000


def test_a_service_that_does_not_come_back_has_no_rto(service: Service, start: Any) -> None:
    game = start(drill(service, pause(service)))
    code, record = game.end()
    assert (code, record["verdict"]) == (1, "failed")
    assert record["rto"]["seconds"] is None and record["rto"]["recovered"] is False
    assert record["rto"]["met"] is False
    assert is_running(service)  # the undo thawed it


def test_a_recovery_that_only_the_undo_brings_is_none(service: Service, start: Any) -> None:
    experiment = drill(service, pause(service))
    experiment["objectives"]["deadline"] = "1s"
    code, record = start(experiment).end()
    assert (code, record["verdict"]) == (1, "failed")
    assert record["rto"]["seconds"] is None and record["rto"]["met"] is False
    assert record["slis"][0]["outages"][0]["seconds"] > 1  # the outage is there all the same


def test_an_objective_that_is_missed_fails(service: Service, start: Any) -> None:
    experiment = drill(service, pause(service, pauses={"after": 1}), resume(service))
    experiment["objectives"]["rto"] = "500ms"
    experiment["slis"][0]["probe"]["timeout"] = "300ms"
    code, record = start(experiment).end()
    assert (code, record["verdict"]) == (1, "failed")
    assert "over the objective of 500 ms" in record["reasons"][0]


def test_a_fault_without_proof_and_without_impact_is_inconclusive(service: Service, start: Any) -> None:
    nothing = action("touch nothing", "os", "getpid", "fault")
    code, record = start(drill(service, nothing)).end()
    assert (code, record["verdict"]) == (4, "inconclusive")
    assert record["rto"]["impact_seen"] is False and record["rto"]["seconds"] is None


def test_an_unsteady_baseline_breaks_nothing(service: Service, start: Any) -> None:
    experiment = drill(service, pause(service))
    experiment["slis"][0]["probe"]["expect"] = 404
    code, record = start(experiment).end()
    assert (code, record["verdict"]) == (1, "failed")
    assert record["steps"] == [] and record["undo"] == []
    assert "before the method" in record["reasons"][0]


def test_a_failed_action_never_passes_and_rollbacks_are_played(service: Service, start: Any) -> None:
    missing = action("kill nobody", PROCESS, "kill", "fault", name="no such process at all")
    experiment = drill(service, missing, rollbacks=[resume(service)])
    code, record = start(experiment).end()
    assert (code, record["verdict"]) == (1, "failed")
    assert [step["status"] for step in record["steps"]] == ["failed", "succeeded"]


def test_the_ledger_counts_what_the_service_lost(service: Service, start: Any) -> None:
    # a killed service forgets every order; a new one takes its place
    command = [
        str(Path(__file__).with_name("service.py")),
        service.url.rpartition(":")[2],
        str(service.pidfile),
    ]
    experiment = drill(
        service,
        action("kill", PROCESS, "kill", "fault", pidfile=str(service.pidfile)),
        action("restart", "tests.run.steps", "start_in_background", "failover", command=command),
        ledger={"http": f"{service.url}/orders", "rate": "100/s"},
    )
    experiment["objectives"]["rpo"] = "0s"
    try:
        game = start(experiment)
        code, record = game.end()
    finally:
        os.kill(int(service.pidfile.read_text()), signal.SIGKILL)
    rpo = record["rpo"]
    assert (code, record["verdict"]) == (1, "failed")
    assert rpo["lost"] > 50 and rpo["survived"] > 50
    assert rpo["lost"] + rpo["survived"] == rpo["acknowledged"]
    assert rpo["not_read"] == 0 and len(rpo["lost_writes"]) == rpo["lost"]
    at = {(event["event"], event["name"]): event["t_ns"] for event in game.events() if "name" in event}
    first_ns = int(columns.read_ledger(game.pack / "ledger.parquet").done_ns[0])
    shortest_s, longest_s = ((at[event, "kill"] - first_ns) / 1e9 for event in ("step-started", "step-ended"))
    assert shortest_s - 0.05 <= rpo["seconds"] <= longest_s + 0.05


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_halts_and_everything_is_undone(service: Service, start: Any, number: int) -> None:
    game = start(drill(service, pause(service, pauses={"after": 30})))
    game.until("is stopped")
    assert not is_running(service)
    started_s = time.monotonic()
    game.process.send_signal(number)
    code, record = game.end()
    assert (code, record["verdict"]) == (3, "halted")
    assert time.monotonic() - started_s < 30  # it did not wait for the pause
    assert is_running(service)
    assert record["undo"][0]["verified"] is True
    assert signal.Signals(number).name in record["reasons"][0]
    assert (game.pack / "journal.json").exists()


def test_a_closed_terminal_does_not_stop_the_drill(service: Service, start: Any) -> None:
    game = start(drill(service, pause(service, pauses={"after": 1}), resume(service)))
    game.until("is stopped")
    game.process.send_signal(signal.SIGHUP)
    code, record = game.end()
    assert (code, record["verdict"]) == (0, "passed")


@pytest.mark.parametrize("module", ["gameday.run.engine", "gameday.observe.prober"])
def test_a_part_that_dies_halts_the_run_and_everything_is_undone(
    service: Service, start: Any, module: str
) -> None:
    game = start(drill(service, pause(service, pauses={"after": 30})))
    game.until("is stopped")
    victim = next(child for child in children_of(game) if module in " ".join(child.cmdline()))
    victim.kill()
    code, record = game.end()
    assert (code, record["verdict"]) == (3, "halted")
    assert "ended by itself" in record["reasons"][0]
    assert is_running(service)


def test_an_action_that_hangs_is_stopped_and_leaves_no_process(service: Service, start: Any) -> None:
    hang = {"type": "process", "path": "sleep", "arguments": ["300"]}
    game = start(drill(service, pause(service), {"type": "action", "name": "hang", "provider": hang}))
    game.until("action: hang")
    left = children_of(game)
    game.process.send_signal(signal.SIGINT)
    _, record = game.end()
    assert record["verdict"] == "halted"
    assert not [child for child in left if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert is_running(service)


def test_rollbacks_are_played_after_a_halt_too(service: Service, start: Any, tmp_path: Path) -> None:
    mark = tmp_path / "rolled-back"
    rollback = {"type": "process", "path": "touch", "arguments": [str(mark)]}
    game = start(
        drill(
            service,
            pause(service, pauses={"after": 30}),
            rollbacks=[{"type": "action", "name": "roll back", "provider": rollback}],
        )
    )
    game.until("is stopped")
    game.process.send_signal(signal.SIGTERM)
    _, record = game.end()
    assert mark.exists()
    assert [step["name"] for step in record["steps"]][-1] == "roll back"


def test_an_undo_declared_for_a_third_party_action_is_played(
    service: Service, start: Any, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    touch = {"type": "process", "path": "touch", "arguments": ["${broken}"]}
    remove = {"type": "process", "path": "rm", "arguments": ["${broken}"]}
    step = {"type": "action", "name": "break", "provider": touch, "undo": {"provider": remove}}
    game = start(drill(service, step, configuration={"broken": str(broken)}))
    code, record = game.end()
    assert code == 0, game.said
    assert not broken.exists()
    assert record["undo"][0]["state"] == "undone"


def test_background_activities_overlap_and_are_recorded(service: Service, start: Any) -> None:
    sleep = {"type": "process", "path": "sleep", "arguments": ["0.5"]}
    slow = {"type": "action", "name": "slow", "provider": sleep, "background": True}
    code, record = start(drill(service, slow, pause(service, pauses={"after": 0.3}), resume(service))).end()
    assert code == 0
    assert [step["status"] for step in record["steps"]] == ["succeeded"] * 3


def test_a_planned_switchover_without_a_fault_is_measured(service: Service, start: Any) -> None:
    switch = {**pause(service, pauses={"after": 1.5}), "role": "failover"}
    experiment = drill(service, switch, resume(service))
    experiment["objectives"]["rto"] = "1s"
    code, record = start(experiment).end()
    assert (code, record["verdict"]) == (1, "failed")
    assert record["rto"]["met"] is False and record["rto"]["high"] > 1
    assert record["moments"]["inject"] == record["moments"]["failover"] is not None


def test_a_service_that_the_hypothesis_check_disturbs_is_not_broken_further(
    service: Service, start: Any
) -> None:
    blip = {**action("blip", "tests.run.steps", "blip", pidfile=str(service.pidfile)), "type": "probe"}
    hypothesis = {"title": "steady", "probes": [{**blip, "tolerance": True}]}
    code, record = start(drill(service, pause(service), **{"steady-state-hypothesis": hypothesis})).end()
    assert (code, record["verdict"]) == (1, "failed")
    assert [step["name"] for step in record["steps"]] == ["blip"] and record["undo"] == []
    assert "'health' missed its objective before the method" in record["reasons"][0]


def test_slis_whose_names_look_alike_have_a_recorder_each(service: Service, start: Any) -> None:
    experiment = drill(service, pause(service, pauses={"after": 1}), resume(service))
    other = {"http": f"{service.url}/nothing", "every": "20ms", "timeout": "500ms", "expect": 404}
    experiment["slis"][0]["name"] = "注文"
    experiment["slis"].append({**experiment["slis"][0], "name": "支払", "probe": other})
    code, record = start(experiment).end()
    assert (code, record["verdict"]) == (0, "passed"), record["reasons"]
    assert [each["name"] for each in record["recorders"]] == ["probe-1-x", "probe-2-x"]
    assert all(len(each["outages"]) == 1 for each in record["slis"])
    assert record["slis"][0]["samples"] > record["slis"][1]["samples"] > 0
