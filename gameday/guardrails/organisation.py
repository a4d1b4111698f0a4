"""The rules that apply to an experiment: its own, and those of every gameday.toml above it.

An organisation's gameday.toml may lie in the experiment's folder, in any folder above that, where gameday
is started or above, and in /etc/gameday. All that are found apply, so that each can only make it stricter.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gameday import hosts
from gameday.errors import InvalidInput, Problem
from gameday.experiment import plain
from gameday.experiment.complaints import complaint
from gameday.experiment.load import Experiment
from gameday.experiment.positions import Path as Place
from gameday.experiment.positions import Positions
from gameday.experiment.rules import EvidenceSettings, Guardrails
from gameday.experiment.spelling import did_you_mean
from gameday.guardrails import foreign
from gameday.guardrails.foreign import OF_THE_HOST
from gameday.reading import Unreadable, read_text

NAME = "gameday.toml"
LARGEST_BYTES = 100_000
# each part of a key is looked up from its beginning: tens of thousands of them take minutes
DEEP_KEY = re.compile(
    rf"(?<![\w-])(?:(?:[\w-]++|\"[^\"\n]*+\"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{plain.DEEPEST}}}"
)
NOTHING_SAID = EvidenceSettings()
ADDRESSES = (("guardrails", "error-budget", "prometheus"), ("evidence", "time-stamp"))
VARIABLE = re.compile(r"\$\{(\w+)\}")


class Organisation(BaseModel):
    """All that a gameday.toml may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    guardrails: Guardrails = Guardrails()
    evidence: EvidenceSettings = EvidenceSettings()


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Guardrails from one file, and where each rule stands in it."""

    path: Path
    rules: Guardrails
    places: Positions
    evidence: EvidenceSettings = NOTHING_SAID

    def problem(self, rule: Place, message: str) -> Problem:
        """Something that this rule forbids."""
        name = ".".join(str(part) for part in rule if not isinstance(part, int))
        return Problem(str(self.path), *self.places.of_key(rule), f"{name}: {message}")


def rule_sets(experiment: Experiment) -> list[RuleSet]:
    """All rules for the experiment. Raises InvalidInput when a gameday.toml is wrong."""
    found = [read(path) for path in organisation_files(experiment.path)]
    if experiment.blocks.guardrails is not None:
        budget = experiment.document["guardrails"].get("error-budget")
        if any("${" in text for text in plain.texts(budget)):
            foreign.must_be_trusted(experiment.path, "sends values of its configuration to its Prometheus")
        found.append(RuleSet(experiment.path, experiment.blocks.guardrails, experiment.places))
    return found


def evidence_settings(experiment: Path | None) -> EvidenceSettings:
    """How evidence is sealed: as the nearest gameday.toml says that says something about it."""
    said = (read(path).evidence for path in organisation_files(experiment))
    return next((settings for settings in said if settings != NOTHING_SAID), NOTHING_SAID)


def organisation_files(experiment: Path | None) -> list[Path]:
    """Every gameday.toml that applies to an experiment, nearest first. For a link, those of both folders."""
    starts = [Path.cwd()]
    if experiment is not None:
        starts = [experiment.resolve().parent, experiment.absolute().parent, *starts]
    folders = dict.fromkeys([*(each for start in starts for each in (start, *start.parents)), OF_THE_HOST])
    return [folder / NAME for folder in folders if _is_there(folder / NAME)]


def _is_there(path: Path) -> bool:
    """Whether anything has the name; rules that cannot be read are not rules that ask nothing."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise InvalidInput([Problem(str(path), 0, 0, f"cannot be looked for: {error.strerror}")]) from None
    return True


