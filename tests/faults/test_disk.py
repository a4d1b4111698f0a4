"""Fill a file system of the test's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.errors import FaultError
from gameday.faults import disk
from gameday.faults.disk import fill
from gameday.faults.host import Done, Host, Local
from gameday.faults.undolog import UndoLog
from gameday.testing import check_fault
from tests.faults.parts import function, need_root, undo_twice

MIB = 1 << 20


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """An empty tmpfs of 200 MiB."""
    need_root()
    folder = tmp_path / "volume"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", folder], check=True, timeout=10)
    yield folder
    subprocess.run(["umount", folder], check=True, timeout=10)


def free_mb(folder: Path) -> float:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize / MIB


@pytest.mark.parametrize(
    ("arguments", "left_mb"),
    [({"leave_mb": 5}, 5), ({"leave_mb": 0}, 0), ({"percent": 50}, 100), ({"percent": 100}, 64)],
)
def test_a_disk_is_as_full_as_asked_until_the_undo(
    volume: Path, arguments: dict[str, float], left_mb: int
) -> None:
    seen = set()

    def left() -> tuple[float, int]:
        seen.add(free_mb(volume))
        return free_mb(volume), len(list(volume.iterdir()))

    check_fault(fill, {"path": str(volume), **arguments}, state=left)
    least, most = sorted(seen)
    assert (least, most) == (pytest.approx(left_mb, abs=1), 200) and least >= left_mb


def test_where_space_cannot_be_allocated_it_is_written(
    volume: Path, undo_log: UndoLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_fallocate(monkeypatch, "fallocate: fallocate failed: Operation not supported")
    assert fill(str(volume), leave_mb=150)["landed"]
    assert free_mb(volume) == pytest.approx(150, abs=1)
    undo_twice(undo_log.owed()[0])


def test_a_filling_that_fails_leaves_nothing_behind(
    volume: Path, undo_log: UndoLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_fallocate(monkeypatch, "fallocate: fallocate failed: No space left on device")
    with pytest.raises(FaultError, match="No space left on device"):
        fill(str(volume), leave_mb=150)
    assert free_mb(volume) == 200 and function(undo_log.owed()[0], "verify")()


def refuse_fallocate(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    run = Local.run

    def without(self: Host, command: list[str], *more: object, **options: object) -> Done:
        return Done(1, "", said) if command[0] == "fallocate" else run(self, command, *more, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Local, "run", without)


def test_the_undo_ends_whoever_still_writes(volume: Path, undo_log: UndoLog) -> None:
    fill(str(volume), leave_mb=150)
    (entry,) = undo_log.owed()
    filler = entry.call["arguments"]["filler"]
    with subprocess.Popen(["dd", f"of={filler}"], stdin=subprocess.PIPE) as writer:
        undo_twice(entry)
        assert writer.wait(5) == -9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of leave_mb and percent"),
        ({"leave_mb": 1, "percent": 1}, "exactly one of leave_mb and percent"),
        ({"leave_mb": -1}, "leave_mb is 0 or more"),
        ({"percent": 101}, "percent is more than 0 and at most 100"),
        ({"leave_mb": 10**9}, "MiB free and is to keep"),
    ],
)
def test_a_measure_that_makes_no_sense_is_refused(
    tmp_path: Path, arguments: dict[str, float], message: str, undo_log: UndoLog
) -> None:
    with pytest.raises(FaultError, match=message):
        fill(str(tmp_path), **arguments)  # type: ignore[arg-type]
    assert undo_log.entries() == []


def test_a_folder_that_is_not_there_is_named(undo_log: UndoLog) -> None:
    with pytest.raises(FaultError, match="there is no folder /no/such"):
        fill("/no/such", leave_mb=1)
    assert disk.RESERVE_MB == 64 and undo_log.entries() == []
