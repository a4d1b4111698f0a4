"""Undos that take their time: how they are read back, what may begin meanwhile, and who is heard."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gameday.faults.throttled import Throttled
from gameday.faults.undolog import UndoLog
from gameday.run import undo, undoing
from gameday.run.undo import Undoer

NS_PER_S = 1_000_000_000
OK, NOT_YET = {"ok": True, "said": "done"}, {"ok": False, "said": "is_home says that it is not undone"}
SLOW = {"within_s": 600.0, "poll_s": 5.0}


class Home:
    """Something that comes home after so many questions; `throttled` calls are told to come back later."""

    asked = 0
    after = 0
    throttled = 0
    error: Exception | None = None

    def fail_back(self) -> str:
        if self.throttled:
            self.throttled -= 1
            raise Throttled("later")
        return "it is on its way"

    def is_home(self) -> bool:
        self.asked += 1
        if self.error is not None and self.asked <= self.after:
            raise self.error
        return self.asked > self.after


home = Home()


def fail_back() -> str:
    return home.fail_back()


def is_home() -> bool:
    return home.is_home()


@dataclass
class Time:
    """A clock that goes on by waiting."""

    ns: int = 0

    def pause(self, seconds: float) -> None:
        self.ns += round(seconds * NS_PER_S)

    @property
    def s(self) -> float:
        return self.ns / NS_PER_S


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Time]:
    home.__init__()  # type: ignore[misc]
    home.asked = home.after = home.throttled = 0
    home.error = None
    made = Time()
    monkeypatch.setattr("gameday.clock.now_ns", lambda: made.ns)
    monkeypatch.setattr("gameday.clock.pause", made.pause)
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    return made


def said(**terms: Any) -> list[tuple[bool | None, str]]:
    call = {"module": __name__, "func": "fail_back", "verify": "is_home", "arguments": {}, **terms}
    return [(answer["ok"], answer["said"]) for answer in undoing.answers(call)]


# in the process that plays one undo


def test_an_undo_is_read_back_until_it_holds(time: Time) -> None:
    home.after = 12
    assert said(**SLOW) == [(True, "it is on its way"), (True, "verified")]
    assert (home.asked, time.s) == (13, 60)


def test_without_a_word_it_is_read_back_once(time: Time) -> None:
    home.after = 1
    assert said()[1] == (False, "RuntimeError: is_home says that it is not undone")
    assert (home.asked, time.s) == (1, 0)


def test_a_read_back_that_fails_meanwhile_is_asked_again(time: Time) -> None:
    home.after, home.error = 3, ConnectionError("the server starts")
    assert said(**SLOW)[1] == (True, "verified")
    assert time.s == 15


def test_it_is_asked_for_as_long_as_it_may_take_and_says_how_often(time: Time) -> None:
    home.after = 1000
    why = "RuntimeError: RuntimeError: is_home says that it is not undone (asked 4 times)"
    assert said(within_s=20.0, poll_s=5.0)[1] == (False, why)
    assert time.s == 15


def test_an_undo_that_is_told_to_come_back_later_does(time: Time) -> None:
    home.throttled = 3
    assert said()[0] == (True, "it is on its way")
    assert time.s == 1 + 2 + 4


def test_it_works_where_the_fault_worked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setattr(Home, "fail_back", lambda self: os.environ["AWS_PROFILE"])
    assert said(context={"variables": {"AWS_PROFILE": "staging"}})[0] == (True, "staging")


# in the process that plays the log


@dataclass
class Child:
    """A child that says what it has to say at its time. script: after how many seconds, and what."""

    time: Time
    script: list[tuple[float, dict[str, Any]]]
    began_s: float = 0.0
    is_alive: bool = True
    pid: int = 1
    step: str = ""
    left: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    @property
    def has_said_all(self) -> bool:
        return not self.left

    def send(self, call: dict[str, Any]) -> None:
        self.began_s, self.left = self.time.s, list(self.script)
        self.step = call["step"]

    def messages(self) -> Iterator[dict[str, Any]]:
        while self.left and self.time.s >= self.began_s + self.left[0][0]:
            yield self.left.pop(0)[1]

    def kill(self) -> None:
        self.is_alive = False


@dataclass
class Stage:
    """An undo log, and what plays it: each child follows the next script of its step."""

    log: UndoLog
    time: Time
    scripts: dict[str, list[list[tuple[float, dict[str, Any]]]]]
    told: list[tuple[float, str, str]] = field(default_factory=list)
    begun: list[tuple[float, str]] = field(default_factory=list)
    ticks: int = 0

    def __post_init__(self) -> None:
        self.undoer = Undoer(start=self.start, wait=self.wait)  # type: ignore[arg-type]

    def owe(self, step: str, **terms: Any) -> None:
        self.log.owe(step, "fail_over", {"step": step, **terms})

    def start(self, modules: list[str]) -> Child:
        child = Child(self.time, [])
        send = child.send

        def begin(call: dict[str, Any]) -> None:
            self.begun.append((self.time.s, call["step"]))
            scripts = self.scripts[call["step"]]
            child.script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
            send(call)

        child.send = begin  # type: ignore[method-assign]
        return child

    def wait(self, children: Sequence[Any], within_s: float) -> None:
        self.time.pause(max(within_s, 0.001))

    def play(self, tick: Callable[[], None] = lambda: None) -> list[str]:
        def ticked() -> None:
            self.ticks += 1
            tick()

        tell = lambda event, entry, detail: self.told.append((self.time.s, event, entry.step))  # noqa: E731
        return [entry.step for entry in self.undoer.play(self.log, tell, ticked)]

    def events(self, step: str) -> tuple[str, ...]:
        return next(entry.events for entry in self.log.entries() if entry.step == step)


QUICK = [(0.05, OK), (0.06, OK)]
MINUTES = [(1.0, OK), (120.0, OK)]


@pytest.fixture
def stage(tmp_path: Path, time: Time) -> Stage:
    return Stage(UndoLog(tmp_path / "undo.jsonl"), time, {"quick": [QUICK], "slow": [MINUTES]})


def test_while_an_undo_works_whoever_plays_it_is_called_again_and_again(stage: Stage) -> None:
    stage.owe("slow", **SLOW)
    assert stage.play() == []
    assert stage.ticks >= 1190
    assert stage.events("slow") == ("owed", "undoing", "undone", "verified")


def test_the_next_undo_waits_for_one_that_does_not_settle(stage: Stage) -> None:
    stage.owe("quick")
    stage.owe("slow", **SLOW)
    stage.play()
    assert [(round(at_s), step) for at_s, step in stage.begun] == [(0, "slow"), (120, "quick")]


def test_the_next_undo_begins_while_one_settles_and_once_that_has_acted(stage: Stage) -> None:
    stage.owe("quick")
    stage.owe("slow", **SLOW, settles=True)
    assert stage.play() == []
    assert [(round(at_s), step) for at_s, step in stage.begun] == [(0, "slow"), (1, "quick")]
    assert stage.events("slow") == ("owed", "undoing", "settling", "undone", "verified")


def test_what_was_undone_while_a_later_one_settled_is_not_undone_again(stage: Stage) -> None:
    stage.owe("quick")
    stage.owe("slow", **SLOW, settles=True)
    stage.play()
    assert [step for _, step in stage.begun] == ["slow", "quick"]
    assert all(entry.is_verified for entry in stage.log.entries())


def test_what_was_undone_before_a_settling_one_had_to_act_again_is_undone_again(stage: Stage) -> None:
    stage.scripts["slow"] = [[(1.0, OK), (20.0, NOT_YET)], QUICK]
    stage.owe("quick")
    stage.owe("slow", **SLOW, settles=True)
    assert stage.play() == []
    assert [step for _, step in stage.begun] == ["slow", "quick", "slow"]
    assert [entry.step for entry in stage.log.owed()] == []


def test_an_undo_that_acts_again_waits_until_no_other_acts(stage: Stage) -> None:
    stage.scripts |= {"slow": [[(1.0, OK), (2.0, NOT_YET)], QUICK], "quick": [[(10.0, OK), (11.0, OK)]]}
    stage.owe("quick", **SLOW)
    stage.owe("slow", **SLOW, settles=True)
    stage.play()
    assert [(round(at_s), step) for at_s, step in stage.begun][:3] == [
        (0, "slow"),
        (1, "quick"),
        (12, "slow"),
    ]


def test_so_many_settle_at_once_and_no_more(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undo, "MOST_AT_ONCE", 3)
    for _ in range(5):
        stage.owe("slow", **SLOW, settles=True)
    stage.play()
    assert [round(at_s) for at_s, _ in stage.begun] == [0, 1, 2, 120, 121]


def test_an_undo_that_is_interrupted_goes_on_and_is_not_begun_anew(stage: Stage) -> None:
    stage.owe("slow", **SLOW)

    def halt() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        stage.play(halt)
    assert stage.play() == [] and len(stage.begun) == 1
    assert round(stage.time.s) == 120


def test_one_that_settles_when_it_is_interrupted_goes_on_too(stage: Stage) -> None:
    stage.owe("slow", **SLOW, settles=True)

    def halt() -> None:
        if stage.time.s > 10:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        stage.play(halt)
    assert stage.play() == [] and len(stage.begun) == 1


def test_what_is_under_way_is_ended_when_nobody_goes_on(stage: Stage) -> None:
    stage.owe("slow", **SLOW)

    def halt() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        stage.play(halt)
    (trial,) = stage.undoer.under_way
    child = trial.child
    stage.undoer.dismiss()
    assert child is not None and not child.is_alive and stage.undoer.under_way == []


@pytest.mark.parametrize(
    ("within_s", "begun"), [(30.0, [0, 30, 61, 91]), (600.0, [0, 600]), (10.0, [0, 10, 21, 31])]
)
def test_an_undo_that_never_answers_is_tried_so_often_and_for_so_long(
    stage: Stage, within_s: float, begun: list[int]
) -> None:
    stage.scripts["slow"] = [[(9999.0, OK)]]
    stage.owe("slow", within_s=within_s)
    assert stage.play() == ["slow"]
    assert [round(at_s) for at_s, _ in stage.begun] == begun
    (entry,) = stage.log.owed()
    assert entry.detail == f"no answer within {'10 min' if within_s == 600 else f'{within_s:.0f} s'}"


def test_an_undo_without_what_it_needs_is_not_played_and_stops_no_other(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORDERS_TOKEN", raising=False)
    context = {"secrets": ["ORDERS_TOKEN"], "files": ["/no/such/file"]}
    stage.owe("quick")
    stage.owe("slow", context=context)
    assert stage.play() == ["slow"]
    assert [step for _, step in stage.begun] == ["quick"]
    (entry,) = stage.log.owed()
    assert entry.detail == "missing: the variable ORDERS_TOKEN, the file /no/such/file"
    assert entry.events == ("owed", "undoing", "undo-failed")


def test_a_line_of_old_is_played_on_the_terms_of_then(stage: Stage) -> None:
    logs = Path(__file__).parents[1] / "faults" / "logs"
    line = json.loads((logs / "process.pause.jsonl").read_text().splitlines()[0])
    stage.log.path.write_text(json.dumps({**line, "call": {**line["call"], "step": "slow"}}) + "\n")
    stage.scripts["slow"] = [[(31.0, OK), (32.0, OK)], QUICK]
    assert stage.play() == []
    assert [round(at_s) for at_s, _ in stage.begun] == [0, 30]


def test_a_process_of_its_own_reads_back_until_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    log = UndoLog(tmp_path / "undo.jsonl")
    arguments = {"path": str(tmp_path / "home")}
    call = {"module": __name__, "func": "come_home", "verify": "is_there", "arguments": arguments}
    log.owe("fail over", "fail_over", {**call, "within_s": 20.0, "poll_s": 0.05, "settles": True})
    ticks: list[int] = []
    undoer = Undoer([__name__])
    try:
        assert undoer.play(log, tick=lambda: ticks.append(signal.getsignal(signal.SIGINT) is not None)) == []
    finally:
        undoer.dismiss()
    assert log.entries()[0].events == ("owed", "undoing", "settling", "undone", "verified")
    assert ticks


def come_home(path: str) -> str:
    return "it is on its way"


def is_there(path: str) -> bool:
    asked = Path(path)
    asked.write_text((asked.read_text() if asked.exists() else "") + ".")
    return len(asked.read_text()) > 5
