"""What `--var-file` gives an experiment: values of its configuration and secrets, or of the environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday.errors import InvalidInput, Problem
from gameday.experiment import positions
from gameday.experiment.plain import unfit
from gameday.experiment.source import LARGEST_BYTES, SUFFIXES
from gameday.reading import Unreadable, read_text

TABLES = ("configuration", "secrets")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Given:
    """Values by name; secrets by group and name. environment: what `.env` files set. paths: of all.

    control_files: those of `--control-file`, whose code runs too.
    """

    configuration: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, Any] = field(default_factory=dict, repr=False)
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    paths: tuple[str, ...] = ()
    control_files: tuple[str, ...] = ()

    def orders(self) -> Mapping[str, Any]:
        """What the engine is told; the environment it inherits."""
        return {"configuration": self.configuration, "secrets": self.secrets}


def read(paths: Iterable[Path]) -> Given:
    """Read them; a later file wins. Raises InvalidInput with the first thing that is wrong in one."""
    paths = tuple(paths)
    given = Given(paths=tuple(str(path.absolute()) for path in paths))
    for path in paths:
        try:
            text = read_text(path, LARGEST_BYTES)
        except FileNotFoundError:
            raise _wrong(path, "there is no such file") from None
        except Unreadable as error:
            raise _wrong(path, f"cannot be read: {error}", error.line, error.column) from None
        if path.suffix in SUFFIXES:
            _take_data(given, path, text)
        else:
            given.environment.update(_variables(path, text))
    return given


def _take_data(given: Given, path: Path, text: str) -> None:
    data, places = positions.parse(str(path), text)
    if data is None:
        return
    if not isinstance(data, dict) or not any(key in TABLES for key in data):
        raise _wrong(path, "values stand under configuration: or secrets:", 1, 1)
    for found in unfit(data):
        raise _wrong(path, found.why, *places.of_value(found.path))
    for key, into in (("configuration", given.configuration), ("secrets", given.secrets)):
        table = data.get(key) or {}
        if not isinstance(table, dict):
            raise _wrong(path, f"{key} is a mapping of names to values", *places.of_value((key,)))
        into.update(table)


def _variables(path: Path, text: str) -> dict[str, str]:
    """`NAME=VALUE` a line, as it is; blank lines and comments are left out."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, is_there, value = line.strip().partition("=")
        if not name or name.startswith("#"):
            continue
        if not is_there or not VARIABLE.fullmatch(name) or "\0" in value:
            raise _wrong(path, "write NAME=VALUE", number, 1)
        found[name] = value
    return found


def _wrong(path: Path, why: str, line: int = 0, column: int = 0) -> InvalidInput:
    return InvalidInput([Problem(str(path), line, column, why)])
