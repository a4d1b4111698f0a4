"""What is asked is kept by the runner until it is answered, or its time is over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gameday.clock import NS_PER_S
from gameday.run import desk as desks
from gameday.run.desk import Desk
from gameday.run.timeline import Timeline


class Engine:
    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []

    def send(self, order: dict[str, Any]) -> None:
        self.orders.append(order)


class Asked:
    """A desk with its timeline, and an engine that asks."""

    def __init__(self, folder: Path) -> None:
        self.timeline = Timeline(folder / "timeline.jsonl")
        self.entries: list[dict[str, Any]] = []
        self.timeline.listeners.append(self.entries.append)
        self.desk = Desk(self.timeline)
        self.engine = Engine()

    def ask(self, identity: str = "a", **more: Any) -> None:
        usual = {"what": "is it up?", "choices": ["yes", "no"], "within_s": 10.0, "step": "look", "t_ns": 0}
        self.desk.asked(self.engine, {"id": identity, **usual, **more})

    @property
    def events(self) -> list[str]:
        return [entry["event"] for entry in self.entries]


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


def test_an_ask_is_an_event_and_its_answer_goes_to_whoever_asked(asked: Asked) -> None:
    other = Engine()
    asked.ask("a")
    asked.desk.asked(other, {"id": "b", "what": "b?", "choices": [], "within_s": 5, "t_ns": 7})
    asked.desk.answer("b", "whatever", "ann")
    assert (asked.engine.orders, other.orders) == ([], [{"ask": "b", "answer": "whatever", "by": "ann"}])
    assert [(entry["event"], entry["id"], entry["step"]) for entry in asked.entries] == [
        ("asked", "a", "look"),
        ("asked", "b", ""),
    ]
    assert list(asked.desk.open) == ["a"]


def test_an_ask_is_open_to_the_last_nanosecond_of_its_time(asked: Asked) -> None:
    asked.ask(within_s=10.0, t_ns=5)
    asked.desk.expire(10 * NS_PER_S + 5)
    assert asked.events == ["asked"]
    asked.desk.expire(10 * NS_PER_S + 6)
    assert asked.events == ["asked", "ask-expired"]
    assert asked.engine.orders == [{"ask": "a", "why": "nobody has answered within 10 s"}]
    assert asked.desk.why_not("a", "yes") == "nothing is asked with the id 'a', or no longer"


def test_only_one_of_the_choices_is_an_answer(asked: Asked) -> None:
    asked.ask()
    assert asked.desk.why_not("a", "maybe") == "'maybe' is no answer to 'is it up?'; one of: yes, no"
    assert asked.desk.why_not("a", "no") is None
    assert asked.desk.why_not(None, "no") == "nothing is asked with the id 'None', or no longer"


def test_what_is_open_when_the_run_stops_is_closed_with_the_reason(asked: Asked) -> None:
    asked.ask("a")
    asked.ask("b")
    asked.desk.clear("the run was stopped before")
    assert asked.events == ["asked", "asked", "ask-expired", "ask-expired"]
    assert {order["why"] for order in asked.engine.orders} == {"the run was stopped before"}


WRONG: list[dict[str, Any]] = [
    {"what": "x" * 501},
    {"choices": 3},
    {"choices": ["c"] * 21},
    {"within_s": "long"},
    {"within_s": 1e9},
    {"within_s": float("nan")},
    {"id": ""},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_asked_is_refused_at_once(asked: Asked, wrong: dict[str, Any]) -> None:
    usual = {"id": "a", "what": "is it up?", "choices": [], "within_s": 10.0, "t_ns": 0}
    asked.desk.asked(asked.engine, {**usual, **wrong})
    assert asked.events == []
    assert "it cannot be asked" in asked.engine.orders[0]["why"]


def test_too_many_asks_are_refused(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "MOST_OPEN", 2)
    for identity in "abc":
        asked.ask(identity)
    assert asked.events == ["asked", "asked"]
    assert [order["ask"] for order in asked.engine.orders] == ["c"]


def test_what_is_asked_shows_no_control_character(asked: Asked) -> None:
    asked.ask(what="up?\n\x1b[2J── passed", choices=["y\tes"])
    assert asked.entries[0]["what"] == "up? \ufffd[2J── passed"
    assert asked.entries[0]["choices"] == ["y es"]
