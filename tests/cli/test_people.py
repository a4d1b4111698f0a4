"""`gameday say`: which run is told, what it is told, and what the command says when it cannot be."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from gameday.cli import people
from gameday.cli.people import Moment, complete_asks, complete_runs, say
from gameday.clock import NS_PER_S
from gameday.errors import GamedayError
from gameday.evidence.pack import Pack
from gameday.processes import Identity
from gameday.run import going
from gameday.run.custody import Custody
from gameday.run.desk import Desk
from gameday.run.inbox import READER, Inbox, folder_of
from gameday.run.timeline import Timeline

SOON = 0.05


class Engine:
    def send(self, order: dict[str, Any]) -> None:
        return


class Run:
    """A run that hears, as far as those can see who talk to it."""

    def __init__(self, folder: Path) -> None:
        self.custody = Custody(folder, Pack(folder))
        folder.mkdir()
        self.timeline = Timeline(self.custody.pack.timeline)
        self.timeline.tie_clocks()
        self.desk = Desk(self.timeline)
        self.inbox = Inbox(folder_of(self.custody), self.timeline, self.desk)
        self.inbox.open()
        self.is_over = threading.Event()

    def asks(self, identity: str, what: str, choices: tuple[str, ...] = ()) -> None:
        told = {"id": identity, "what": what, "choices": choices, "within_s": 60, "t_ns": 0}
        self.desk.asked(Engine(), told)

    def hear(self) -> None:
        while not self.is_over.wait(0.01):
            self.inbox.take_in()

    def events(self) -> list[dict[str, Any]]:
        return [entry for entry in self.custody.pack.events() if "message" in entry]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Run]]:
    made: list[Run] = []
    threads: list[threading.Thread] = []
    monkeypatch.setattr(going, "custodies", lambda: [each.custody for each in made])

    def make(name: str, hears: bool = True) -> Run:
        run = Run(tmp_path / name)
        made.append(run)
        if hears:
            threads.append(threading.Thread(target=run.hear))
            threads[-1].start()
        return run

    yield make
    for run in made:
        run.is_over.set()
    for thread in threads:
        thread.join()


def typed(*words: str) -> Result:
    return CliRunner().invoke(say, words)


def complaint(*words: str) -> str:
    result = typed(*words)
    assert isinstance(result.exception, GamedayError), result.output
    return str(result.exception)


def test_without_a_run_nobody_hears() -> None:
    wanted = "no run is going; what is said of one that has ended: gameday note RUN TEXT"
    assert complaint("declared") == wanted


def test_what_is_said_is_heard_and_told_with_both_moments(runs: Any) -> None:
    run = runs("20261124T101500Z-orders-3d6e1b")
    result = typed("declared", "the primary is gone", "--by", "ann", "--json")
    assert result.exit_code == 0, result.output
    (entry,) = run.events()
    assert json.loads(result.stdout) == {
        "run": "20261124T101500Z-orders-3d6e1b",
        "event": "declared",
        "by": "ann",
        "said_at": entry["said_at"],
        "heard_at": entry["at"],
        "refused": None,
    }
    assert (entry["event"], entry["text"]) == ("declared", "the primary is gone")
    assert entry["said_ns"] <= entry["t_ns"]


def test_a_run_that_is_busy_has_not_heard_it_yet(runs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "HEARD_WITHIN_S", SOON)
    runs("busy", hears=False)
    assert "busy: the run is busy; it hears it at its next tick" in typed("mitigated", "--by", "ann").output


def test_of_several_runs_one_must_be_named(runs: Any) -> None:
    runs("20261124T101500Z-a"), runs("20261124T101600Z-b")
    assert complaint("note", "x") == "say which run with --run: 20261124T101500Z-a, 20261124T101600Z-b"
    assert "20261124T101600Z-b" in typed("note", "x", "--by", "ann", "--run", "20261124T1016").output
    assert complaint("note", "x", "--run", "2027").startswith("no run '2027' is going; these are: ")


def test_a_run_whose_runner_is_gone_does_not_hear(runs: Any) -> None:
    run = runs("gone")
    gone = Identity("runner", os.getpid(), 1, "another boot")
    (run.inbox.folder / READER).write_text(json.dumps(asdict(gone)))
    assert going.going() == []
    (run.inbox.folder / READER).write_text("{")
    assert going.going() == []


def test_a_note_and_an_answer_have_words(runs: Any) -> None:
    runs("20261124T101500Z-a")
    assert complaint("note") == "say what: gameday say note TEXT"
    assert complaint("answer", " ") == "say what: gameday say answer TEXT"
    assert complaint("note", "x" * 2_001).startswith("the text has 2,001 characters")
    assert "--ask is for an answer" in complaint("declared", "--ask", "a")
    assert typed("dclared").exit_code == 2


def test_an_answer_goes_to_the_one_ask_or_the_one_that_is_named(runs: Any) -> None:
    run = runs("20261124T101500Z-a")
    assert complaint("answer", "yes") == "run 20261124T101500Z-a asks nothing now"
    run.asks("a1", "is it up?", ("yes", "no"))
    assert complaint("answer", "maybe") == "'maybe' is no answer to 'is it up?'; one of: yes, no"
    run.asks("b2", "what do you see?")
    assert complaint("answer", "yes") == "say which ask: --ask a1: is it up?; --ask b2: what do you see?"
    assert typed("answer", "smoke", "--ask", "b2", "--by", "ann").exit_code == 0
    assert typed("answer", "no", "--by", "bob").exit_code == 0
    assert [(each["id"], each["text"], each["by"]) for each in run.events()] == [
        ("b2", "smoke", "ann"),
        ("a1", "no", "bob"),
    ]


def test_what_the_run_refuses_is_said_with_its_reason(runs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runs("20261124T101500Z-a")
    run.asks("a1", "is it up?")
    monkeypatch.setattr(run.desk, "why_not", lambda *_: "it is too late")
    assert complaint("answer", "yes") == "run 20261124T101500Z-a does not take it: it is too late"


def test_nothing_was_said_before_the_run_began(runs: Any) -> None:
    runs("20261124T101500Z-a")
    assert complaint("declared", "--at", "1h").startswith("--at is before the run began, at 20")


@pytest.mark.parametrize(("text", "seconds"), [("3m", 180), ("90s ago", 90), ("1h30m", 5400)])
def test_a_moment_is_how_long_ago_it_was(text: str, seconds: int) -> None:
    assert Moment().convert(text, None, None) == seconds * NS_PER_S


def test_a_moment_with_its_zone_is_one() -> None:
    at = datetime.now(UTC) - timedelta(seconds=60)
    for text in (at.isoformat(), at.astimezone().isoformat()):
        assert 60 <= Moment().convert(text, None, None) / NS_PER_S < 62


@pytest.mark.parametrize("text", ["yesterday", "10:15", "2026-11-24T10:15:02", "2999-01-01T00:00:00Z", "5"])
def test_a_moment_that_could_be_several_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"such as|for example|still to come"):
        Moment().convert(text, None, None)


def test_the_shell_completes_runs_and_asks(runs: Any) -> None:
    runs("20261124T101500Z-a").asks("a1", "is it up?")
    runs("20261124T101600Z-b")
    option = click.Option(["--run"])
    context = click.Context(say)
    assert [each.value for each in complete_runs(context, option, "20261124T1016")] == ["20261124T101600Z-b"]
    assert [(each.value, each.help) for each in complete_asks(context, option, "")] == [("a1", "is it up?")]
