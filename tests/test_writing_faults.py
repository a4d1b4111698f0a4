"""The page that grows a fault: its files are written, its commands run, and say what the page says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from gameday.cli import cli

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/writing-faults.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = ("python", "yaml", "toml")
GAP = "…"


def blocks() -> list[tuple[str, str]]:
    return BLOCK.findall(PAGE.read_text())


def install(here: Path, pyproject: str) -> None:
    """What pip leaves behind of a package: its metadata."""
    project = tomllib.loads(pyproject)["project"]
    info = here / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0\n")
    groups = [
        f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in points.items())
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups) + "\n")


def play(here: Path, command: str) -> str:
    """What a command prints, whatever it ends with. A plan is made here, which saves a start."""
    words = shlex.split(command)
    if words[:2] == ["gameday", "plan"]:
        return CliRunner().invoke(cli, words[1:]).output
    program = {"gameday": [sys.executable, "-m", "gameday"], "python": [sys.executable]}.get(
        words[0], words[:1]
    )
    done = subprocess.run(
        [*program, *words[1:]],
        cwd=here,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def is_like(said: list[str], page: list[str]) -> bool:
    """Whether these lines are what the page says; … stands for anything, as a line for any number of them."""
    if not page:
        return not said
    if page[0] == GAP:
        return any(is_like(said[skipped:], page[1:]) for skipped in range(len(said) + 1))
    pattern = ".*".join(map(re.escape, page[0].split(GAP)))
    return bool(said) and re.fullmatch(pattern, said[0]) is not None and is_like(said[1:], page[1:])


def test_the_page_says_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{tmp_path}")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:cacheprovider")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for kind, text in blocks():
        if kind in FILES:
            name = text.partition("\n")[0].removeprefix("# ")
            (tmp_path / name).write_text(text)
            if name == "pyproject.toml":
                install(tmp_path, text)
            continue
        assert kind == "console", f"a block that nothing runs: {text[:40]}"
        for command, page in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            said = play(tmp_path, command)
            assert is_like(said.splitlines(), page.splitlines()), f"$ {command}\n{said}"


def test_every_command_of_a_block_is_run() -> None:
    for kind, text in blocks():
        if kind == "console":
            assert text.startswith("$ "), "what is before the first command would be compared with nothing"


@pytest.mark.parametrize(
    ("page", "alike"),
    [
        ("a\nb", True),
        ("…\nb", True),
        ("a\n…", True),
        ("…", True),
        ("a\n…b", True),
        ("a", False),
        ("b", False),
        ("…\nc", False),
        ("a\nb\nc", False),
    ],
)
def test_what_was_said_is_compared_line_by_line(page: str, alike: bool) -> None:
    assert is_like(["a", "b"], page.split("\n")) is alike
