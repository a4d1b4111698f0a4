"""An undo log cut at any byte, by whoever wrote it: what is recovered is the state before the first fault."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.faults.undolog import LOG_VARIABLE, Entry, UndoLog
from gameday.run import trial
from gameday.run.trial import Answer
from gameday.run.undo import Undoer
from gameday.run.undoing import answers, work_where
from tests.run import steps

BEFORE = {"a": "first", "b": "é\n"}  # and there is no file c

Files = dict[str, str]


class Inside:
    """A child that is none: it plays undos in this process. One of its own takes a quarter of a second."""

    is_alive, has_said_all = True, True
    pid = 1

    def __init__(self, modules: list[str]) -> None:
        self.said: list[dict[str, Any]] = []

    def send(self, call: dict[str, Any]) -> None:
        self.said = list(answers(call))

    def messages(self) -> list[dict[str, Any]]:
        return self.said

    def kill(self) -> None:
        return


def no_wait(children: Sequence[Any], within_s: float) -> None:
    """Words have come already."""


def here() -> Undoer:
    """Plays undos in this process, each once."""
    return Undoer(start=Inside, wait=no_wait)  # type: ignore[arg-type]


def play_here(log: UndoLog) -> list[Entry]:
    with patch.object(trial, "ATTEMPTS", 1):
        return here().play(log)


@dataclass
class World:
    """Files to break, and the log of it. `seen`: how long the log was when the files became so."""

    folder: Path
    seen: list[tuple[int, Files]] = field(default_factory=list)

    @property
    def log(self) -> UndoLog:
        return UndoLog(self.folder / "undo.jsonl")

    def path(self, name: str) -> str:
        return str(self.folder / "files" / name)

    def files(self) -> Files:
        return {path.name: path.read_text() for path in (self.folder / "files").iterdir()}

    def become(self, files: Files) -> None:
        for path in (self.folder / "files").iterdir():
            path.unlink()
        for name, text in files.items():
            Path(self.path(name)).write_text(text)

    def look(self) -> None:
        self.seen.append((self.log.path.stat().st_size, self.files()))

    def crash(self, cut: int, is_late: bool, rubbish: bytes) -> None:
        """As if the power had gone when only so many bytes of the log were on disk.

        What was done to the files while the log was shorter had happened; what was done just when it had
        that length, if the crash was late; nothing else.
        """
        self.seen = [(size, files) for size, files in self.seen if size < cut or (is_late and size == cut)]
        self.become(self.seen[-1][1] if self.seen else BEFORE)
        self.log.path.write_bytes(self.log.path.read_bytes()[:cut] + rubbish)


@contextmanager
def world() -> Iterator[World]:
    with TemporaryDirectory() as folder, patch("os.fsync"), patch.dict(os.environ):
        made = World(Path(folder))
        os.environ[LOG_VARIABLE] = str(made.log.path)
        (made.folder / "files").mkdir()
        made.become(BEFORE)
        with patch.object(steps, "witnesses", [made.look]):
            yield made


faults = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "ü\n\n", ""])), min_size=1, max_size=4
)
# after a power cut, a file may end in zeros where its last bytes should have been
rubbish = st.sampled_from([b"", b"\0\0\0"])


@given(faults, st.data())
@settings(max_examples=150, deadline=None)
def test_any_prefix_of_an_undo_log_torn_anywhere_recovers_to_the_state_before(
    broken: list[tuple[str, str]], data: st.DataObject
) -> None:
    names = [name for name, _ in broken]
    # one whose undo fails at first is broken once: the undos of one file restore it in turn
    once = [name for name in sorted(set(names)) if names.count(name) == 1]
    failing = data.draw(st.sets(st.sampled_from(once))) if once else set()
    with world() as made:
        for name, text in broken:
            steps.overwrite(made.path(name), text)
        with patch.object(steps, "stuck", set(map(made.path, failing))):
            owed = play_here(made.log)
        assert {entry.call["arguments"]["path"] for entry in owed} == set(map(made.path, failing))
        # the run is cut off at any byte; then its recovery, too; then nothing any more
        for _ in range(2):
            size = made.log.path.stat().st_size
            made.crash(data.draw(st.integers(0, size)), data.draw(st.booleans()), data.draw(rubbish))
            assert play_here(made.log) == []
            assert made.files() == BEFORE
        written = made.log.path.read_bytes()
        assert play_here(made.log) == []
        assert (made.files(), made.log.path.read_bytes()) == (BEFORE, written)


def cut_inside(number: int) -> Callable[[list[bytes]], int]:
    """Where to cut so that a line is torn in its middle, and those before it are whole."""
    return lambda lines: sum(len(line) + 1 for line in lines[:number]) + len(lines[number]) // 2


@pytest.mark.parametrize(
    ("cut", "is_late"), [(cut_inside(2), False), (cut_inside(6), True)], ids=["owed", "undone"]
)
def test_a_torn_undo_log_is_played_by_children_as_well(
    cut: Callable[[list[bytes]], int], is_late: bool
) -> None:
    with world() as made:
        for name, text in [("a", "x"), ("c", "y")]:
            steps.overwrite(made.path(name), text)
        play_here(made.log)
        made.crash(cut(made.log.path.read_bytes().split(b"\n")), is_late, b"")
        undoer = Undoer(["tests.run.steps"])
        try:
            assert undoer.play(made.log) == []
        finally:
            undoer.dismiss()
        assert made.files() == BEFORE


def says_it_did(path: str) -> str:
    return f"{path} is back"


def is_back(path: str) -> bool:
    return Path(path).exists()


def test_an_undo_that_reads_back_as_not_undone_is_still_owed(tmp_path: Path) -> None:
    log = UndoLog(tmp_path / "undo.jsonl")
    path = tmp_path / "gone"
    call = {"module": __name__, "func": "says_it_did", "verify": "is_back", "arguments": {"path": str(path)}}
    log.owe("remove it", "remove", call)
    undoer = Undoer()
    try:
        (owed,) = undoer.play(log)
        assert owed.events[-1] == "undo-failed" and "is_back says that it is not undone" in owed.detail
        path.touch()
        assert undoer.play(log) == []
    finally:
        undoer.dismiss()
    (entry,) = log.entries()
    assert entry.is_verified


class Started:
    """A child that undoes everything it is given, once it can be started. `stuck` are steps that fail."""

    is_alive, has_said_all = True, True
    pid = 1
    failing = 0
    stuck: ClassVar[set[str]] = set()
    undone: ClassVar[list[str]] = []

    def __init__(self, modules: list[str]) -> None:
        if Started.failing:
            Started.failing -= 1
            raise BlockingIOError("no more processes")

    def send(self, call: dict[str, Any]) -> None:
        self.said = [{"ok": True, "said": "undone"}, {"ok": True, "said": "verified"}]
        if call["step"] in self.stuck:
            self.said = [{"ok": False, "said": "stuck"}]
        else:
            self.undone.append(call["step"])

    def messages(self) -> list[dict[str, Any]]:
        return self.said

    def kill(self) -> None:
        return


@pytest.mark.parametrize(("failing", "owed"), [(4, []), (5, ["second"])], ids=["in time", "too late"])
def test_an_undo_waits_for_a_machine_that_can_start_no_process_and_stops_no_other(
    tmp_path: Path, failing: int, owed: list[str]
) -> None:
    log = UndoLog(tmp_path / "undo.jsonl")
    for step in ("first", "second"):
        log.owe(step, "overwrite", {"step": step})
    with patch.object(trial, "FIRST_PAUSE_S", 0.0), patch.object(Started, "failing", failing):
        undoer = Undoer(start=Started, wait=no_wait)  # type: ignore[arg-type]
        assert [entry.step for entry in undoer.play(log)] == owed
    assert all(entry.is_verified != (entry.step in owed) for entry in log.entries())


def test_an_undo_that_works_late_is_followed_by_those_that_it_should_have_come_before(tmp_path: Path) -> None:
    log = UndoLog(tmp_path / "undo.jsonl")
    for step in ("first", "second", "third"):
        log.owe(step, "overwrite", {"step": step})
    with patch.object(trial, "FIRST_PAUSE_S", 0.0), patch.object(Started, "undone", []):
        undoer = Undoer(start=Started, wait=no_wait)  # type: ignore[arg-type]
        with patch.object(Started, "stuck", {"second"}):
            assert [entry.step for entry in undoer.play(log)] == ["second"]
        assert undoer.play(log) == []
        assert Started.undone == ["third", "first", "second", "first"]


@pytest.mark.parametrize(
    ("said", "undone", "verified"),
    [
        ([], False, False),
        ([{"ok": False, "said": "no"}], False, False),
        ([{"ok": True, "said": "yes"}], False, False),
        ([{"ok": True, "said": "yes"}, {"ok": False, "said": "it is not"}], False, False),
        ([{"ok": True, "said": "yes"}, {"ok": None, "said": "no way to tell"}], True, False),
        ([{"ok": True, "said": "yes"}, {"ok": True, "said": "it is"}], True, True),
    ],
    ids=[
        "nothing said",
        "failed",
        "killed before the read-back",
        "not as before",
        "no read-back",
        "as before",
    ],
)
def test_an_undo_is_undone_once_its_read_back_has_said_so_or_that_there_is_none(
    said: list[dict[str, Any]], undone: bool, verified: bool
) -> None:
    answer = Answer.of(said, 30.0)
    assert (answer.is_undone, answer.is_verified) == (undone, verified)


@pytest.mark.parametrize("call", [{"module": "theirs"}, {"activity": {}}])
def test_what_may_mean_a_path_by_its_folder_is_not_undone_elsewhere(tmp_path: Path, call: Any) -> None:
    with pytest.raises(RuntimeError, match=r"its working folder .*gone is gone"):
        work_where({**call, "cwd": str(tmp_path / "gone")})


def test_gamedays_own_paths_are_absolute_and_need_no_folder(tmp_path: Path) -> None:
    before = Path.cwd()
    work_where({"module": "gameday.faults.disk", "cwd": str(tmp_path / "gone")})
    work_where({"module": "theirs"})  # of a log that says no folder
    assert Path.cwd() == before
