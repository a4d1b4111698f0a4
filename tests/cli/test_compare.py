"""`gameday compare`: three forms, and an exit code that says nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.evidence import example


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    example.failover(folder / "one")
    example.failover(folder / "two", back_s=20.0, lost=9)
    return folder


def compare(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    runs = [str(next((folder / name).iterdir())) for name in ("one", "two")]
    command = [sys.executable, "-m", "gameday", "compare", *runs, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60, check=False)


def test_lines_say_what_got_worse_and_the_exit_code_is_0(folder: Path) -> None:
    done = compare(folder)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert any(line.startswith("worse") and "RTO from impact" in line for line in done.stdout.splitlines())


def test_json_is_for_programs(folder: Path) -> None:
    made = json.loads(compare(folder, "--format", "json").stdout)
    found = {each["name"]: each["outcome"] for each in made["differences"]}
    assert found["verdict"] == found["RTO from impact"] == found["lost writes"] == "worse"


def test_markdown_is_for_a_wiki(folder: Path) -> None:
    assert compare(folder, "--format", "markdown").stdout.startswith("# Two runs compared\n")


def test_a_run_that_is_not_there_is_named(folder: Path) -> None:
    command = [sys.executable, "-m", "gameday", "compare", "2031", "latest"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60, check=False)
    assert done.returncode == 2 and "there is no run '2031'" in done.stderr
