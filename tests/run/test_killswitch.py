"""The kill switch: whatever has its name is one, and nothing that lies there stops a run from looking."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gameday.errors import GamedayError
from gameday.run import killswitch

LYING_THERE: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "an empty file": Path.touch,
    "bytes": lambda path: path.write_bytes(b"\xff\xfe"),
    "a large file": lambda path: path.write_bytes(b"x" * 20_000),
    "deep JSON": lambda path: path.write_text("[" * 9_000),
    "other JSON": lambda path: path.write_text('{"by": 1}'),
}


@pytest.mark.parametrize("what", LYING_THERE)
def test_whatever_has_the_name_is_a_kill_switch_that_is_thrown(tmp_path: Path, what: str) -> None:
    assert killswitch.thrown(tmp_path) is None
    LYING_THERE[what](tmp_path / ".halt")
    assert killswitch.thrown(tmp_path) == f"the kill switch {tmp_path / '.halt'} is thrown"
    killswitch.throw(tmp_path, "again")  # over it, or it stays
    assert killswitch.thrown(tmp_path) is not None


def test_it_says_who_threw_it_and_why(tmp_path: Path) -> None:
    killswitch.throw(tmp_path, "the pager")
    assert str(killswitch.thrown(tmp_path)).endswith(": the pager")
    assert killswitch.lift(tmp_path) and not killswitch.lift(tmp_path)
    assert killswitch.thrown(tmp_path) is None


def test_a_folder_is_lifted_by_hand_only(tmp_path: Path) -> None:
    (tmp_path / ".halt").mkdir()
    with pytest.raises(GamedayError, match="remove it by hand"):
        killswitch.lift(tmp_path)


def test_a_switch_that_cannot_be_thrown_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GamedayError, match="cannot be thrown"):
        killswitch.throw(tmp_path / "none", "x")


def test_somebody_without_a_name_can_throw_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nameless)
    killswitch.throw(tmp_path, "x")
    assert f"thrown by user {os.getuid()}" in str(killswitch.thrown(tmp_path))
