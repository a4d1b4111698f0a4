"""What a command ends with: the code says what it found, and nothing else may change it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gameday import cli
from gameday.cli import drills, streams
from gameday.cli.say import say
from gameday.errors import GamedayError, NotRecorded
from gameday.evidence.pack import Pack
from gameday.run import recovery


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("a defect"), 70),
        (MemoryError(), 70),
        (BrokenPipeError(), 141),
        (GamedayError("wrong"), 2),
        (NotRecorded("no disk"), 5),
        (SystemExit(4), 4),
        (KeyboardInterrupt(), 3),
    ],
)
def test_an_error_of_gameday_itself_passes_for_no_missed_objective(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(sys, "argv", ["gameday", "schema"])
    monkeypatch.setitem(cli.cli.commands, "schema", cli.cli.commands["schema"])
    monkeypatch.setattr(drills.schema, "callback", fails)
    assert cli.played() == code
    said = capsys.readouterr().err
    assert ("gameday itself failed" in said) == (code == 70)


def test_a_recovery_that_is_given_up_still_owes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    pack = Pack(tmp_path / "20261124T120000Z-x-000000")
    pack.folder.mkdir()
    monkeypatch.setattr(recovery, "recover_from_disk", interrupted)
    monkeypatch.setattr(sys, "argv", ["gameday", "recover", str(pack.folder), "--results", str(tmp_path)])
    assert cli.played() == 5
    assert "is not finished" in capsys.readouterr().err


class Closed:
    """A stream whose reader has gone."""

    encoding, errors = "utf-8", "strict"

    def write(self, text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError

    def fileno(self) -> int:
        raise OSError


def test_a_reader_that_has_gone_changes_no_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Closed())
    monkeypatch.setattr(sys, "stderr", Closed())
    say("something")
    say("something", err=True)
    streams.flush()


@pytest.mark.parametrize("closed", ["0<&- 1>&- 2>&-"])
def test_closed_streams_change_no_exit_code(closed: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("title: [")
    command = f"exec {sys.executable} -m gameday validate wrong.yaml {closed}"
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path, timeout=60, check=False).returncode == 2
