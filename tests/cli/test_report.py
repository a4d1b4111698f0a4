"""`gameday report`: every form of it, and that none of them touches the pack."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gameday.cli import cli
from gameday.evidence.pack import Pack
from gameday.evidence.report.forms import FORMS
from tests.evidence import example


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    return example.failover(tmp_path / "results")


def report(
    *arguments: str, cwd: Path, path: str | None = None, modules: Path | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gameday", "report", *arguments]
    environment = {**os.environ, "PATH": path or os.environ["PATH"]}
    if modules is not None:
        environment["PYTHONPATH"] = os.pathsep.join([str(modules), str(Path(__file__).parents[2])])
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=120, check=False
    )


def held(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_form_can_be_asked_for() -> None:
    choice = next(parameter for parameter in cli.commands["report"].params if parameter.name == "names")
    assert list(choice.type.choices) == list(FORMS)


def test_other_forms_lie_beside_the_pack_and_every_path_is_printed(pack: Pack, tmp_path: Path) -> None:
    before = held(pack.folder)
    done = report("--format", "markdown", "--format", "junit", "--format", "csv", "latest", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = ["report.md", "junit.xml", "outages.csv", "steps.csv"]
    assert done.stdout.splitlines() == [f"reports/{pack.run_id}/{name}" for name in names]
    assert all((tmp_path / line).stat().st_size > 100 for line in done.stdout.splitlines())
    assert held(pack.folder) == before


def test_html_is_the_default_and_the_pack_is_left_as_it_is(pack: Pack, tmp_path: Path) -> None:
    before = held(pack.folder)
    done = report(cwd=tmp_path)
    assert done.stdout.strip() == f"reports/{pack.run_id}/report.html"
    assert (tmp_path / done.stdout.strip()).exists() and held(pack.folder) == before


def test_output_is_where_everything_goes(pack: Pack, tmp_path: Path) -> None:
    done = report("--format", "html", "--format", "csv", "--output", "a/b", cwd=tmp_path)
    assert done.stdout.split() == ["a/b/report.html", "a/b/outages.csv", "a/b/steps.csv"]
    assert not pack.report.exists()


@pytest.mark.parametrize("inside", ["", "logs"])
def test_the_folder_of_the_run_is_refused(pack: Pack, tmp_path: Path, inside: str) -> None:
    before = held(pack.folder)
    done = report("--format", "junit", "--output", str(pack.folder / inside), cwd=tmp_path)
    assert done.returncode == 2 and "choose another --output" in done.stderr
    assert held(pack.folder) == before


def test_a_folder_that_cannot_be_written_is_named(pack: Pack, tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file in the way")
    done = report("--format", "csv", cwd=tmp_path)
    assert done.returncode == 2 and "cannot write under reports/" in done.stderr
    assert "Traceback" not in done.stderr


def test_pdf_without_anything_that_prints_says_what_to_install(pack: Pack, tmp_path: Path) -> None:
    (tmp_path / "weasyprint.py").write_text("raise ImportError")
    done = report("--pdf", cwd=tmp_path, path="/nowhere", modules=tmp_path)
    assert done.returncode == 2 and "install Chromium or Chrome" in done.stderr
    assert "pip install 'gameday-dr[pdf]'" in done.stderr and "Traceback" not in done.stderr


def test_a_run_id_leads_nowhere_else(pack: Pack, tmp_path: Path) -> None:
    timeline = pack.timeline.read_text()
    pack.timeline.write_text(timeline.replace('"event": "run"', '"event": "run", "run_id": "../../x"', 1))
    done = report("--format", "csv", str(pack.folder), cwd=tmp_path)
    assert done.stdout.splitlines()[0] == "reports/-..-x/outages.csv"
