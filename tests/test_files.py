"""Files that survive a crash and a power cut: whole or not there; lines on disk when the call returns."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from gameday.files import (
    append_line,
    is_full,
    put_in_place,
    read_lines,
    storable,
    sync_folder,
    write_atomically,
    write_whole,
)
from tests.disk import Disk, open_files, writing_in_part


def test_what_is_written_is_on_disk_when_the_call_returns(disk: Disk, tmp_path: Path) -> None:
    write_atomically(tmp_path / "x", "é\n")
    assert disk.kept("x") == b"\xc3\xa9\n"
    write_atomically(tmp_path / "x", b"\xff")
    assert disk.kept("x") == b"\xff" == (tmp_path / "x").read_bytes()


def test_at_any_moment_a_power_cut_leaves_the_old_file_or_the_new_one(disk: Disk, tmp_path: Path) -> None:
    write_atomically(tmp_path / "x", "old")
    write_atomically(tmp_path / "x", "new")
    assert disk.possible("x") == {None, b"old", b"new"}


def test_a_draft_is_put_in_place_and_is_on_disk(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "draft").write_bytes(b"new")
    put_in_place(tmp_path / "draft", tmp_path / "x")
    assert disk.kept("x") == b"new" and disk.kept("draft") is None


def test_a_file_that_could_not_be_written_leaves_the_old_one_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomically(tmp_path / "x", "old")
    write_bytes = Path.write_bytes

    def half(path: Path, data: bytes) -> int:
        write_bytes(path, data[:1])
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="full"):
        write_atomically(tmp_path / "x", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("x", "old")]


def test_a_file_that_was_never_there_leaves_nothing_when_its_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "no-folder" / "x", "new")


def test_every_file_is_closed_also_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_files()
    write_atomically(tmp_path / "x", "old")
    append_line(tmp_path / "y", {})
    assert open_files() == before

    def failing(descriptor: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="broken"):
        write_atomically(tmp_path / "x", "new")
    with pytest.raises(OSError, match="broken"):
        sync_folder(tmp_path)
    with pytest.raises(OSError, match="broken"):
        append_line(tmp_path / "y", {})
    assert open_files() == before


def test_only_a_folder_is_put_on_disk_as_one(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(NotADirectoryError):
        sync_folder(tmp_path / "x")


@pytest.mark.parametrize(
    ("user", "blocks", "free", "available", "full"),
    [
        (0, 100, 1, 0, False),  # the blocks kept for root are root's
        (0, 100, 0, 0, True),
        (1000, 100, 5, 0, True),
        (1000, 100, 5, 1, False),
        (1000, 1, 0, 0, True),
        (1000, 0, 0, 0, False),  # a file system that does not count
    ],
)
def test_a_disk_is_full_when_no_block_is_left_for_this_user(
    monkeypatch: pytest.MonkeyPatch, user: int, blocks: int, free: int, available: int, full: bool
) -> None:
    answer = SimpleNamespace(f_blocks=blocks, f_bfree=free, f_bavail=available)
    monkeypatch.setattr(os, "statvfs", {Path("/results"): answer}.__getitem__)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert is_full(Path("/results")) is full


def test_a_line_is_on_disk_when_the_call_returns(disk: Disk, tmp_path: Path) -> None:
    append_line(tmp_path / "x", {"a": 1})
    assert disk.kept("x") == b'{"a": 1}\n'
    append_line(tmp_path / "x", {"b": 2})
    assert disk.kept("x") == b'{"a": 1}\n{"b": 2}\n'


def test_the_name_of_a_new_file_is_on_disk_before_its_first_line(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def noted(descriptor: int, data: bytes) -> int:
        kept.append(disk.kept("x"))
        return write(descriptor, data)

    kept: list[bytes | None] = []
    monkeypatch.setattr(os, "write", noted)
    append_line(tmp_path / "x", {"a": 1})
    assert kept == [b""]


def test_a_line_after_one_that_failed_is_on_disk_with_the_name_of_its_file(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", _refused)
        with pytest.raises(OSError, match="refused"):
            append_line(tmp_path / "x", {"a": 1})
    (tmp_path / "x").touch()  # as an open that came before a crash
    append_line(tmp_path / "x", {"b": 2})
    assert disk.kept("x") == b'{"b": 2}\n'


def _refused(*_: object) -> int:
    raise OSError(errno.EACCES, "refused")


def test_a_line_is_one_write_so_that_two_processes_never_mix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(b"{")
    written = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda *call: (written.append(call[1]), write(*call))[1])
    append_line(tmp_path / "x", {"a": 1})
    append_line(tmp_path / "x", {"b": 2})
    assert written == [b'\n{"a": 1}\n', b'{"b": 2}\n']


def test_a_line_that_another_process_appends_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_line(tmp_path / "x", {"a": 1})
    pread = os.pread

    def meanwhile(*call: int) -> bytes:
        with (tmp_path / "x").open("ab") as other:
            other.write(b'{"b": 2}\n')
        return pread(*call)

    monkeypatch.setattr(os, "pread", meanwhile)
    append_line(tmp_path / "x", {"c": 3})
    assert (tmp_path / "x").read_bytes() == b'{"a": 1}\n{"b": 2}\n{"c": 3}\n'


@pytest.mark.parametrize("taken", [0, 1, 8])
def test_a_line_that_a_full_disk_takes_in_part_is_an_error_and_swallows_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    append_line(tmp_path / "x", {"a": 1})
    with monkeypatch.context() as patched:
        writing_in_part(patched, taken)
        with pytest.raises(OSError, match="No space left on device") as raised:
            append_line(tmp_path / "x", {"b": 22})
        assert raised.value.errno == errno.ENOSPC
    append_line(tmp_path / "x", {"c": 3})
    assert list(read_lines(tmp_path / "x")) == [{"a": 1}, {"c": 3}]


def test_a_write_is_whole_or_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor = os.open(tmp_path / "x", os.O_WRONLY | os.O_CREAT)
    write_whole(descriptor, b"whole")
    writing_in_part(monkeypatch, 4)
    with pytest.raises(OSError, match="No space left on device"):
        write_whole(descriptor, b"whole")
    os.close(descriptor)
    assert (tmp_path / "x").read_bytes() == b"wholewhol"


def test_what_json_does_not_know_stands_in_a_line_as_text(tmp_path: Path) -> None:
    append_line(tmp_path / "x", {"where": Path("/results")})
    assert list(read_lines(tmp_path / "x")) == [{"where": "/results"}]


def test_everybody_may_read_a_log_and_only_its_owner_write_it(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        append_line(tmp_path / "x", {})
    finally:
        os.umask(mask)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


def test_lines_are_read_oldest_first_without_torn_and_foreign_ones(tmp_path: Path) -> None:
    assert list(read_lines(tmp_path / "x")) == []
    (tmp_path / "x").write_bytes(b'{"a": 1}\n\n[1]\n"word"\n\xff\xfe\n{"half\n{"b": 2}\n{"c": 3')
    assert list(read_lines(tmp_path / "x")) == [{"a": 1}, {"b": 2}]
    (tmp_path / "x").write_bytes(b'{"c": 3}')  # whole but for its newline: nothing of it is missing
    assert list(read_lines(tmp_path / "x")) == [{"c": 3}]


def test_halves_of_a_character_are_stored_as_one_that_says_so() -> None:
    half = "\ud83d"
    told = {half: [half, {"a": half}, (1, half)], "n": 7}
    whole = "\ufffd"
    assert storable(told) == {whole: [whole, {"a": whole}, [1, whole]], "n": 7}
