"""While an undo takes its time a run hears everything: signals, the kill switch, the end of its guardian."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from gameday.clock import NS_PER_S
from tests.simulation import service
from tests.simulation.experiments import EXPERIMENTS
from tests.simulation.machine import Process
from tests.simulation.world import World, world

SOON_S = 1.0


@pytest.fixture(autouse=True)
def eight_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """An undo takes long enough for what befalls it here."""
    monkeypatch.setattr(service, "HOME_WITHIN_S", 8.0)


def moments(made: World) -> dict[str, int]:
    """When each event happened last, and each of an undo by its step, such as `undone: fail d over`."""
    found: dict[str, int] = {}
    for event in made.pack.events() if made.pack is not None else []:
        found[event["event"]] = event["t_ns"]
        found[f"{event['event']}: {event.get('step')}"] = event["t_ns"]
    return found


def play(made: World, what: str, after_s: float = 3.0) -> tuple[Process, int]:
    """Play a run, and let something happen while the undo of `d` works; when that was, on the run clock."""
    happened: list[int] = []

    def later() -> int:
        made.machine.give_way(after_s)
        happened.append(made.machine.now_ns())
        for each in what.split(", "):
            made.befall(each)
            made.machine.give_way(SOON_S)
        return 0

    made.machine.when.append(("undoing: undo d", lambda: made.machine.spawn("somebody", later)))
    runner = made.play()
    return runner, happened[0]


def ends_well(made: World) -> None:
    made.check_the_end()
    assert made.wrong == []


@pytest.mark.parametrize("what", ["SIGINT", "SIGTERM", "kill switch"])
@pytest.mark.parametrize("name", ["slow", "settling"])
def test_what_stops_a_run_is_heard_while_an_undo_works_and_the_undo_goes_on(name: str, what: str) -> None:
    with world(name) as made:
        runner, at_ns = play(made, what)
        seen = moments(made)
        assert runner.code == 3
        assert 0 <= seen["halted"] - at_ns < SOON_S * NS_PER_S
        assert seen["undone: fail d over"] > seen["halted"]
        assert service.here.acts.count(("undo", {"part": "d", "before": "well"})) == 1  # it is not begun anew
        ends_well(made)


def test_a_second_signal_hands_over_at_once_and_the_guardian_waits_until_it_is_undone() -> None:
    with world("slow") as made:
        runner, at_ns = play(made, "SIGINT, SIGTERM")
        seen = moments(made)
        assert runner.code == 5
        assert seen["handed-over"] - at_ns < 2 * SOON_S * NS_PER_S < seen["undone: fail d over"] - at_ns
        ends_well(made)


def test_a_guardian_that_is_killed_meanwhile_is_replaced() -> None:
    with world("slow") as made:
        runner, at_ns = play(made, "kill guardian")
        seen = moments(made)
        assert seen["guardian-lost"] - at_ns < SOON_S * NS_PER_S < seen["undone: fail d over"] - at_ns
        assert runner.code == 0
        ends_well(made)


def test_a_guardian_that_is_killed_while_a_halt_is_undone_is_replaced_too() -> None:
    with world("slow") as made:
        runner, _ = play(made, "SIGINT, kill guardian")
        seen = moments(made)
        assert seen["halted"] < seen["guardian-lost"] < seen["undone: fail d over"]
        assert runner.code == 3
        ends_well(made)


def test_others_are_undone_while_one_settles() -> None:
    with world("settling") as made:
        made.play()
        seen = moments(made)
        first = [seen["undoing: fail e over"], seen["undoing: fail d over"], seen["settling: fail d over"]]
        assert first == sorted(first)
        assert seen["settling: fail d over"] < seen["undone: fail e over"] < seen["undone: fail d over"]
        ends_well(made)


def test_one_that_does_not_settle_is_waited_for() -> None:
    with world("slow") as made:
        made.play()
        seen = moments(made)
        assert seen["undone: fail d over"] < seen["undoing: break a to be broken"]
        ends_well(made)


def test_an_undo_of_minutes_is_not_taken_for_a_runner_that_hangs() -> None:
    with patch.object(service, "HOME_WITHIN_S", 150.0), world("slow") as made:
        runner = made.play()
        made.check_the_run(runner)
        assert runner.code == 0
        ends_well(made)


@pytest.mark.parametrize("name", ["slow", "settling"])
def test_one_that_is_told_to_come_back_later_does(name: str) -> None:
    with world(name) as made:
        made.harden({"d": ["throttled"] * 3})
        assert made.play().code == 0
        ends_well(made)


def test_max_duration_halts_what_an_undo_delays() -> None:
    limited: dict[str, Any] = {**EXPERIMENTS["slow"], "max-duration": "8s"}
    with patch.dict(EXPERIMENTS, {"slow and limited": limited}), world("slow and limited") as made:
        assert made.play().code == 3
        assert moments(made)["halted"] < moments(made)["undone: fail d over"]
        ends_well(made)