def read(path: Path) -> RuleSet:
    """The rules of a gameday.toml. Raises InvalidInput with every problem in it."""
    shown = Path(os.path.relpath(path)) if path.is_relative_to(Path.cwd()) else path
    text, data = _parsed(path, shown)
    if wants := wanted(data):
        foreign.must_be_trusted(path, wants)
    places = positions(text)
    tables = list(Organisation.model_fields)
    problems = [
        Problem(str(shown), *places.of_key((key,)), f"unknown table '{key}'{did_you_mean(key, tables)}")
        for key in data
        if key not in tables
    ]
    problems += [Problem(str(shown), *places.of_key(found.path), found.why) for found in plain.unfit(data)]
    if problems:
        raise InvalidInput(problems)
    known = {key: value for key, value in data.items() if key in tables}
    said = Organisation()
    try:
        said = Organisation.model_validate(_filled_in(known))
    except ValidationError as invalid:
        for found in map(complaint, invalid.errors()):
            problems.append(Problem(str(shown), *places.of_key(found.path), found.message))
    except KeyError as missing:
        problems.append(Problem(str(shown), 0, 0, f"the environment has no {missing}; set it"))
    if problems:
        raise InvalidInput(problems)
    return RuleSet(shown, said.guardrails, places, said.evidence)


def _parsed(path: Path, shown: Path) -> tuple[str, dict[str, Any]]:
    """The text of a gameday.toml, and what it says. Raises InvalidInput when it cannot be read."""
    try:
        text = read_text(path, LARGEST_BYTES)
        if DEEP_KEY.search(text):
            raise RecursionError
        data = tomllib.loads(text)
    except FileNotFoundError:
        raise InvalidInput([Problem(str(shown), 0, 0, "cannot be read: it is a link to nowhere")]) from None
    except Unreadable as error:
        raise InvalidInput(
            [Problem(str(shown), error.line, error.column, f"cannot be read: {error}")]
        ) from None
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+), column (\d+)", str(error))
        line, column = (int(place[1]), int(place[2])) if place else (text.count("\n") + 1, 1)
        what = str(error).partition(" (at ")[0]
        raise InvalidInput([Problem(str(shown), line, column, f"cannot be read: {what}")]) from None
    except RecursionError:
        raise InvalidInput([Problem(str(shown), 0, 0, f"cannot be read: {plain.TOO_DEEP}")]) from None
    except ValueError as error:  # a number of thousands of digits
        raise InvalidInput([Problem(str(shown), 0, 0, f"cannot be read: {error}")]) from None
    if why := plain.is_too_much(data):
        raise InvalidInput([Problem(str(shown), 0, 0, f"cannot be read: {why}")])
    return text, data


def wanted(data: dict[str, Any]) -> str:
    """What a gameday.toml would have sent, and where, in words; empty when it is nothing."""
    names = sorted({name for text in plain.texts(data) for name in VARIABLE.findall(text)})
    wants = [f"wants {', '.join(names)} of your environment"] if names else []
    found = [_at(data, *place) for place in ADDRESSES]
    wants += [f"sends to {_host(address)}" for address in found if address is not None]
    return " and ".join(wants)


def _at(data: Any, *keys: str) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _host(address: Any) -> str:
    try:
        return hosts.of_url(address)
    except hosts.Unclear:
        return "an address that is not clear"


def _filled_in(value: Any) -> Any:
    """`${NAME}` from the environment, so that no token has to stand in the file."""
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: os.environ[found[1]], value)
    if isinstance(value, dict):
        return {key: _filled_in(item) for key, item in value.items()}
    return [_filled_in(item) for item in value] if isinstance(value, list) else value


def positions(text: str) -> Positions:
    """Where each table and key of a TOML text stands; what is inside a value stands where its key does."""
    found = Positions()
    table: Place = ()
    counts: dict[Place, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if heading := re.match(r"\s*(\[\[?)([^\]]+)\]", line):
            table = tuple(part.strip().strip("\"'") for part in heading[2].split("."))
            if heading[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            found.keys.setdefault(table, (number, 1 + len(line) - len(line.lstrip())))
        elif key := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            parts = tuple(part.strip("\"'") for part in key[1].split("."))[: plain.DEEPEST]
            for path in _beginnings((*table, *parts)):
                found.keys.setdefault(path, (number, 1 + len(line) - len(line.lstrip())))
    return found


def _beginnings(path: Place) -> Iterator[Place]:
    for length in range(1, len(path) + 1):
        yield path[:length]
