"""Press on this host with a real stress-ng."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gameday.errors import FaultError
from gameday.faults import stress
from gameday.faults.host import Done, Host, Local
from gameday.faults.stress import cpu, io, memory
from gameday.faults.undolog import UndoLog
from gameday.testing import check_fault
from tests.faults.parts import function, need, undo_twice

pytestmark = pytest.mark.alone


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stress, "SCRATCH", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("press", "arguments", "workers"),
    [
        (cpu, {"workers": 2, "load_percent": 20}, "2 cpu"),
        (memory, {"mb": 64}, "1 vm"),
        (io, {"workers": 1, "file_mb": 4}, "1 hdd"),
    ],
)
def test_workers_run_until_the_undo(
    press: Callable[..., dict[str, Any]], arguments: dict[str, int], workers: str, scratch: Path
) -> None:
    need("stress-ng")
    count, kind = workers.split()
    seen = []

    def state() -> tuple[bool, int]:
        found = [Local().stat(pid) for pid in Local().mentioning("gameday-stress-")]
        groups = {stat.group for stat in found if stat is not None}
        seen.append(sum(len(stress.alive(Local(), group, f"stress-ng-{kind}")) for group in groups))
        return seen[-1] > 0, len(list(scratch.glob("gameday-stress-*")))

    check_fault(press, {**arguments, "duration_s": 60}, state=state)
    assert max(seen) >= int(count) and seen[-1] == 0


def test_the_stress_ends_by_itself_if_nobody_undoes_it(undo_log: UndoLog) -> None:
    need("stress-ng")
    cpu(1, load_percent=10, duration_s=1)
    folder = undo_log.owed()[0].call["arguments"]["scratch"]
    assert Local().wait_until(lambda: not Local().mentioning(folder), 10)


def test_one_stress_does_not_end_another(undo_log: UndoLog) -> None:
    need("stress-ng")
    cpu(1, load_percent=10)
    cpu(1, load_percent=10)
    second, first = undo_log.owed()
    undo_twice(first)
    assert len(Local().mentioning(second.call["arguments"]["scratch"])) == 1
    undo_twice(second)


def test_a_start_that_comes_after_the_undo_finds_no_folder_and_ends(
    undo_log: UndoLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("stress-ng")
    start = Local.start

    def late(self: Local, command: list[str]) -> None:
        function(undo_log.owed()[0])()
        start(self, command)

    monkeypatch.setattr(Local, "start", late)
    monkeypatch.setattr(stress, "RUNS_WITHIN_S", 0.5)
    assert not cpu(1, load_percent=10)["landed"]
    time.sleep(0.2)
    assert function(undo_log.entries()[0], "verify")()


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: cpu(1, load_percent=0), "load_percent is more than 0"),
        (lambda: cpu(-1), "workers is a whole number from 0 up"),
        (lambda: io(0), "workers is a whole number from 1 up"),
        (lambda: memory(0), "mb is a whole number from 1 up"),
        (lambda: memory(10**9), "is too much for this host: take"),
        (lambda: cpu(1, duration_s=0), "duration_s is 1 to 86400"),
    ],
)
def test_what_makes_no_sense_is_refused(
    broken: Callable[[], object], message: str, undo_log: UndoLog
) -> None:
    with pytest.raises(FaultError, match=message):
        broken()
    assert undo_log.entries() == []


def test_without_stress_ng_the_package_is_named(undo_log: UndoLog, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(self: Host, command: list[str], *_: object) -> Done:
        return Done(127, "", "")

    monkeypatch.setattr(Local, "run", absent)
    with pytest.raises(FaultError, match="stress-ng is not installed on this host: apt install stress-ng"):
        cpu(1)
    assert undo_log.entries() == []
