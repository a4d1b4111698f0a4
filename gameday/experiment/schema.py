"""The JSON Schema of an experiment file, for editors and other tools, made from the model."""

from __future__ import annotations

from functools import cache
from typing import Any

from gameday.experiment.model import ROLES, Blocks
from gameday.experiment.positions import Path
from gameday.experiment.rules import Targets
from gameday.experiment.undos import UndoTerms


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of an experiment: Chaos Toolkit's keys open, gameday's closed."""
    blocks = Blocks.model_json_schema(by_alias=True)
    definitions = blocks.pop("$defs")
    definitions["Activity"] = _activity()
    targets = Targets.model_json_schema(by_alias=True)
    definitions |= {**targets.pop("$defs"), "Targets": targets}
    # an undo is an activity as well, so that other keys are no error
    definitions["UndoTerms"] = {**UndoTerms.model_json_schema(by_alias=True), "additionalProperties": True}
    activities = {"type": "array", "items": {"$ref": "#/$defs/Activity"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gameday experiment",
        "type": "object",
        "required": ["title", "description", "method"],
        "properties": {
            "title": {"type": "string", "minLength": 1},
            "description": {"type": "string", "minLength": 1},
            "tags": {"type": "array", "items": {"type": "string", "minLength": 1}},
            "configuration": {"type": "object"},
            "secrets": {"type": "object"},
            "controls": {"type": "array"},
            "steady-state-hypothesis": {"type": "object", "properties": {"probes": activities}},
            "method": activities,
            "rollbacks": activities,
            "runtime": {"type": "object"},
            **blocks["properties"],
        },
        "additionalProperties": True,
        "$defs": definitions,
    }


def _activity() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "type": {"enum": ["action", "probe"]},
            "name": {"type": "string", "minLength": 1},
            "provider": {"type": "object"},
            "role": {"enum": list(ROLES), "description": "What the step is for in the drill."},
            "runbook": {"type": "string", "description": "The runbook section that the step exercises."},
            "targets": {
                "$ref": "#/$defs/Targets",
                "description": "What a third-party action touches, for guardrails and plan.",
            },
            "undo": {
                "allOf": [{"$ref": "#/$defs/Activity"}, {"$ref": "#/$defs/UndoTerms"}],
                "description": "How to put back what a third-party action breaks.",
            },
        },
        "additionalProperties": True,
    }


def keys_at(path: Path) -> list[str]:
    """The keys that a block takes, by its path such as `("slis", 0, "probe")`."""
    whole = _schema()
    here: dict[str, Any] = whole
    for part in path:
        here = (
            here.get("items", {}) if isinstance(part, int) else here.get("properties", {}).get(str(part), {})
        )
        here = _followed(here, whole)
    return list(here.get("properties", {}))


@cache
def _schema() -> dict[str, Any]:
    """The schema, made once: thousands of wrong keys ask for it."""
    return schema()


def _followed(node: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """The definition that a `$ref`, or the object among several choices, points to."""
    for choice in [node, *node.get("anyOf", [])]:
        if "$ref" in choice:
            return dict(whole["$defs"][choice["$ref"].rsplit("/", 1)[-1]])
    return node
