"""What an approval covers, whose it is, and where it counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from gameday.errors import GamedayError
from gameday.experiment.load import Experiment, load
from gameday.guardrails import approvals
from gameday.guardrails.approvals import person
from gameday.guardrails.check import check
from gameday.guardrails.covered import covered, files_of

FILES = {
    "users.py": "import shapes\nfrom traffic import peak\n",
    "shapes.py": "import json, deeper.well\n",
    "deeper/__init__.py": "",
    "deeper/well.py": "from . import water\nfrom ..beside import this\nfrom .pool import tap\n",
    "deeper/pool/tap.py": "from ..salt import grain\n",
    "deeper/salt.py": "",
    "deeper/water.py": "",
    "beside.py": "this = 1\n",
    "traffic/__init__.py": "",
    "traffic/peak.py": "",
    "steps.py": "def act(): pass\n",
    "drills/restore.py": "",
    "drills/dump.sh": "true\n",
    "guard.py": "",
    "unused.py": "",
    "victim.pid": "1\n",
}


def call(**provider: Any) -> dict[str, Any]:
    return {"type": "action", "name": "it", "provider": provider}


DOCUMENT: dict[str, Any] = {
    "title": "t",
    "description": "d",
    "author": ["mia"],
    "guardrails": {"approvals": {"count": 1}},
    "configuration": {"where": {"type": "env", "key": "ORDERS_WHERE", "default": "x"}},
    "secrets": {"db": {"token": {"type": "env", "key": "ORDERS_TOKEN"}}},
    "controls": [{"name": "c", "provider": {"type": "python", "module": "guard"}}],
    "load": {"locustfile": "users.py", "host": "http://localhost:1"},
    "method": [
        call(type="python", module="steps", func="act"),
        call(type="process", path="sh", arguments=["drills/dump.sh", "victim.pid"]),
        call(type="process", path="python3", arguments="-m drills.restore"),
        call(type="python", module="gameday.faults.process", func="pause", arguments={"pid": 1}),
    ],
}


WHOLE = {"by": "a", "at": "2026-01-01T00:00:00Z", "sha256": "x", "salt": "", "files": {}, "values": {}}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an experiment and all that belongs to it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(approvals, "git", lambda *_: [])
    monkeypatch.setenv("ORDERS_WHERE", "staging")
    monkeypatch.setenv("ORDERS_TOKEN", "geheim-4711")
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(DOCUMENT))
    return tmp_path


def read(path: str = "x.yaml", **variables: Any) -> Experiment:
    return load(Path(path), variables)


def said(experiment: Experiment) -> list[str]:
    found = check(experiment, datetime.now(UTC) + timedelta(minutes=1))
    return [problem.message.partition(": ")[2] for problem in found.problems]


def test_all_the_code_beside_the_file_is_covered_and_nothing_else(here: Path) -> None:
    names = {str(path.relative_to(here)) for path in files_of(read())}
    assert names == set(FILES) - {"unused.py", "victim.pid"}


@pytest.mark.parametrize("name", ["users.py", "deeper/water.py", "steps.py", "drills/dump.sh", "guard.py"])
def test_an_approval_ends_with_a_change_of_the_code(name: str, here: Path) -> None:
    approvals.approve(read(), "ann@x")
    assert said(read()) == []
    (here / name).write_text(FILES[name] + "# evil\n")
    missing, what = said(read())
    assert "0 did" in missing and what == f"what ann@x approved is another now: {name}"


def test_code_that_would_be_loaded_instead_ends_an_approval(here: Path) -> None:
    approvals.approve(read(), "ann@x")
    (here / "steps.abi3.so").write_bytes(b"")
    assert said(read())[1].endswith("is another now: steps.abi3.so")


@pytest.mark.parametrize("name", ["ORDERS_WHERE", "ORDERS_TOKEN"])
def test_an_approval_is_for_the_values_of_the_environment(
    name: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    approvals.approve(read(), "ann@x")
    monkeypatch.setenv(name, "production-1")
    assert said(read())[1].endswith(f"is another now: ${name}")
    monkeypatch.delenv(name)
    assert said(read())[1].endswith(f"is another now: ${name}")


def test_no_value_is_written_down_and_equal_ones_look_different(here: Path) -> None:
    approvals.approve(read(port="staging"), "ann@x")
    approvals.approve(read(port="staging"), "bob@x")
    text = approvals.beside(Path("x.yaml")).read_text()
    assert "staging" not in text and "geheim-4711" not in text
    first, second = approvals.given(read())
    assert first.covers.files == second.covers.files and first.salt != second.salt
    assert not set(first.covers.values.values()) & set(second.covers.values.values())


def test_another_value_given_ends_an_approval_and_an_older_one_may_still_hold(here: Path) -> None:
    approvals.approve(read(port="1"), "ann@x")
    approvals.approve(read(port="2"), "ann@x")
    assert said(read(port="1")) == [] == said(read(port="2"))
    assert said(read(port="3"))[1].endswith("is another now: --var port")
    assert said(read())[1].endswith("is another now: --var port")


def test_an_approval_beside_a_link_to_the_file_does_not_count(here: Path) -> None:
    (here / "mine").mkdir()
    link = here / "mine" / "x.yaml"
    link.symlink_to(here / "x.yaml")
    line = here / "mine" / "x.yaml.approvals.jsonl"
    approvals.approve(read(), "ann@x")
    approvals.beside(here / "x.yaml").rename(line)
    (here / "mine" / "users.py").symlink_to(here / "users.py")
    assert "0 did" in said(read(str(link)))[0]
    line.rename(approvals.beside(link))
    assert said(read(str(link))) == [] == said(read()), "a link to an approved file is that file"
    approvals.beside(link).rename(line)
    approvals.beside(link).symlink_to(line)
    assert "is a symbolic link" in said(read())[0]
    with pytest.raises(GamedayError, match="is a symbolic link"):
        approvals.approve(read(), "bob@x")


@pytest.mark.parametrize(
    "name",
    [
        "ann@x ",
        "ANN@X",
        " ann@x\n",
        "ann@x\u200b",
        "\u202eann@x",
        "ａｎｎ@x",
        "Ann Example <ann@x>",
        "<Ann@x>",
        "ann@x\u00a0",
    ],
)
def test_one_person_has_one_spelling(name: str) -> None:
    assert person(name) == "ann@x"


def test_a_person_counts_once_and_the_author_never(here: Path) -> None:
    document = {**DOCUMENT, "author": ["MIA"], "guardrails": {"approvals": {"count": 2}}}
    (here / "x.yaml").write_text(yaml.safe_dump(document))
    for name in ("ann@x", "ann@x ", "Ann <ANN@x>", "mia"):
        approvals.approve(read(), name)
    assert "1 did" in said(read())[0]
    approvals.approve(read(), "bob@x")
    assert said(read()) == []


@pytest.mark.parametrize("name", ["", " ", "\u200b", "\n"])
def test_nobody_cannot_approve(name: str, here: Path) -> None:
    with pytest.raises(GamedayError, match="needs a name"):
        approvals.approve(read(), name)


@pytest.mark.parametrize(
    "line",
    [
        {"variables": "y"},
        {**WHOLE, "at": "now"},
        {**WHOLE, "at": "2026-01-01T00:00:00"},
        {**WHOLE, "files": 1},
    ],
)
def test_a_line_that_is_no_whole_approval_does_not_count(line: dict[str, Any], here: Path) -> None:
    text = json.dumps(line) + "\n[]\nnonsense\n"
    approvals.beside(here / "x.yaml").write_text(text)
    assert approvals.given(read()) == []
    approvals.beside(here / "x.yaml").write_text(text + json.dumps(WHOLE))
    assert [approval.by for approval in approvals.given(read())] == ["a"]


def test_hostile_code_beside_the_file_is_read_and_never_run(here: Path) -> None:
    (here / "steps.py").write_text("(" * 5000)
    (here / "guard.py").write_text("import os, guard, steps\nfrom ....... import x\nos._exit(7)\n")
    assert covered(read(), "salt").files["guard.py"]
