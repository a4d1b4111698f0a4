"""Where each key and value of a YAML or JSON file stands, so that an error can say file:line:column."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import yaml

from gameday.errors import InvalidInput, Problem

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Positions:
    """Line and column (from 1) of keys and values, by their path such as `("slis", 0, "name")`."""

    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    repeated: tuple[Path, ...] = ()

    def of_key(self, path: Path) -> tuple[int, int]:
        """Where a key stands; where its nearest known parent stands when it is not in the file."""
        while path and path not in self.keys:
            if path in self.values:
                return self.values[path]
            path = path[:-1]
        return self.keys.get(path, (1, 1))

    def of_value(self, path: Path) -> tuple[int, int]:
        """Where a value stands; where its nearest known parent stands when it is not in the file."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, (1, 1))


def parse(path: str, text: str) -> tuple[Any, Positions]:
    """The data of a YAML or JSON text, loaded safely, and where everything in it stands.

    Raises InvalidInput with the place of the first error when the text cannot be read.
    """
    return _json(path, text) if path.endswith(".json") else _yaml(path, text)


def _json(path: str, text: str) -> tuple[Any, Positions]:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            [Problem(path, error.lineno, error.colno, f"cannot be read: {error.msg}")]
        ) from None
    try:
        # JSON is YAML but for tabs between tokens; one blank a tab keeps every column
        return data, _positions(text.replace("\t", " "))
    except yaml.YAMLError:
        return data, Positions()


def _yaml(path: str, text: str) -> tuple[Any, Positions]:
    try:
        return yaml.safe_load(text), _positions(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        message = f"cannot be read: {error.problem or error.context}"
        raise InvalidInput([Problem(path, line, column, message)]) from None
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidInput([Problem(path, 0, 0, f"cannot be read: {error}")]) from None


def _positions(text: str) -> Positions:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    found = Positions()
    repeated: list[Path] = []
    if node is not None:
        _walk(node, (), found, repeated)
    return Positions(found.keys, found.values, tuple(repeated))


def _walk(node: yaml.Node, path: Path, found: Positions, repeated: list[Path]) -> None:
    found.values[path] = _place(node)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            if here in found.keys:
                repeated.append(here)
            found.keys[here] = _place(key)
            _walk(value, here, found, repeated)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*path, index), found, repeated)


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
