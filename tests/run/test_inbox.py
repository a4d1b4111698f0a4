"""What is dropped into a run's inbox is chained as it was said; whatever else lies there changes nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gameday.chain import first_broken
from gameday.clock import NS_PER_S, Tie
from gameday.events import Event
from gameday.run import inbox as inboxes
from gameday.run.desk import Desk
from gameday.run.inbox import Inbox
from gameday.run.messages import Alarm, Message, drop
from gameday.run.timeline import Timeline

S = NS_PER_S
FIRED = Alarm("OrdersSlow", "firing", "2026-11-24T10:15:00Z", "f1", "orders are slow", {"severity": "page"})


class Engine:
    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []

    def send(self, order: dict[str, Any]) -> None:
        self.orders.append(order)


class Box:
    """An inbox on a clock of its own: the run began at 1,000 s, and it is 1,060 s now."""

    def __init__(self, folder: Path) -> None:
        self.now = Tie(1_000 * S, 5_000 * S)
        self.timeline = Timeline(folder / "timeline.jsonl", lambda: self.now)
        self.timeline.boot = "this"
        self.entries: list[dict[str, Any]] = []
        self.timeline.listeners.append(self.entries.append)
        self.desk, self.engine = Desk(self.timeline), Engine()
        self.inbox = Inbox(folder / "inbox", self.timeline, self.desk)
        self.inbox.open()
        self.now = Tie(1_060 * S, 5_060 * S)

    @property
    def folder(self) -> Path:
        return self.inbox.folder

    def say(self, what: Event = Event.DECLARED, text: str = "", at_s: float = 1_055, **more: Any) -> Path:
        said = more.pop("said", Tie(round(at_s * S), round((4_000 + at_s) * S), "this"))
        return drop(self.folder, Message(what, more.pop("by", "ann"), said, text, **more))

    def waiting(self) -> list[str]:
        return [path.name for path in self.folder.iterdir() if path.name[0] != "."]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_what_is_said_has_when_it_was_said_and_when_it_was_heard(box: Box) -> None:
    path = box.say(text="the primary is gone")
    box.inbox.take_in()
    (entry,) = box.entries
    assert (entry["event"], entry["by"], entry["text"]) == ("declared", "ann", "the primary is gone")
    assert (entry["said_ns"], entry["t_ns"]) == (1_055 * S, 1_060 * S)
    assert (entry["said_at"], entry["at"]) == ("1970-01-01T01:24:15.000000Z", "1970-01-01T01:24:20.000000Z")
    assert entry["message"] == path.name
    assert box.waiting() == []
    assert first_broken(box.timeline.path.read_bytes()) is None


def test_a_moment_of_another_boot_is_told_by_utc(box: Box) -> None:
    box.say(said=Tie(7, 5_055 * S, "another"))
    box.inbox.take_in()
    assert box.entries[0]["said_ns"] == 1_055 * S


def test_nothing_is_said_after_it_is_heard(box: Box) -> None:
    box.say(at_s=1_061)
    box.inbox.take_in()
    assert box.entries[0]["said_ns"] == 1_060 * S


def test_nothing_is_said_before_the_run_began(box: Box) -> None:
    box.say(at_s=1_000)
    box.say(at_s=999.999999999)
    box.inbox.take_in()
    assert sorted(entry["event"] for entry in box.entries) == ["declared", "message-refused"]


def test_an_alarm_keeps_what_it_is_about(box: Box) -> None:
    box.say(Event.ALARM, by="alerts", alarm=FIRED)
    box.inbox.take_in()
    (entry,) = box.entries
    assert (entry["event"], entry["name"], entry["status"]) == ("alarm", "OrdersSlow", "firing")
    assert (entry["starts_at"], entry["fingerprint"]) == ("2026-11-24T10:15:00Z", "f1")
    assert (entry["labels"], entry["summary"]) == ({"severity": "page"}, "orders are slow")


def test_an_answer_goes_to_whoever_asked_and_is_chained(box: Box) -> None:
    box.desk.asked(box.engine, {"id": "a", "what": "up?", "choices": ["yes"], "within_s": 90, "t_ns": 0})
    box.say(Event.ANSWERED, "yes", ask="a")
    box.inbox.take_in()
    assert box.engine.orders == [{"ask": "a", "answer": "yes", "by": "ann"}]
    told = {key: box.entries[-1][key] for key in ("event", "id", "what", "text")}
    assert told == {"event": "answered", "id": "a", "what": "up?", "text": "yes"}


def test_an_answer_to_nothing_is_refused(box: Box) -> None:
    box.say(Event.ANSWERED, "yes", ask="a")
    box.inbox.take_in()
    assert [entry["event"] for entry in box.entries] == ["message-refused"]
    assert "nothing is asked with the id 'a'" in box.entries[0]["reason"]


def _message(**changed: Any) -> Callable[[Path], object]:
    said = {"monotonic_ns": 1_055 * S, "utc_ns": 5_055 * S, "boot": "this"}
    whole = {"what": "note", "by": "ann", "said": said, "text": "x", "ask": None, "alarm": None}
    return lambda path: path.write_text(json.dumps({**whole, **changed}))


ODD: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "an empty file": Path.touch,
    "bytes": lambda path: path.write_bytes(b"\xff\xfe"),
    "a large file": _message(text="x" * 16_384),
    "deep JSON": lambda path: path.write_text("[" * 9_000),
    "a list": lambda path: path.write_text("[]"),
    "no text": _message(text=7),
    "no moment": _message(said=None),
    "a moment that is no number": _message(said={"monotonic_ns": "1", "utc_ns": 1, "boot": ""}),
    "a moment of yes": _message(said={"monotonic_ns": True, "utc_ns": 1, "boot": ""}),
    "a moment beyond all": _message(said={"monotonic_ns": 2**80, "utc_ns": 2**80, "boot": ""}),
    "another event": _message(what="halted"),
    "an event of the engine": _message(what="step-ended"),
    "an alarm without one": _message(what="alarm"),
    "a declaration with an alarm": _message(what="declared", alarm={}),
    "an alarm of another status": _message(what="alarm", alarm={"name": "x", "status": "shouting"}),
    "labels that are none": _message(
        what="alarm",
        alarm={
            **dict.fromkeys(("name", "starts_at", "fingerprint", "summary"), ""),
            "status": "firing",
            "labels": 1,
        },
    ),
}


@pytest.mark.parametrize("what", ODD)
def test_what_is_no_message_is_set_aside_and_the_next_one_is_heard(box: Box, what: str) -> None:
    ODD[what](box.folder / "0--odd.json")
    box.say()
    box.inbox.take_in()
    assert [entry["event"] for entry in box.entries] == ["message-refused", "declared"]
    assert box.entries[0]["message"] == "0--odd.json" and box.entries[0]["reason"]
    assert box.waiting() == []
    box.inbox.take_in()
    assert len(box.entries) == 2


def test_what_is_said_makes_no_line_of_its_own(box: Box) -> None:
    box.say(Event.NOTE, "ok\n── undo\x1b[2J", by="ann\u202e")
    box.inbox.take_in()
    assert (box.entries[0]["text"], box.entries[0]["by"]) == ("ok ── undo\ufffd[2J", "ann\ufffd")


def test_people_are_heard_before_a_flood_of_alarms(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inboxes, "AT_ONCE", 3)
    for _ in range(5):
        box.say(Event.ALARM, by="alerts", alarm=FIRED, at_s=1_001)
    box.say(at_s=1_059)
    box.inbox.take_in()
    assert [entry["event"] for entry in box.entries] == ["declared", "alarm", "alarm"]
    box.inbox.take_in()
    assert len(box.entries) == 6


def test_a_flood_ends_with_one_event(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inboxes, "MOST_ALARMS", 2)
    for _ in range(5):
        box.say(Event.ALARM, by="alerts", alarm=FIRED)
    box.say()
    box.inbox.take_in()
    assert [entry["event"] for entry in box.entries] == ["declared", "alarm", "alarm", "inbox-full"]
    assert box.waiting() == []


def test_the_last_words_are_heard_and_then_nobody_listens(box: Box) -> None:
    for _ in range(25):
        box.say()
    box.inbox.close()
    assert len(box.entries) == 25
    assert not box.folder.exists()
    box.inbox.take_in()
    box.inbox.close()


def test_what_a_dead_runner_has_left_is_heard_once(box: Box, tmp_path: Path) -> None:
    twice = box.say(text="chained, and not yet removed")
    content = twice.read_bytes()
    box.inbox.take_in()
    twice.write_bytes(content)
    box.say(text="not yet heard")
    later = Timeline(tmp_path / "timeline.jsonl", lambda: box.now)
    later.boot, later.tie = "this", box.timeline.tie
    Inbox(box.folder, later).take_in_left()
    texts = [json.loads(line)["text"] for line in later.path.read_text().splitlines()]
    assert texts == ["chained, and not yet removed", "not yet heard"]


def test_a_message_that_cannot_be_chained_yet_is_kept(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.say()

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(box.timeline.chain, "append", fails)
    box.inbox.take_in()
    box.inbox.take_in()
    assert len(box.waiting()) == 1
    assert [entry["event"] for entry in box.entries] == ["declared"]


def test_only_this_user_can_read_or_write_it(box: Box) -> None:
    assert box.folder.stat().st_mode & 0o777 == 0o700
    assert box.say().stat().st_mode & 0o777 == 0o600
