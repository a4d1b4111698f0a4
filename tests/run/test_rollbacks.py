"""What an engine that plays rollbacks says, and which of them failed by that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gameday.evidence.pack import Pack
from gameday.run.custody import Custody
from gameday.run.launch import AS_PROCESSES
from gameday.run.rollbacks import Rollbacks

ENDED = {"event": "ended", "t_ns": 9, "status": "completed", "deviated": False}
LEFT = "the rollbacks, which did not come to their end"


class Engine:
    """An engine that has said all that it will say."""

    pid = 1

    def __init__(self, said: list[dict[str, Any]]) -> None:
        self.said = said
        self.heard: list[str] = []
        self.is_alive = False

    def send(self, order: str) -> None:
        self.heard.append(order)

    def messages(self) -> Iterator[dict[str, Any]]:
        yield from [dict(message) for message in self.said]

    def kill(self) -> None:
        return


def played(folder: Path, *said: dict[str, Any]) -> tuple[tuple[str, ...], list[str], Engine]:
    """The rollbacks that failed, the events that were passed on, and the engine."""
    engine = Engine(list(said))
    launch = replace(AS_PROCESSES, engine=lambda *_: engine, wait_for_words=lambda *_: None)
    passed: list[str] = []
    failed = Rollbacks({}).play(
        Custody(folder, Pack(folder)), launch, lambda event, message: passed.append(event)
    )
    return failed, passed, engine


def step(kind: str, **ended: Any) -> list[dict[str, Any]]:
    begun = {"event": "step-started", "t_ns": 1, "id": "1", "name": "go home", "kind": kind, "part": "undo"}
    told = {"event": "step-ended", "t_ns": 2, "id": "1", "name": "go home", "status": "succeeded", **ended}
    return [begun, told]


@pytest.mark.parametrize(
    ("kind", "ended", "has_failed"),
    [
        ("action", {}, False),
        ("action", {"exit_code": 0}, False),
        ("action", {"exit_code": 1}, True),  # which Chaos Toolkit calls a success
        ("action", {"status": "failed"}, True),
        ("probe", {"exit_code": 1}, False),  # it looked, and put nothing back
        ("probe", {"status": "failed"}, True),
    ],
)
def test_a_rollback_has_failed_as_any_step_has(
    tmp_path: Path, kind: str, ended: dict[str, Any], has_failed: bool
) -> None:
    failed, passed, _ = played(tmp_path, *step(kind, **ended), ENDED)
    assert failed == (("rollback 'go home'",) if has_failed else ())
    assert passed == ["step-started", "step-ended", "engine-ended"]


def test_rollbacks_that_do_not_come_to_their_end_have_failed_and_so_has_the_one_under_way(
    tmp_path: Path,
) -> None:
    assert played(tmp_path)[0] == (LEFT,)
    assert played(tmp_path, step("action")[0])[0] == ("rollback 'go home'", LEFT)


def test_however_often_the_engine_waits_it_goes_on(tmp_path: Path) -> None:
    waiting = {"event": "waiting", "t_ns": 1, "why": "undo"}
    _, passed, engine = played(tmp_path, waiting, waiting, ENDED)
    assert (engine.heard, passed) == (["go on", "go on"], ["engine-ended"])
