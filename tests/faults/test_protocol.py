"""The protocol: the undo is on disk before the fault acts, and the log survives any tear."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.errors import FaultError
from gameday.faults.protocol import Landed, Undo, fault, landed, nothing
from gameday.faults.undolog import UndoLog

AFTERWARDS = ("landed", "undoing", "undo-failed", "undone", "verified")


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
    arguments = {"number": 7}
    assert seen == [{"module": __name__, "func": "put_back", "verify": "is_back", "arguments": arguments}]
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

    assert not miss()["landed"]
    assert [entry.events for entry in undo_log.owed()] == [("owed",)]


def test_several_undos_of_one_fault_are_played_last_in_first_out(undo_log: UndoLog) -> None:
    @fault
    def take_two() -> Generator[Undo, None, Landed]:
        yield Undo(put_back, number=1)
        yield Undo(put_back, number=2)
        return landed(True, "both")

    take_two()
    assert [entry.call["arguments"]["number"] for entry in undo_log.owed()] == [2, 1]


def test_a_fault_that_does_not_say_whether_it_landed_is_an_error(undo_log: UndoLog) -> None:
    @fault
    def mumble() -> Generator[Undo, None, Landed]:
        yield nothing()
        return None  # type: ignore[return-value]

    with pytest.raises(FaultError, match="'mumble' ended without saying whether it landed"):
        mumble()


def test_outside_a_run_a_fault_works_and_warns(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("GAMEDAY_UNDO_LOG", raising=False)

    @fault
    def take() -> Generator[Undo, None, Landed]:
        yield Undo(put_back, number=1)
        return landed(True, "taken")

    assert take()["landed"]
    assert "nothing remembers how to undo 'take'" in caplog.text


def test_torn_and_foreign_lines_are_dropped(undo_log: UndoLog) -> None:
    first = undo_log.owe("step", "take", {})
    with undo_log.path.open("ab") as file:
        file.write(b'{"id": "half')
    second = undo_log.owe("step", "take", {})
    with undo_log.path.open("ab") as file:
        file.write(b'[1]\n\xff\xfe\n{"id": "unknown", "event": "undone"}\n{"event": "und')
    assert [entry.id for entry in undo_log.owed()] == [second, first]


def test_an_undo_that_failed_is_owed_until_it_succeeds(undo_log: UndoLog) -> None:
    identity = undo_log.owe("step", "take", {})
    for event in ("undoing", "undo-failed", "undoing"):
        undo_log.note(identity, event)
        assert len(undo_log.owed()) == 1
    undo_log.note(identity, "undone", "is back")
    assert undo_log.owed() == []
    undo_log.note(identity, "verified")
    (entry,) = undo_log.entries()
    assert entry.is_verified and entry.detail == "is back"


def test_what_was_undone_while_a_later_one_failed_is_undone_again_after_that_one(undo_log: UndoLog) -> None:
    first, second, third = (undo_log.owe(step, "take", {}) for step in ("first", "second", "third"))
    for identity, event in [
        (third, "undone"),
        (third, "verified"),
        (second, "undo-failed"),
        (first, "undone"),
        (first, "verified"),
    ]:
        undo_log.note(identity, event)
    assert [entry.step for entry in undo_log.owed()] == ["second"]
    # it found what the first had broken, and puts that back
    undo_log.note(second, "undone")
    (entry,) = undo_log.owed()
    assert entry.step == "first" and not entry.is_verified
    undo_log.note(first, "undone")
    assert undo_log.owed() == []
    assert [entry.is_verified for entry in undo_log.entries()] == [False, False, True]
    undo_log.note(first, "verified")
    assert [entry.is_verified for entry in undo_log.entries()] == [True, False, True]


def test_a_fault_of_the_rollbacks_does_not_make_what_was_undone_before_it_owed_again(
    undo_log: UndoLog,
) -> None:
    undo_log.note(undo_log.owe("first", "take", {}), "undone")
    undo_log.note(undo_log.owe("second", "take", {}), "undone")
    assert undo_log.owed() == []


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Events of a few undos, each owed before anything else becomes of it."""
    events: list[tuple[str, str]] = []
    for _ in range(draw(st.integers(0, 15))):
        known = sorted({identity for identity, _ in events})
        fresh = f"undo-{len(known)}"
        identity = draw(st.sampled_from([*known, fresh]))
        events.append((identity, "owed" if identity == fresh else draw(st.sampled_from(AFTERWARDS))))
    return events


def is_left(identity: str, written: list[tuple[str, str]]) -> bool:
    """Whether an undo is still owed, word for word: it was never undone, or before a later one that was."""
    if (identity, "undone") not in written:
        return True
    last_undone = max(place for place, line in enumerate(written) if line == (identity, "undone"))
    owed_by_then = [other for other, event in written[:last_undone] if event == "owed"]
    later = owed_by_then[owed_by_then.index(identity) + 1 :]
    return any((other, "undone") in written[last_undone:] for other in later)


@given(histories(), st.data())
def test_any_prefix_of_a_log_torn_anywhere_says_what_is_owed(
    history: list[tuple[str, str]], data: st.DataObject
) -> None:
    lines = [
        json.dumps({"id": identity, "event": event, "step": "é", "fault": "f", "call": {}}).encode()
        for identity, event in history
    ]
    whole = b"\n".join([*lines, b""])
    cut = data.draw(st.integers(0, len(whole)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "undo.jsonl"
        path.write_bytes(whole[:cut])
        log = UndoLog(path)
        # a line that is whole but for its newline counts: nothing of it is missing
        ends = [sum(len(line) + 1 for line in lines[: number + 1]) - 1 for number in range(len(lines))]
        written = [event for event, end in zip(history, ends, strict=True) if end <= cut]
        expected = [identity for identity, event in written if event == "owed" and is_left(identity, written)]
        assert [entry.id for entry in log.owed()] == expected[::-1]
        # and the log goes on after the tear: the next undo is neither lost nor swallowed
        identity = log.owe("step", "fault", {})
        assert [entry.id for entry in log.owed()] == [identity, *expected[::-1]]
