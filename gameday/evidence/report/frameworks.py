"""What a run gives as evidence for clauses of frameworks, and what it does not. No legal opinion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gameday.evidence.afterwards import Afterwards
from gameday.evidence.record import Record

MAPPING = Path(__file__).with_name("frameworks.yaml")
DISCLAIMER = (
    "This maps fields of the record to clauses, so that an auditor finds the evidence. It is no legal "
    "opinion: whether a clause is met is for the auditor to say."
)


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause: what it asks, what this run gives, what this run could have given, what no run can give."""

    framework: str
    id: str
    asks: str
    given: tuple[str, ...]
    missing: tuple[str, ...]
    lacks: tuple[str, ...]


def clauses(record: Record, added: Afterwards) -> list[Clause]:
    """Every clause of the mapping, seen from this run."""
    fields = {**record.model_dump(by_alias=True), **_added(added)}
    found = []
    for framework in mapping():
        for clause in framework["clauses"]:
            gives = [(f"{each['says']} ({each['field']})", each["field"]) for each in clause["gives"]]
            found.append(
                Clause(
                    framework=str(framework["framework"]),
                    id=str(clause["id"]),
                    asks=str(clause["asks"]),
                    given=tuple(says for says, field in gives if is_there(fields, field)),
                    missing=tuple(says for says, field in gives if not is_there(fields, field)),
                    lacks=tuple(map(str, clause["lacks"])),
                )
            )
    return found


@cache
def mapping() -> list[dict[str, Any]]:
    """The data file, as it is."""
    return list(yaml.safe_load(MAPPING.read_text(encoding="utf-8")))


def is_there(fields: dict[str, Any], path: str) -> bool:
    """Whether a run says something in that field; null and empty say nothing."""
    value: Any = fields
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value not in (None, "", [], {})


def _added(added: Afterwards) -> dict[str, Any]:
    return {
        "notes": [note.text for note in added.notes],
        "actions": [action.id for action in added.actions],
        "sign_offs": [entry.by for entry in added.sign_offs],
    }
