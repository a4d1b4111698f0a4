"""What the engine tells of chaoslib's activities, and the steps that a timeline makes of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
from chaoslib.activity import run_activities
from chaoslib.run import EventHandlerRegistry

from gameday.measure.history import Step, from_timeline
from gameday.run.feed import Feed
from gameday.run.timeline import Timeline

ORDER = {"proofs": iter(()), "second has ended": threading.Event()}


class Told:
    """A line that only remembers."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def tell(self, event: str, **more: Any) -> None:
        self.events.append({"event": event, "t_ns": len(self.events), **more})


def proves() -> dict[str, Any]:
    """A fault whose first call ends after its second."""
    proof = next(ORDER["proofs"])
    if proof == "first":
        assert ORDER["second has ended"].wait(10)
    return {"fault": "proves", "landed": True, "proof": proof}


@pytest.fixture
def calls() -> Iterator[None]:
    ORDER.update({"proofs": iter(["first", "second"]), "second has ended": threading.Event()})
    yield


def steps_of(events: list[dict[str, Any]]) -> list[Step]:
    clock = {"event": "clock", "t_ns": 0, "monotonic_ns": 0, "utc_ns": 0}
    phase = {"event": "phase", "t_ns": 0, "name": "method"}
    return list(from_timeline([clock, phase, *events]).steps)


def test_two_background_steps_of_one_name_keep_their_own_ends(calls: None, tmp_path: Path) -> None:
    told = Told()
    feed = Feed(told, {}, tmp_path / "journal.json")
    registry = EventHandlerRegistry()
    registry.register(feed)
    provider = {"type": "python", "module": __name__, "func": "proves"}
    step = {"type": "action", "name": "twice", "background": True, "provider": provider}
    playing = {"experiment": {"method": [step, step]}, "configuration": {}, "secrets": {}, "dry": None}
    with ThreadPoolExecutor(2) as pool:
        first, second = run_activities(**playing, pool=pool, event_registry=registry)
        wait([second], 10)
        ORDER["second has ended"].set()
        wait([first], 10)
    started = [event["id"] for event in told.events if event["event"] == "step-started"]
    assert len(set(started)) == 2
    assert [(each.id, each.proof) for each in steps_of(told.events)] == [
        (started[0], "first"),
        (started[1], "second"),
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
