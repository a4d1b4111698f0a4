"""Kill, pause and resume real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from gameday.errors import FaultError
from gameday.faults.host import Local
from gameday.faults.process import is_thawed, kill, pause, resume, thaw, the_same
from gameday.faults.undolog import UndoLog
from gameday.testing import check_fault
from tests.faults.parts import function, replay

STUBBORN = "import signal, time; signal.signal(15, 1); print('ready', flush=True); time.sleep(60)"


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    """A process that ignores SIGTERM."""
    process = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_killed_process_is_gone_and_owes_nothing(victim: subprocess.Popen[bytes]) -> None:
    check_fault(kill, {"pid": victim.pid}, state=lambda: victim.poll() is None, owes=False)
    assert victim.wait(1) == -signal.SIGKILL


def test_a_process_that_ignores_the_signal_has_not_been_killed(
    victim: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gameday.faults.process.GONE_WITHIN_S", 0.1)
    term = {"pid": victim.pid, "signal_name": "TERM"}
    check_fault(kill, term, state=lambda: victim.poll() is None, lands=False, owes=False)
    assert victim.poll() is None


def test_a_paused_process_stands_still_until_its_undo(victim: subprocess.Popen[bytes]) -> None:
    seen = set()

    def stands_still() -> bool:
        seen.add(psutil.Process(victim.pid).status() == psutil.STATUS_STOPPED)
        return psutil.Process(victim.pid).status() == psutil.STATUS_STOPPED

    check_fault(pause, {"pid": victim.pid}, state=stands_still)
    assert seen == {True, False}


def test_the_undo_of_a_pause_does_not_touch_whoever_got_the_pid_later(
    victim: subprocess.Popen[bytes], undo_log: UndoLog
) -> None:
    pause(pid=victim.pid)
    started = undo_log.owed()[0].call["arguments"]["started"]
    assert the_same(Local(), victim.pid, started - 60) is None
    assert "is gone" in thaw(victim.pid, started - 60)
    assert is_thawed(victim.pid, started - 60)
    assert not is_thawed(victim.pid, started)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Path]:
    """A server that writes its own pidfile, started by the script beside that."""
    script, pidfile = tmp_path / "a-server-with-a-long-name", tmp_path / "server.pid"
    code = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(pidfile)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(60)"
    )
    script.write_text(f"#!{sys.executable}\n{code}\n")
    script.chmod(0o755)
    process = subprocess.Popen([script])
    assert Local().wait_until(lambda: pidfile.exists() and bool(pidfile.read_text()), 5)
    yield pidfile
    for pid in Local().mentioning(str(script)):
        os.kill(pid, signal.SIGKILL)
    process.wait()


def test_a_killed_process_is_started_again_by_its_undo_once(server: Path) -> None:
    script = str(server.with_name("a-server-with-a-long-name"))
    first = Local().mentioning(script)
    arguments = {"pidfile": str(server), "restart": [script]}
    check_fault(kill, arguments, state=lambda: len(Local().mentioning(script)))
    (pid,) = Local().mentioning(script)
    assert [pid] != first and os.getsid(pid) == pid and server.read_text() == str(pid)


def test_a_process_that_somebody_else_brought_back_is_left_alone(
    victim: subprocess.Popen[bytes], tmp_path: Path, undo_log: UndoLog
) -> None:
    pidfile = tmp_path / "server.pid"
    pidfile.write_text(str(victim.pid))
    kill(pidfile=str(pidfile), restart=["/bin/false"])
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.DEVNULL) as again:
        pidfile.write_text(str(again.pid))
        assert "runs again already" in replay(undo_log.owed()[0])
        again.kill()


def test_a_restart_that_starts_nothing_is_an_undo_that_failed(
    server: Path, undo_log: UndoLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gameday.faults.process.RUNS_WITHIN_S", 0.1)
    kill(pidfile=str(server), restart=["/bin/false"])
    with pytest.raises(FaultError, match=r"does not run 0.1 s after /bin/false"):
        function(undo_log.owed()[0])()


def test_a_restart_needs_a_target_that_outlives_its_pid(
    victim: subprocess.Popen[bytes], undo_log: UndoLog
) -> None:
    with pytest.raises(FaultError, match="restart needs the process by pidfile or name"):
        kill(pid=victim.pid, restart=["x"])
    assert victim.poll() is None and undo_log.entries() == []


def test_a_restart_is_a_list_not_a_line(server: Path, undo_log: UndoLog) -> None:
    for restart in ("systemctl start x", [], ["x", 1]):
        with pytest.raises(FaultError, match="restart is a list of words"):
            kill(pidfile=str(server), restart=restart)  # type: ignore[arg-type]
    assert undo_log.entries() == []


def test_a_name_longer_than_the_kernel_keeps_is_matched_whole(tmp_path: Path, undo_log: UndoLog) -> None:
    program = tmp_path / f"a-name-too-long-{tmp_path.name[-3:]}"
    shutil.copy("/bin/sleep", program)
    with subprocess.Popen([program, "60"]) as process:
        with pytest.raises(FaultError, match="0 processes are named"):
            kill(name=f"{program.name}er")
        assert kill(name=program.name)["landed"]
        assert process.wait(1) == -signal.SIGKILL


def test_resume_lets_a_frozen_process_go_on_and_owes_nothing(victim: subprocess.Popen[bytes]) -> None:
    def stands_still() -> bool:
        return psutil.Process(victim.pid).status() == psutil.STATUS_STOPPED

    victim.send_signal(signal.SIGSTOP)
    assert Local().wait_until(stands_still, 5)
    check_fault(resume, {"pid": victim.pid}, state=stands_still, owes=False)
    assert not stands_still()


def test_the_first_line_of_a_pidfile_names_the_process(
    victim: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    pidfile = tmp_path / "server.pid"
    pidfile.write_text(f"{victim.pid}\n/var/lib/data\n")
    assert kill(pidfile=str(pidfile))["landed"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({}, "exactly one of pid, pidfile or name"),
        ({"pid": 4, "name": "x"}, "exactly one of pid, pidfile or name"),
        ({"pid": 1}, "refusing to touch process 1"),
        ({"pid": os.getpid()}, "refusing to touch"),
        ({"pid": 2**22 + 1}, "there is no process"),
        ({"name": "no-such-process"}, "0 processes are named 'no-such-process'"),
        ({"pidfile": "/nonexistent/pid"}, "there is no pidfile"),
        ({"pidfile": "/dev/null"}, "is not a process id"),
    ],
)
def test_a_target_that_is_not_one_process_is_refused_and_nothing_is_owed(
    target: dict[str, object], message: str, undo_log: UndoLog
) -> None:
    for action in (kill, pause, resume):
        with pytest.raises(FaultError, match=message):
            action(**target)  # type: ignore[arg-type]
    assert undo_log.entries() == []


def test_an_unknown_signal_is_refused(victim: subprocess.Popen[bytes]) -> None:
    with pytest.raises(FaultError, match="there is no signal 'SIGNOPE'"):
        kill(pid=victim.pid, signal_name="SIGNOPE")
    assert victim.poll() is None
