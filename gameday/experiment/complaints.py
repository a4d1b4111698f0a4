"""What pydantic has against a block, as people read it: which key or value, what is wrong, what to write."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic_core import ErrorDetails

from gameday.experiment.positions import Path
from gameday.experiment.spelling import did_you_mean
from gameday.units import shown

WANTED = {
    "string_type": "a text; write it in quotes",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "bool_type": "true or false",
    "invalid_key": "a text; write it in quotes",
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something wrong at a path of the file; `on_key` when the key itself is meant."""

    path: Path
    message: str
    on_key: bool = False


def complaint(error: ErrorDetails, within: Path = ()) -> Complaint:
    """An error of pydantic in words. `within` is the path of the block that was checked."""
    path = (*within, *error["loc"])
    where = ".".join(map(str, path))
    parent = ".".join(str(part) for part in path[:-1] if not isinstance(part, int)) or "experiment"
    key = str(path[-1]) if path else parent
    if error["type"] == "extra_forbidden":
        meant = did_you_mean(key, _keys_beside(path))
        return Complaint(path, f"unknown key '{key}' in {parent}{meant}", on_key=True)
    if error["type"] == "missing":
        return Complaint(path[:-1], f"{parent} needs the key '{key}'", on_key=True)
    if error["type"] == "literal_error":
        choices = re.findall(r"'([^']+)'", error["ctx"]["expected"])
        word = str(error["input"])
        meant = did_you_mean(word, choices, f"write one of {', '.join(choices)}")
        return Complaint(path, f"unknown {key} '{word}'{meant}")
    if error["type"] == "value_error":
        return Complaint(path, f"{where}: {error['ctx']['error']}")
    if error["type"] in WANTED:
        what, _, advice = WANTED[error["type"]].partition("; ")
        return Complaint(path, f"{where} is {what}, not {shown(error['input'])}" + (advice and f"; {advice}"))
    message = error["msg"][0].lower() + error["msg"][1:]
    return Complaint(path, f"{where}: {message}, not {shown(error['input'])}")


def _keys_beside(path: Path) -> list[str]:
    """The keys that could stand where an unknown one does, from the model of its block."""
    from gameday.experiment.schema import keys_at

    return keys_at(path[:-1])
