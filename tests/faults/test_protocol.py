"""The protocol of a fault: its undo is on disk before it acts, and it says whether it landed."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Generator
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from gameday.errors import FaultError
from gameday.faults.protocol import (
    Landed,
    Undo,
    current_step,
    fault,
    is_fault,
    landed,
    most_targets,
    nothing,
    nothing_to_undo,
    preview,
)
from gameday.faults.undolog import UndoLog


def put_back(number: int) -> str:
    return f"{number} is back"


def is_back(number: int) -> bool:
    return number > 0


def test_the_undo_is_on_disk_before_the_body_goes_on(undo_log: UndoLog) -> None:
    seen: list[object] = []

    @fault
    def take(number: int) -> Generator[Undo, None, Landed]:
        seen.extend(undo_log.owed())
        yield Undo(put_back, verify=is_back, number=number)
        seen.extend(entry.call for entry in undo_log.owed())
        return landed(True, "taken")

    assert take(7) == {"fault": "take", "landed": True, "proof": "taken"}
    call = {"module": __name__, "func": "put_back", "verify": "is_back", "arguments": {"number": 7}}
    assert seen == [{**call, "cwd": str(Path.cwd())}]
    (entry,) = undo_log.entries()
    assert entry.events == ("owed", "landed") and entry.detail == "taken" and entry.is_owed


def test_a_body_that_raises_half_way_still_owes_its_undo(undo_log: UndoLog) -> None:
    @fault
    def take() -> Generator[Undo, None, Landed]:
        yield Undo(put_back, number=1)
        raise FaultError("half way")

    with pytest.raises(FaultError, match="half way"):
        take()
    (entry,) = undo_log.owed()
    assert entry.events == ("owed",) and entry.fault == "take"


def test_a_body_that_raises_before_it_acts_owes_nothing(undo_log: UndoLog) -> None:
    @fault
    def take() -> Generator[Undo, None, Landed]:
        raise FaultError("no such target")
        yield Undo(put_back, number=1)

    with pytest.raises(FaultError):
        take()
    assert undo_log.entries() == []


def test_a_fault_whose_undo_cannot_be_written_does_not_act(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAMEDAY_UNDO_LOG", str(tmp_path / "no-such-folder" / "undo.jsonl"))
    acted = []

    @fault
    def take() -> Generator[Undo, None, Landed]:
        yield Undo(put_back, number=1)
        acted.append(True)
        return landed(True, "")

    with pytest.raises(FileNotFoundError):
        take()
    assert acted == []


def test_a_fault_that_did_not_land_owes_its_undo_all_the_same(undo_log: UndoLog) -> None:
    @fault
    def miss() -> Generator[Undo, None, Landed]:
        yield Undo(put_back, number=1)
        return landed(False, "missed")

    assert miss() == {"fault": "miss", "landed": False, "proof": "missed"}
    assert [entry.events for entry in undo_log.owed()] == [("owed",)]


def test_several_undos_of_one_fault_are_played_last_in_first_out(undo_log: UndoLog) -> None:
    @fault
    def take_two() -> Generator[Undo, None, Landed]:
        yield Undo(put_back, number=1)
        yield Undo(put_back, number=2)
        return landed(True, "both")

    take_two()
    assert [entry.call["arguments"]["number"] for entry in undo_log.owed()] == [2, 1]
    assert [entry.events for entry in undo_log.entries()] == [("owed", "landed"), ("owed", "landed")]


def test_a_fault_that_does_not_say_whether_it_landed_is_an_error(undo_log: UndoLog) -> None:
    @fault
    def mumble() -> Generator[Undo, None, Landed]:
        yield nothing()
        return None  # type: ignore[return-value]

    with pytest.raises(FaultError, match=r"^fault 'mumble' ended without saying whether it landed$"):
        mumble()


def test_outside_a_run_a_fault_works_and_warns(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("GAMEDAY_UNDO_LOG", raising=False)

    @fault
    def take() -> Generator[Undo, None, Landed]:
        yield Undo(put_back, number=1)
        return landed(True, "taken")

    assert take() == {"fault": "take", "landed": True, "proof": "taken"}
    assert caplog.record_tuples == [
        ("chaostoolkit", logging.WARNING, "Outside `gameday run` nothing remembers how to undo 'take'")
    ]


def test_an_undo_is_written_down_with_the_step_that_owes_it(undo_log: UndoLog) -> None:
    @fault
    def take() -> Generator[Undo, None, Landed]:
        yield Undo(put_back, number=1)
        return landed(True, "")

    token = current_step.set("freeze the server")
    try:
        take()
    finally:
        current_step.reset(token)
    assert [entry.step for entry in undo_log.entries()] == ["freeze the server"]


def test_an_action_that_leaves_nothing_behind_owes_nothing(
    undo_log: UndoLog, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    @fault
    def look() -> Generator[Undo, None, Landed]:
        yield nothing("a server")
        return landed(True, "seen")

    assert look() == {"fault": "look", "landed": True, "proof": "seen"}
    assert undo_log.entries() == []
    monkeypatch.delenv("GAMEDAY_UNDO_LOG")
    assert look()["landed"] and caplog.records == []


def test_an_undo_is_data_that_anybody_can_play_from_the_log_alone() -> None:
    undo = Undo(put_back, target="process 7", number=7)
    arguments = {"number": 7}
    assert undo.as_call() == {"module": __name__, "func": "put_back", "verify": None, "arguments": arguments}
    assert undo.target == "process 7" and Undo(put_back).target == ""
    undo = Undo(put_back, verify=is_back, number=7)
    assert undo.as_call()["verify"] == "is_back"


def test_nothing_names_what_is_about_to_be_broken_all_the_same() -> None:
    assert (nothing("a server").func, nothing("a server").target) == (nothing_to_undo, "a server")
    assert nothing().target == "" and nothing().as_call()["arguments"] == {}


def test_a_fault_is_an_ordinary_action_of_chaos_toolkit(undo_log: UndoLog) -> None:
    @fault
    def take(number: int, *, hard: bool = False) -> Generator[Undo, None, Landed]:
        """Take it."""
        yield Undo(put_back, number=number)
        return landed(hard, "")

    assert (take.__name__, take.__doc__) == ("take", "Take it.")
    assert list(inspect.signature(take).parameters) == ["number", "hard"]
    assert get_type_hints(take) == {"number": int, "hard": bool, "return": dict[str, Any]}
    assert take(1, hard=True)["landed"] and not take(number=1)["landed"]


def test_a_fault_is_told_from_other_functions() -> None:
    @fault
    def take() -> Generator[Undo, None, Landed]:
        yield nothing()
        return landed(True, "")

    assert is_fault(take) is True
    assert is_fault(put_back) is False


def test_a_preview_says_what_a_fault_would_owe_and_touches_nothing(undo_log: UndoLog) -> None:
    seen: list[str] = []

    @fault
    def take(number: int) -> Generator[Undo, None, Landed]:
        try:
            yield Undo(put_back, target=f"number {number}", number=number)
            seen.append("acted")
        finally:
            seen.append("closed")
        return landed(True, "")

    found = preview(take, {"number": 7})
    assert isinstance(found, Undo)
    assert (found.func, found.target, found.arguments) == (put_back, "number 7", {"number": 7})
    assert seen == ["closed"] and undo_log.entries() == []


def test_a_preview_ends_the_body_at_once_whoever_still_holds_it() -> None:
    def body() -> Generator[Undo, None, Landed]:
        yield nothing()
        return landed(True, "")

    held = body()
    preview(lambda: held, {})
    assert inspect.getgeneratorstate(held) == inspect.GEN_CLOSED


def test_a_preview_of_a_fault_that_cannot_act_says_why() -> None:
    @fault
    def take() -> Generator[Undo, None, Landed]:
        raise FaultError("no such target")
        yield nothing()

    with pytest.raises(FaultError, match="no such target"):
        preview(take, {})


def test_a_fault_without_an_undo_is_an_error_in_a_preview() -> None:
    @fault
    def take() -> Generator[Undo, None, Landed]:
        yield from ()
        return landed(True, "")

    with pytest.raises(FaultError, match=r"^fault 'take' yields no undo$"):
        preview(take, {})


def many(count: int) -> Any:
    """A fault that breaks so many, one after the other, and says which it has broken."""
    broken: list[int] = []

    @fault
    def take(number: int) -> Generator[Undo, None, Landed]:
        for one in range(number):
            yield Undo(put_back, verify=is_back, number=one)
            broken.append(one)
        return landed(True, "taken")

    token = most_targets.set(count)
    try:
        with pytest.raises(FaultError) as refused:
            take(5)
    finally:
        most_targets.reset(token)
    return broken, str(refused.value)


@pytest.mark.parametrize("most", [1, 3])
def test_a_fault_breaks_no_more_than_its_limit(undo_log: UndoLog, most: int) -> None:
    broken, said = many(most)
    assert broken == list(range(most))
    assert [entry.call["arguments"]["number"] for entry in undo_log.entries()] == broken
    assert said == f"fault 'take' would break more than {most}; say how many in its targets:"


def test_a_fault_that_is_refused_is_told_at_once(undo_log: UndoLog) -> None:
    ended: list[str] = []

    @fault
    def take() -> Generator[Undo, None, Landed]:
        try:
            yield Undo(put_back, number=1)
        finally:
            ended.append("closed")
        return landed(True, "")

    token = most_targets.set(0)
    try:
        with pytest.raises(FaultError):
            take()
    finally:
        most_targets.reset(token)
    assert ended == ["closed"]
