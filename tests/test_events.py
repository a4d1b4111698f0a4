"""Every event of a timeline stands in one place, with its words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday import events
from gameday.events import Event

ROOT = Path(__file__).parents[1] / "gameday"
# an entry that has what any event may have
WHOLE = {
    "at": "2026-11-24T10:15:02.123456Z",
    "approvals": [],
    "by": "ann",
    "choices": ["yes", "no"],
    "command": "locust",
    "count": 2,
    "detail": "it runs again",
    "error": "it broke",
    "exit_code": 1,
    "guardrails": ["hours"],
    "id": "1a2b",
    "kind": "action",
    "name": "the name",
    "reason": "the reason",
    "role": "fault",
    "run_id": "the run",
    "status": "firing",
    "step": "freeze",
    "summary": "it is slow",
    "text": "the text",
    "url": "http://127.0.0.1:1",
    "what": "is it up?",
    "within_s": 60.0,
}
# the undo log has words of its own, one of which is an event too
OWN_WORDS = {Path("run/undo.py"), Path("faults/undolog.py")}


def trees() -> Iterator[tuple[Path, ast.AST]]:
    for path in sorted(ROOT.rglob("*.py")):
        yield path.relative_to(ROOT), ast.parse(path.read_text())


def test_what_is_added_to_a_timeline_is_an_event_of_the_list() -> None:
    found, wrong = 0, []
    for path, tree in trees():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr == "add" and ast.unparse(node.func.value).endswith("timeline"):
                found += 1
                if not ast.unparse(node.args[0]).startswith(("Event.", "Event(", "event", "message.")):
                    wrong.append(f"{path}: {ast.unparse(node)}")
    assert found > 15
    assert wrong == []


def test_the_names_of_events_are_written_nowhere_else() -> None:
    names = {str(event) for event in Event if "-" in event}
    wrong = [
        f"{path}:{node.lineno}: {node.value}"
        for path, tree in trees()
        if path != Path("events.py") and path not in OWN_WORDS
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert wrong == []


@pytest.mark.parametrize("event", Event)
def test_the_words_of_an_event_can_be_filled_in(event: Event) -> None:
    entry = {**WHOLE, "event": str(event)}
    for words in (events.told(entry), events.unplanned(entry)):
        assert words is None or ("{" not in words and words.strip())


def test_an_event_of_a_later_gameday_has_no_words() -> None:
    assert events.told({"event": "teleported"}) is None
    assert events.unplanned({"event": "teleported"}) is None


def test_words_that_come_from_others_are_filled_in_as_they_are() -> None:
    assert events.told({"event": "halted", "reason": "{event} {0}"}) == "halted: {event} {0}"
