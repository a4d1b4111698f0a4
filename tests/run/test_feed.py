"""What the engine tells of chaoslib's activities, and the steps that a timeline makes of it."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
from chaoslib.activity import run_activities
from chaoslib.run import EventHandlerRegistry

from gameday.measure.history import Step, from_timeline
from gameday.run.feed import Feed
from gameday.run.timeline import Timeline

GATE: dict[str, Any] = {}


class Told:
    """A line that remembers what is told, and in which thread."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def tell(self, event: str, **more: Any) -> None:
        thread = str(threading.get_ident())
        self.events.append({"event": event, "t_ns": len(self.events), "thread": thread, **more})

    def wait(self, why: str) -> None:
        self.tell("waiting", why=why)


def proves() -> dict[str, Any]:
    """A fault that proves in which thread it was; of two calls the first to come is the first to end."""
    if GATE["both run"].wait(10) == 1:
        assert GATE["one has ended"].wait(10)
    return {"fault": "proves", "landed": True, "proof": str(threading.get_ident())}


def steps_of(events: list[dict[str, Any]]) -> list[Step]:
    clock = {"event": "clock", "t_ns": 0, "monotonic_ns": 0, "utc_ns": 0}
    phase = {"event": "phase", "t_ns": 0, "name": "method"}
    return list(from_timeline([clock, phase, *events]).steps)


def test_two_background_steps_of_one_name_keep_their_own_ends(tmp_path: Path) -> None:
    GATE["both run"], GATE["one has ended"] = threading.Barrier(2), threading.Event()
    told = Told()
    registry = EventHandlerRegistry()
    registry.register(Feed(told, {}, tmp_path / "journal.json"))
    provider = {"type": "python", "module": __name__, "func": "proves"}
    step = {"type": "action", "name": "twice", "background": True, "provider": provider}
    playing = {"experiment": {"method": [step, step]}, "configuration": {}, "secrets": {}, "dry": None}
    with ThreadPoolExecutor(2) as pool:
        runs = list(run_activities(**playing, pool=pool, event_registry=registry))
        wait(runs, 10, FIRST_COMPLETED)
        GATE["one has ended"].set()
    began = {event["id"]: event["thread"] for event in told.events if event["event"] == "step-started"}
    assert len(began) == 2
    assert {step.id: step.proof for step in steps_of(told.events)} == began


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"where": ["db1"], "targets": ["a", "b"]}, (("db1",), ("a", "b"))),
        ({"where": "db1", "targets": None}, ((), ())),  # of somebody else, who means something else
        ({}, ((), ())),
    ],
)
def test_a_step_has_what_its_fault_aimed_at(tmp_path: Path, said: dict[str, Any], kept: Any) -> None:
    told = Told()
    feed = Feed(told, {}, tmp_path / "journal.json")
    activity = {"name": "kill", "type": "action"}
    feed.start_activity(activity)
    output = {"fault": "kill", "landed": True, "proof": "gone", **said}
    feed.activity_completed(activity, {"status": "succeeded", "output": output})
    (step,) = steps_of(told.events)
    assert (step.where, step.targets) == kept


def test_the_method_waits_for_the_runner_which_looks_at_the_steady_state_again(tmp_path: Path) -> None:
    told = Told()
    Feed(told, {}, tmp_path / "journal.json").start_method({})
    assert [(event["event"], event.get("why")) for event in told.events] == [
        ("waiting", "method"),
        ("method-started", None),
    ]


def test_the_timeline_keeps_the_ids(tmp_path: Path) -> None:
    timeline = Timeline(tmp_path / "timeline.jsonl")
    entries: list[dict[str, Any]] = []
    timeline.listeners.append(entries.append)
    timeline.add("step-started", id="490e977091ba", name="twice")
    assert entries[0]["id"] == "490e977091ba"


def test_a_timeline_without_ids_is_paired_by_name() -> None:
    start = {"event": "step-started", "kind": "action", "part": "method"}
    end = {"event": "step-ended", "status": "succeeded"}
    events = [
        {**start, "t_ns": 1, "name": "one"},
        {**start, "t_ns": 2, "name": "other"},
        {**end, "t_ns": 3, "name": "one"},
        {**end, "t_ns": 4, "name": "other"},
    ]
    assert [(step.name, step.ended_ns) for step in steps_of(events)] == [("one", 3), ("other", 4)]
