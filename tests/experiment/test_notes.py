"""In a file that has nothing of gameday's, keys that look like gameday's are notes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gameday.errors import InvalidInput
from gameday.experiment.load import load
from gameday.experiment.notes import is_plain

ACTION: dict[str, Any] = {"type": "action", "name": "a", "provider": {"type": "process", "path": "true"}}
SLI = {"name": "s", "source": "probe", "objective": "99%", "probe": {"tcp": "db.example:5432"}}


def document(*activities: dict[str, Any], **blocks: Any) -> dict[str, Any]:
    blocks = {key.replace("_", "-"): value for key, value in blocks.items()}
    return {"title": "t", "description": "d", **blocks, "method": list(activities or [ACTION])}


def read(folder: Path, made: dict[str, Any]) -> Any:
    (folder / "x.yaml").write_text(yaml.safe_dump(made))
    return load(folder / "x.yaml")


@pytest.mark.parametrize(
    "made",
    [
        document(objectives={}),
        document(slis=[]),
        document(ledger={"http": "http://x.example/"}),
        document(halt=[]),
        document(max_duration="1h"),
        document(dr_test={}),
        document(guardrails={}),
        document(service={"nmae": "orders"}),
        document(load={}),
        document(objectivs={"rto": "30s"}),
        document(slos=[SLI]) | {"sli": [SLI]},
        document(gardrails={"targets": {}}),
        document({**ACTION, "undo": {"provider": {}}}),
        document({**ACTION, "undoo": {"provider": {}}}),
        document({**ACTION, "role": "fault"}),
        document({**ACTION, "rol": "fault"}),
        document({**ACTION, "targets": {"hosts": ["db"]}}),
        document(
            {**ACTION, "provider": {"type": "python", "module": "gameday.faults.process", "func": "pause"}}
        ),
    ],
)
def test_a_file_that_says_what_only_gameday_understands_is_gamedays(made: dict[str, Any]) -> None:
    assert not is_plain(made)


@pytest.mark.parametrize(
    "made",
    [
        document(),
        document(author={"name": "Jane"}, service="orders", environment="x", load="heavy", team="x"),
        document(objective="to see what happens", services=["orders"], authors=["Jane"]),
        document({"x-slis": [SLI], **ACTION}) | {"x-slis": [SLI]},
        document(
            {**ACTION, "role": "admin", "target": "db", "targets": ["db"], "undo": "by hand", "runbook": {}}
        ),
    ],
)
def test_any_other_file_is_plain(made: dict[str, Any]) -> None:
    assert is_plain(made)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("author", {"name": "Jane"}),
        ("service", "orders"),
        ("load", "heavy"),
        ("environment", "a (b)"),
        ("authors", ["x"]),
    ],
)
def test_a_note_at_the_top_is_warned_of_and_has_no_effect(tmp_path: Path, key: str, value: Any) -> None:
    experiment = read(tmp_path, document(**{key: value}))
    assert experiment.document[key] == value
    assert experiment.blocks == read(tmp_path, document()).blocks
    experiment = read(tmp_path, document(**{key: value}))
    assert f"{key}" in str(experiment.warnings[0]) and "note" in str(experiment.warnings[0])
    with pytest.raises(InvalidInput, match=key):
        read(tmp_path, document(**{key: value}, objectives={}))


@pytest.mark.parametrize(
    ("key", "value"),
    [("role", "admin"), ("target", "db"), ("targets", ["db"]), ("undo", "by hand"), ("runbook", {})],
)
def test_a_note_of_an_action_is_warned_of(tmp_path: Path, key: str, value: Any) -> None:
    experiment = read(tmp_path, document({**ACTION, key: value}))
    assert "note" in str(experiment.warnings[0])
    with pytest.raises(InvalidInput, match=key):
        read(tmp_path, document({**ACTION, key: value}, objectives={}))


def test_arguments_beside_the_provider_are_warned_of_in_every_file(tmp_path: Path) -> None:
    for blocks in ({}, {"objectives": {}}):
        (warning,) = read(tmp_path, document({**ACTION, "arguments": ["x"]}, **blocks)).warnings
        assert "Chaos Toolkit ignores 'arguments' here; it belongs into the provider" in str(warning)


def test_an_author_may_be_one_name(tmp_path: Path) -> None:
    assert read(tmp_path, document(author="Jane")).blocks.author == ["Jane"]
    assert read(tmp_path, document(author=["Jane"])).blocks.author == ["Jane"]


def test_a_title_is_filled_in_but_not_with_secrets(tmp_path: Path) -> None:
    made = document(configuration={"what": "it"}, secrets={"group": {"token": "s3cr3t"}})
    assert read(tmp_path, made | {"title": "${what} with ${token}"}).title == "it with ${token}"
