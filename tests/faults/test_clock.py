"""Offset the clock of a real process under libfaketime."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gameday.errors import FaultError
from gameday.faults.clock import offset
from gameday.faults.undolog import UndoLog
from gameday.testing import check_fault
from tests.faults.parts import function, missing, undo_twice

TELL = "import sys, time\nfor _ in sys.stdin: print(time.time(), time.monotonic(), flush=True)"


@dataclass(frozen=True)
class Teller:
    """A process that tells what its clocks say."""

    process: subprocess.Popen[str]
    control: Path

    def ahead_s(self) -> float:
        """How far its wall clock is ahead. Its monotonic clock is always the true one."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        wall_s, monotonic_s = map(float, self.process.stdout.readline().split())
        assert abs(monotonic_s - time.monotonic()) < 1
        return wall_s - time.time()


@pytest.fixture
def teller(tmp_path: Path) -> Iterator[Teller]:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    missing(*([] if found else ["libfaketime is not installed"]))
    control = tmp_path / "clock"
    control.write_text("+0\n")
    faked = {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(control),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", TELL]
    with subprocess.Popen(
        command, env={**os.environ, **faked}, stdin=pipe, stdout=pipe, text=True
    ) as process:
        yield Teller(process, control)
        process.kill()


@pytest.mark.parametrize("seconds", [3600, -7.5])
def test_a_process_sees_another_time_until_the_undo(teller: Teller, seconds: float) -> None:
    seen = set()

    def ahead() -> float:
        found = seconds if teller.ahead_s() == pytest.approx(seconds, abs=1) else round(teller.ahead_s())
        seen.add(found)
        return found

    arguments = {"control_file": str(teller.control), "seconds": seconds, "pid": teller.process.pid}
    check_fault(offset, arguments, state=ahead)
    assert seen == {0, seconds}


def test_a_process_that_does_not_look_has_not_been_hit(tmp_path: Path, undo_log: UndoLog) -> None:
    control = tmp_path / "clock"
    control.write_text("+0\n")
    with subprocess.Popen(["sleep", "60"]) as process:
        result = offset(str(control), 60, pid=process.pid)
        process.kill()
    assert not result["landed"] and "does not look at" in result["proof"]


def test_offsets_undo_last_in_first_out_and_leave_what_others_wrote(
    tmp_path: Path, undo_log: UndoLog
) -> None:
    control = tmp_path / "clock"
    control.write_text("")
    offset(str(control), 60)
    offset(str(control), 120)
    second, first = undo_log.owed()
    undo_twice(second)
    assert control.read_text() == "+60\n"
    undo_twice(first)
    assert control.read_text() == "+0\n"
    control.write_text("+5\n")
    assert "not gameday's" in function(first)()
    control.unlink()
    assert "is gone" in function(first)() and function(first, "verify")()


def test_a_control_file_that_is_not_there_is_named(tmp_path: Path, undo_log: UndoLog) -> None:
    with pytest.raises(FaultError, match="start the process with libfaketime and FAKETIME_TIMESTAMP_FILE="):
        offset(str(tmp_path / "none"), 60)
    assert undo_log.entries() == []
