"""Plain experiments end under gameday as under `chaos run`: the same journal, but for what is meant.

What is meant, and why, is in docs/compatibility.md.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from gameday.redact import REDACTED
from tests.parity import runs, values, words
from tests.parity.making import SECRET, Case
from tests.parity.told_apart import same

ROOT = Path(__file__).parents[2]
FILES = {path.name: path.read_text() for path in (ROOT / "tests/parity/files").glob("*.py")}
OFTEN = 8  # of what is many times alike, one in so many is played each time; all of them in a soak
Ended = tuple[str, dict[str, Any], dict[str, Any]]


def everything() -> list[Case]:
    many, few = [*runs.many(), *values.many()], [*runs.few(), *values.few(), *words.cases()]
    as_json = [_as_json(case) for case in [*runs.few(), *words.notes()][::3]]
    return [*many, *few, *as_json]


def some() -> list[Case]:
    alike = {case["name"] for case in [*runs.many(), *values.many()]}
    return [
        case for number, case in enumerate(everything()) if case["name"] not in alike or number % OFTEN == 0
    ]


def _as_json(case: Case) -> Case:
    # JSON with tabs is fine for JSON, and not for a YAML parser
    text = json.dumps(yaml.safe_load(case["text"]), indent="\t")
    return {**case, "name": f"{case['name']}, as json", "form": "json", "text": text}


def played(folder: Path, cases: list[Case], *more: str) -> Iterator[Ended]:
    """What came of each under both. more: folders with modules that they name."""
    for tool in ("chaos", "gameday"):
        orders = []
        for number, case in enumerate(cases):
            own = folder / tool / str(number)
            own.mkdir(parents=True)
            files = {**FILES, **case.get("files", {}), f"experiment.{case['form']}": case["text"]}
            if case.get("settings") is not None:
                files["settings.yaml"] = yaml.safe_dump(case["settings"])
            for name, text in files.items():
                (own / name).write_text(text)
            settings = "settings.yaml" if case.get("settings") is not None else None
            told = {key: case.get(key) for key in ("options", "environment")}
            orders.append(
                {**told, "folder": str(own), "file": f"experiment.{case['form']}", "settings": settings}
            )
        (folder / f"{tool}.json").write_text(json.dumps(orders))
        path = os.pathsep.join([str(ROOT), *more])
        subprocess.run(
            [sys.executable, "-m", "tests.parity.side_by_side", tool, str(folder / f"{tool}.json")],
            env={**os.environ, "PYTHONPATH": path, "HOME": str(folder)},
            cwd=ROOT,
            capture_output=True,
            check=True,
            timeout=170,
        )
    for number, case in enumerate(cases):
        theirs, ours = (
            json.loads((folder / tool / f"{number}/ended.json").read_text()) for tool in ("chaos", "gameday")
        )
        yield case["name"], json.loads(json.dumps(theirs).replace(SECRET, REDACTED)), ours


def unlike(ended: Ended) -> list[str]:
    """What differs that is not meant to."""
    name, theirs, ours = ended
    if "crashed" in theirs and "crashed" not in ours:
        return []  # a traceback, and no journal; gameday has one, or says what is wrong
    if name == "yaml =":
        return []  # what PyYAML cannot read is a text
    return same(theirs, ours)


def test_plain_experiments_end_as_under_chaos_run(tmp_path: Path) -> None:
    ended = list(played(tmp_path, some()))
    assert {name: unlike(each) for each in ended if (name := each[0]) and unlike(each)} == {}
    assert sum("crashed" in theirs for _, theirs, _ in ended) < len(ended) / 5
    notified = [(tmp_path / tool).glob("*/notified.txt") for tool in ("chaos", "gameday")]
    assert [[path.read_text() for path in paths] for paths in notified] == [
        ["run-started\nrun-completed\nrun-deviated\n"]
    ] * 2


@pytest.mark.soak
def test_all_plain_experiments_end_as_under_chaos_run(tmp_path: Path) -> None:
    ended = played(tmp_path, everything())
    assert {each[0]: unlike(each) for each in ended if unlike(each)} == {}


OWN = """
import json
from fixtures import experiments
for name, value in vars(experiments).items():
    if isinstance(value, dict) and not name.startswith("_"):
        try:
            print(json.dumps([name, json.dumps(value)]))
        except TypeError:
            pass
"""
# these end themselves by a signal; how gameday ends is its own
SIGNALS = re.compile("Exit")
# their secrets are texts in the file, which no journal has; a control that interrupts ends no rollbacks
MEANT = {
    "experiment": re.compile("Secrets|UpdatedConfiguration"),
    "rollbacks": re.compile("InterruptedByControl"),
}
# where nobody says when, Chaos Toolkit leaves some out
ROLLBACKS = ["--rollback-strategy", "always"]


@pytest.mark.soak
def test_chaos_toolkits_own_fixtures_end_as_under_chaos_run(tmp_path: Path) -> None:
    wanted = f"chaostoolkit-lib=={version('chaostoolkit-lib')}"
    fetching = "-m pip download --quiet --no-deps --no-binary chaostoolkit-lib --dest".split()
    done = subprocess.run(
        [sys.executable, *fetching, str(tmp_path), wanted], capture_output=True, text=True, check=False
    )
    if done.returncode:
        assert os.environ.get("GAMEDAY_REQUIRE_ALL") != "1", done.stderr
        pytest.skip("the sources of chaostoolkit-lib cannot be had")
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path / "sources", filter="data")
    tests = str(next((tmp_path / "sources").glob("*/tests")))
    said = subprocess.run(
        [sys.executable, "-c", OWN],
        cwd=tests,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": tests},
    )
    found = [json.loads(line) for line in said.stdout.splitlines()]
    cases = [
        {"name": name, "text": text, "form": "json", "options": ROLLBACKS}
        for name, text in found
        if not SIGNALS.search(name)
    ]
    assert len(cases) > 60
    for name, theirs, ours in played(tmp_path / "played", cases, tests):
        meant = {part for part, names in MEANT.items() if names.search(name)}
        assert {*unlike((name, theirs, ours))} <= meant, name
