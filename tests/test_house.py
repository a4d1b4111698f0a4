"""The house rules: floors, documented words, schemas and versions that agree."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
from pathlib import Path

import pytest

import gameday
import gameday.faults
from gameday.cli import cli
from gameday.evidence import record
from gameday.experiment.schema import schema

ROOT = Path(__file__).parents[1]
FLOORS = [
    {
        "units",
        "clock",
        "files",
        "reading",
        "chain",
        "clean",
        "environment",
        "git",
        "hosts",
        "redact",
        "errors",
        "events",
        "asking",
        "samples",
        "writes",
        "processes",
        "phases",
        "places",
        "scopes",
        "state",
        "terms",
    },
    {"experiment"},
    {"observe", "measure", "faults", "lab"},
    {"guardrails"},
    {"evidence"},
    {"run"},
    {"cli", "testing", "__main__", "__init__"},
]
# on one floor, the measuring core is pure and faults know nothing of runs or measurements
STRANGERS = {("measure", "observe"), ("measure", "faults"), ("faults", "measure"), ("faults", "observe")}


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


def imports() -> list[tuple[str, str]]:
    found = []
    for path in (ROOT / "gameday").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "gameday":
                names = (
                    [f"gameday.{alias.name}" for alias in node.names]
                    if node.module == "gameday"
                    else [node.module]
                )
                found += [(module, str(name)) for name in names]
            elif isinstance(node, ast.Import):
                found += [(module, alias.name) for alias in node.names if alias.name.startswith("gameday")]
    return found


def test_no_file_imports_from_a_floor_above_its_own() -> None:
    above = [(a, b) for a, b in imports() if floor(room(b)) > floor(room(a)) and room(b) != "__init__"]
    assert above == []


def test_rooms_that_should_not_know_each_other_do_not() -> None:
    assert [(a, b) for a, b in imports() if (room(a), room(b)) in STRANGERS] == []


STARTS = ("subprocess.run", "subprocess.Popen")


def test_every_process_is_given_an_environment_without_what_is_hidden() -> None:
    """Faults and the lab run in processes that were; `gameday.testing` in a test's."""
    bare = []
    for path in (ROOT / "gameday").rglob("*.py"):
        if room(".".join(path.relative_to(ROOT).with_suffix("").parts)) in ("faults", "lab", "testing"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "subprocess.run",
                "subprocess.Popen",
            ):
                names = {keyword.arg for keyword in node.keywords}
                bare += [f"{path.name}:{node.lineno}"] if not names & {"env", None} else []
    assert bare == []


def test_the_record_schema_in_the_package_is_the_models() -> None:
    kept = json.loads((ROOT / "gameday/evidence/record.schema.json").read_text())
    assert kept == record.schema(), "run: gameday schema --record > gameday/evidence/record.schema.json"


def test_every_key_of_the_experiment_is_documented() -> None:
    text = (ROOT / "docs/experiment.md").read_text()
    definitions = schema()["$defs"]
    keys = {key for definition in definitions.values() for key in definition.get("properties", {})}
    missing = {key for key in keys if f"`{key}" not in text}
    assert missing == set()


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    assert {name for name in cli.commands if f"## gameday {name}" not in text} == set()


def test_every_option_is_documented() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    options = {
        option
        for command in cli.commands.values()
        for parameter in command.params
        for option in parameter.opts
    }
    assert {option for option in options if option.startswith("--") and option not in text} == set()


def test_every_fault_is_documented() -> None:
    text = (ROOT / "docs/faults.md").read_text()
    for found in pkgutil.iter_modules(gameday.faults.__path__):
        module = importlib.import_module(f"gameday.faults.{found.name}")
        for name in getattr(module, "__all__", []):
            assert f"`{name}`" in text, f"{found.name}.{name}"


def test_the_changelog_begins_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    found = re.search(r"^## (\S+)", text, re.MULTILINE)
    assert found is not None and found[1] == gameday.__version__


@pytest.mark.parametrize(
    "path", [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"], ids=lambda path: path.name
)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_the_core_names_no_cloud_and_no_kind_of_place() -> None:
    names = re.compile(r"chaosk8s|chaosaws|boto3|[\"'](?:kubernetes|aws|host)[\"']")
    core = [ROOT / "gameday" / room for room in ("experiment", "guardrails", "run", "measure")]
    found = {str(path): names.findall(path.read_text()) for room in core for path in room.glob("*.py")}
    assert {path: words for path, words in found.items() if words} == {}
