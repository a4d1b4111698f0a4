"""The undo log: every undo that is owed, on disk before its fault acts, whatever tears the file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday import clock, redact
from gameday.errors import FaultError
from gameday.faults.undolog import LOG_COPY_VARIABLE, LOG_VARIABLE, Entry, UndoLog
from gameday.files import read_lines
from tests.disk import Disk

AFTERWARDS = ("landed", "undoing", "undo-failed", "undone", "verified")
CALL = {"module": "faults", "func": "thaw", "verify": None, "arguments": {"pid": 7}}


@pytest.fixture(autouse=True)
def at_7_ns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run clock stands still."""
    monkeypatch.setattr(clock, "now_ns", lambda: 7)


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    """A secret that this process knows."""
    monkeypatch.setattr(redact, "_here", redact.Redactor(["hunter2-hunter2"]))
    return "hunter2-hunter2"


def written(log: UndoLog) -> list[dict[str, Any]]:
    return list(read_lines(log.path))


def test_what_is_owed_is_on_disk_with_all_that_it_takes_to_play_it(undo_log: UndoLog, disk: Disk) -> None:
    identity = undo_log.owe("freeze it", "pause", CALL)
    line = json.loads(disk.kept("undo.jsonl") or b"")
    owed = {"id": identity, "event": "owed", "t_ns": 7}
    assert line == {**owed, "step": "freeze it", "fault": "pause", "call": {**CALL, "cwd": str(Path.cwd())}}
    assert undo_log.entries() == [
        Entry(identity, "freeze it", "pause", {**CALL, "cwd": str(Path.cwd())}, at_ns={"owed": 7})
    ]


def test_every_undo_has_an_id_of_its_own(undo_log: UndoLog) -> None:
    first, second = undo_log.owe("s", "f", CALL), undo_log.owe("s", "f", CALL)
    assert re.fullmatch("[0-9a-f]{12}", first) and re.fullmatch("[0-9a-f]{12}", second) and first != second


def test_what_becomes_of_an_undo_is_on_disk_too(undo_log: UndoLog, disk: Disk) -> None:
    identity = undo_log.owe("s", "f", CALL)
    undo_log.note(identity, "landed", "it is stopped")
    line = json.loads((disk.kept("undo.jsonl") or b"").splitlines()[1])
    assert line == {"id": identity, "event": "landed", "t_ns": 7, "detail": "it is stopped"}
    undo_log.note(identity, "undoing")
    assert written(undo_log)[2] == {"id": identity, "event": "undoing", "t_ns": 7, "detail": ""}


def test_a_log_says_of_every_undo_what_became_of_it_and_when(undo_log: UndoLog) -> None:
    def line(identity: str, event: str, t_ns: int, **more: Any) -> dict[str, Any]:
        return {"id": identity, "event": event, "t_ns": t_ns, **more}

    lines = [
        line("a", "owed", 1, step="one", fault="pause", call={"n": 1}),
        line("b", "owed", 2, step="two", fault="kill", call={"n": 2}),
        line("a", "landed", 3, detail="it is stopped"),
        line("b", "undoing", 4, detail=""),
        line("b", "undone", 5, detail="it runs"),
        line("b", "verified", 6),
    ]
    undo_log.path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    a, b = undo_log.entries()
    times = {"owed": 1, "landed": 3}
    assert a == Entry("a", "one", "pause", {"n": 1}, tuple(times), "it is stopped", times, owed_line=0)
    times = {"owed": 2, "undoing": 4, "undone": 5, "verified": 6}
    lines_of_b = {"owed_line": 1, "acted_line": 4, "undone_line": 4}
    assert b == Entry("b", "two", "kill", {"n": 2}, tuple(times), "it runs", times, **lines_of_b)
    assert undo_log.owed() == [a]


def test_the_newest_words_about_an_undo_count(undo_log: UndoLog) -> None:
    identity = undo_log.owe("s", "f", CALL)
    undo_log.note(identity, "undo-failed", "no such host")
    undo_log.note(identity, "undone", "is back")
    undo_log.note(identity, "undoing")
    (entry,) = undo_log.entries()
    assert entry.detail == "is back"


