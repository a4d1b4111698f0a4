"""What YAML can say and JSON cannot reaches Chaos Toolkit as its own loader would have read it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gameday.experiment.load import load
from gameday.experiment.meant import as_meant, packed, unpacked

HEAD = "title: t\ndescription: d\nmethod: []\n"


@pytest.mark.parametrize(
    "text",
    [
        "{200: ok, '300': x}",
        "{true: a, null: b, 1.5: c, -1: d}",
        "2026-01-02",
        "[2026-01-02T03:04:05Z, 2026-01-02 03:04:05 +02:00, 2026-01-02 03:04:05.123]",
        "{2026-01-02: {404: 2026-01-03}}",
        "{on: off, yes: no}",
        "{a: b}",
        "'2026-01-02'",
    ],
)
def test_it_survives_json(tmp_path: Path, text: str) -> None:
    theirs = yaml.safe_load(text)
    (tmp_path / "x.yaml").write_text(HEAD + f"x-note: {text}\n")
    ours = load(tmp_path / "x.yaml").document["x-note"]
    through = json.loads(json.dumps(packed(copy.deepcopy(ours))))
    assert _exactly(as_meant(through)) == _exactly(theirs)
    again = json.loads(json.dumps(packed(unpacked(through))))
    assert _exactly(as_meant(again)) == _exactly(theirs)
    assert _exactly(as_meant(json.loads(json.dumps(packed(theirs))))) == _exactly(theirs)


def test_for_gameday_it_is_text(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(HEAD + "x-note: {200: 2026-01-02}\n")
    note = load(tmp_path / "x.yaml").document["x-note"]
    assert json.dumps(note) == '{"200": "2026-01-02"}'


def _exactly(value: Any) -> str:
    return repr(value)
