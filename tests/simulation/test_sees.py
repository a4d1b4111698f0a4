"""The simulation sees each rule broken: without that rule, one of a few fates comes to no good end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from gameday import files
from gameday.chain import Chain
from gameday.cli import signals
from gameday.evidence import keep
from gameday.faults import logbook
from gameday.faults.undolog import UndoLog
from gameday.run import recovery
from gameday.run.lock import Lock
from gameday.run.reserve import Reserve
from gameday.run.runner import Run
from gameday.run.timeline import Timeline
from gameday.run.trial import Answer
from gameday.run.undo import Undoer
from tests.simulation.fates import Fate, at_every_point, befallen

owed, play, append, add = UndoLog.owed, Undoer.play, files.append, Timeline.add


def first_in_first_out(log: UndoLog) -> list[Any]:
    return owed(log)[::-1]


def not_on_disk(path: Path, line: bytes) -> None:
    with patch.object(files.os, "fsync", lambda descriptor: None):
        append(path, line)


def in_part(descriptor: int, data: bytes) -> None:
    files.os.write(descriptor, data)


def believe(answers: list[dict[str, Any]], within_s: float) -> Answer:
    return Answer(bool(answers and answers[0]["ok"]), True, "done")


def stop_at_a_failure(undoer: Undoer, log: UndoLog, *more: Any) -> list[Any]:
    with patch.object(UndoLog, "owed", lambda log: owed(log)[:1]):
        play(undoer, log, *more)
    return owed(log)


def forget(timeline: Timeline, event: str, **more: Any) -> None:
    add(timeline, event, **more)
    timeline._unwritten.clear()


def every(what: str, name: str, step: int = 1, **more: Any) -> Iterator[Fate]:
    """A mishap at every point, the last ones first: most rules are of the end of a run."""
    fates = list(at_every_point(name, what, step))
    return (replace(fate, **more) for fate in reversed(fates))


def once(name: str, *stubborn: tuple[str, tuple[str, ...]]) -> Iterator[Fate]:
    yield Fate(name, 0, stubborn=stubborn)


STUCK = ("b", ("raises",) * 9)
HANGING = {"stubborn": (("a", ("hangs",)),)}
RULES: dict[str, tuple[Any, str, Any, Callable[[], Iterator[Fate]]]] = {
    "last in, first out": (UndoLog, "owed", first_in_first_out, lambda: once("plain")),
    "owed before it is broken": (logbook, "append", not_on_disk, lambda: once("plain")),
    "all of a line": (files, "write_whole", in_part, lambda: every("full disk, torn line", "declared")),
    "one player at a time": (Lock, "take", lambda lock: True, lambda: once("plain")),
    "an undo is read back": (Answer, "of", believe, lambda: once("declared", ("a", ("lies",)))),
    "an undo that fails stops no other": (Undoer, "play", stop_at_a_failure, lambda: once("plain", STUCK)),
    "a halt is recorded": (Run, "halted", lambda *_: None, lambda: every("SIGINT", "plain", step=9)),
    "signals halt": (signals, "heard", nullcontext, lambda: every("SIGTERM", "plain", step=9)),
    "what runs on is ended": (
        recovery,
        "end_left_over",
        lambda custody: None,
        lambda: every("kill runner", "plain", **HANGING),
    ),
    "a full disk forgets nothing": (Timeline, "add", forget, lambda: every("full disk", "declared")),
    "a little disk is kept back": (
        Reserve,
        "free",
        lambda _: None,
        lambda: every("full disk", "declared", 7),
    ),
    "the chain goes on": (Chain, "_catch_up", lambda _: None, lambda: every("kill runner", "plain", step=9)),
    "no draft is sealed": (keep, "sweep", lambda _: None, lambda: every("kill runner and guardian", "plain")),
}


@pytest.mark.parametrize("rule", RULES)
def test_without_the_rule_something_does_not_hold(rule: str) -> None:
    place, name, otherwise, fates = RULES[rule]
    with patch.object(place, name, otherwise):
        assert any(befallen(fate) for fate in fates())