def test_a_line_without_a_moment_is_at_0(undo_log: UndoLog) -> None:
    undo_log.path.write_text('{"id": "a", "event": "owed", "step": "s", "fault": "f", "call": {}}\n')
    assert undo_log.entries()[0].at_ns == {"owed": 0}


@pytest.mark.parametrize(
    ("events", "owed", "verified"),
    [
        (("owed",), True, False),
        (("owed", "landed", "undoing", "undo-failed"), True, False),
        (("owed", "undone"), False, False),
        (("owed", "undone", "verified"), False, True),
        (("owed", "undone", "verified", "undoing"), False, True),
        (("owed", "undone", "undoing"), False, False),
        (("owed", "undone", "verified", "undone"), False, False),
    ],
)
def test_an_undo_is_owed_until_it_is_undone(
    undo_log: UndoLog, events: tuple[str, ...], owed: bool, verified: bool
) -> None:
    lines = [{"id": "a", "event": event, "step": "s", "fault": "f", "call": {}} for event in events]
    undo_log.path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (entry,) = undo_log.entries()
    assert (entry.is_owed, entry.is_verified) == (owed, verified)


def test_undos_are_played_last_in_first_out(undo_log: UndoLog) -> None:
    first, second, third = (undo_log.owe("s", "f", CALL) for _ in range(3))
    undo_log.note(second, "undone")
    assert [entry.id for entry in undo_log.owed()] == [third, first]


def test_an_undo_that_would_put_a_secret_on_disk_is_refused_and_leaves_no_line(
    undo_log: UndoLog, secret: str
) -> None:
    for call in ({"arguments": {"password": secret}}, {"arguments": {"file": Path(f"/run/{secret}")}}):
        with pytest.raises(FaultError) as raised:
            undo_log.owe("s", "f", call)
        assert str(raised.value) == (
            "the undo of this action would put a secret on disk, so it is not played: "
            "hand the secret over by the environment or a file"
        )
    assert written(undo_log) == []


def test_an_undo_is_kept_as_it_is_also_where_it_looks_like_a_secret(undo_log: UndoLog, secret: str) -> None:
    call = {"arguments": {"dsn": "postgresql://orders:${password}x@db/", "token": "of the ring"}}
    undo_log.owe("password=x", "f", call)
    assert written(undo_log)[0]["call"] == {**call, "cwd": str(Path.cwd())}


def test_secrets_in_what_is_said_of_an_undo_are_taken_out(undo_log: UndoLog, secret: str) -> None:
    identity = undo_log.owe("s", "f", CALL)
    undo_log.note(identity, "undo-failed", f"cannot log in as {secret}")
    assert undo_log.entries()[0].detail == "cannot log in as [redacted]"


def test_the_log_of_this_run_is_named_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GAMEDAY_UNDO_LOG", str(tmp_path / "undo.jsonl"))
    log = UndoLog.of_this_run()
    assert log is not None and log.path == tmp_path / "undo.jsonl"
    monkeypatch.setenv("GAMEDAY_UNDO_LOG", "")
    assert UndoLog.of_this_run() is None
    monkeypatch.delenv("GAMEDAY_UNDO_LOG")
    assert UndoLog.of_this_run() is None


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


def test_a_copy_gets_every_line_and_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, copy = tmp_path / "undo.jsonl", tmp_path / "copy.jsonl"
    monkeypatch.setenv(LOG_VARIABLE, str(path))
    monkeypatch.setenv(LOG_COPY_VARIABLE, str(copy))
    log = UndoLog.of_this_run()
    assert log is not None
    log.note(log.owe("freeze it", "pause", CALL), "landed", "proof")
    assert copy.read_bytes() == path.read_bytes()
    copy.write_text("")
    assert len(log.owed()) == 1


def test_without_a_copy_none_is_made(undo_log: UndoLog, tmp_path: Path) -> None:
    undo_log.owe("freeze it", "pause", CALL)
    found = UndoLog.of_this_run()
    assert found is not None and found.copy is None
    assert [path.name for path in tmp_path.iterdir()] == ["undo.jsonl"]


def test_a_copy_that_cannot_be_written_stops_no_undo(tmp_path: Path) -> None:
    log = UndoLog(tmp_path / "undo.jsonl", tmp_path / "gone" / "copy.jsonl")
    log.owe("freeze it", "pause", CALL)
    assert len(log.owed()) == 1
