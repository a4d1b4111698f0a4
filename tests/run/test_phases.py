"""A signal, a full disk or a defect in any phase: undone within three seconds, nothing left, a record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from gameday.evidence.pack import Pack
from gameday.faults.undolog import UndoLog
from gameday.run.children import wait_until
from tests.run.conftest import HERE, Game, Service, drill, fill
from tests.run.test_crash import LOCUSTFILE, UNDONE_WITHIN_S, processes_in
from tests.run.test_drill import is_running, pause, resume

PHASES = ["warm-up", "baseline", "method", "recovery", "verification", "undo", "after-check"]
PARTS = "begin baseline method recovery verification roll_back see_it_as_before".split()
INTO_THE_PHASE_S = 0.15


def often(*chosen: str, of: list[str] = PHASES) -> list[Any]:
    """The phases; all but those chosen are for the soak only."""
    return [pytest.param(name, marks=[] if name in chosen else [pytest.mark.soak]) for name in of]


def whole_drill(service: Service, folder: Path, phase: str) -> dict[str, Any]:
    """A drill that stays a while in every phase; only load has a warm-up."""
    back = {"type": "process", "path": "sleep", "arguments": ["0.5"]}
    experiment = drill(
        service,
        pause(service, pauses={"after": 0.7}),
        resume(service),
        ledger={"http": f"{service.url}/orders", "rate": "200/s"},
        rollbacks=[{"type": "action", "name": "go home", "provider": back}],
    )
    if phase in ("warm-up", "begin"):
        (folder / "customers.py").write_text(LOCUSTFILE)
        load = {"locustfile": "customers.py", "host": service.url, "users": 3, "spawn-rate": 10}
        experiment["load"] = {**load, "warm-up": "1s"}
    return experiment


def check_halted(game: Game, service: Service, folder: Path) -> None:
    """What must hold from now on: undone in time, then halted, recorded, and gone."""
    log = UndoLog(game.pack / "undo.jsonl")
    assert wait_until(lambda: is_running(service) and not log.owed(), UNDONE_WITHIN_S), log.entries()
    code, record = game.end()
    assert (code, record["verdict"]) == (3, "halted"), record["reasons"]
    assert is_running(service)
    assert all(undo["verified"] for undo in record["undo"])
    assert wait_until(lambda: not processes_in(folder), 5), processes_in(folder)


@pytest.mark.parametrize("phase", often("baseline", "method", "undo"))
def test_ctrl_c_in_any_phase_halts_and_undoes(
    service: Service, start: Any, tmp_path: Path, phase: str
) -> None:
    interrupt(signal.SIGINT, start(whole_drill(service, tmp_path, phase)), phase, service, tmp_path)


@pytest.mark.parametrize("phase", often())
def test_sigterm_in_any_phase_halts_and_undoes(
    service: Service, start: Any, tmp_path: Path, phase: str
) -> None:
    interrupt(signal.SIGTERM, start(whole_drill(service, tmp_path, phase)), phase, service, tmp_path)


def interrupt(number: signal.Signals, game: Game, phase: str, service: Service, folder: Path) -> None:
    game.until(f"── {phase}")
    time.sleep(INTO_THE_PHASE_S)
    game.process.send_signal(number)
    check_halted(game, service, folder)


@pytest.mark.parametrize("phase", often())
def test_a_terminal_closed_in_any_phase_does_not_stop_the_drill(
    service: Service, start: Any, tmp_path: Path, phase: str
) -> None:
    game = start(whole_drill(service, tmp_path, phase))
    game.until(f"── {phase}")
    game.process.send_signal(signal.SIGHUP)
    code, record = game.end()
    assert (code, record["verdict"]) == (0, "passed"), record["reasons"]
    assert is_running(service)
    assert not processes_in(tmp_path)


@pytest.mark.parametrize("phase", often())
def test_a_disk_that_fills_up_in_any_phase_halts_and_everything_is_undone(
    service: Service, start: Any, tmp_path: Path, small_disk: Path, phase: str
) -> None:
    game = start(whole_drill(service, tmp_path, phase), "--results", str(small_disk))
    game.results = small_disk
    game.until(f"── {phase}")
    time.sleep(INTO_THE_PHASE_S)
    fill(small_disk)
    check_halted(game, service, tmp_path)


def play_with_a_defect(
    service: Service, folder: Path, part: str, lines: str
) -> subprocess.CompletedProcess[str]:
    """A drill under a runner in which a part of the programme has other lines."""
    (folder / "experiment.yaml").write_text(yaml.safe_dump(whole_drill(service, folder, part)))
    code = (
        "import sys; from gameday.run import runner; from gameday.cli import main\n"
        f"whole = runner.Run.{part}\n"
        f"def broken(self):\n{lines}\n"
        f"runner.Run.{part} = broken\n"
        "sys.argv = ['gameday', 'run', 'experiment.yaml', '--plain']; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("part", often("method", "see_it_as_before", of=PARTS))
def test_an_exception_in_any_phase_aborts_and_undoes(service: Service, tmp_path: Path, part: str) -> None:
    done = play_with_a_defect(service, tmp_path, part, "    whole(self)\n    raise RuntimeError('a defect')")
    record = json.loads((tmp_path / done.stdout.strip() / "record.json").read_text())
    assert (done.returncode, record["verdict"]) == (3, "aborted"), done.stderr
    assert "a defect" in record["reasons"][0]
    assert is_running(service)
    assert all(undo["verified"] for undo in record["undo"])
    assert wait_until(lambda: not processes_in(tmp_path), 5), processes_in(tmp_path)


@pytest.mark.soak
def test_the_guardian_undoes_what_a_defect_in_the_undoing_left(service: Service, tmp_path: Path) -> None:
    done = play_with_a_defect(service, tmp_path, "put_back", "    raise RuntimeError('a defect')")
    assert done.returncode == 1 and "a defect" in done.stderr
    (pack,) = (Pack(path) for path in (tmp_path / "results").glob("*Z-*"))
    assert wait_until(lambda: is_running(service) and not UndoLog(pack.undo_log).owed(), UNDONE_WITHIN_S)
    assert wait_until(pack.record.exists, 30)
    assert json.loads(pack.record.read_text())["verdict"] == "aborted"
    assert wait_until(lambda: not processes_in(tmp_path), 5), processes_in(tmp_path)
