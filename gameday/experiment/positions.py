"""Where each key and value of a YAML or JSON file stands, so that an error can say file:line:column."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import yaml

from gameday.errors import InvalidInput, Problem
from gameday.experiment.plain import LONGEST_NUMBER, TOO_DEEP, Path, PlainLoader, TooMuch, is_too_much

__all__ = ["Path", "Positions", "parse"]


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
    """The data of a YAML or JSON text, within bounds, and where everything in it stands.

    Raises InvalidInput with the place of the first error when the text cannot be read.
    """
    return _json(path, text) if path.endswith(".json") else _yaml(path, text)


def _json(path: str, text: str) -> tuple[Any, Positions]:
    repeated: list[Path] = []

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            repeated.extend((key,) for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        return made

    def number(digits: str) -> int | float:
        return int(digits) if len(digits) <= LONGEST_NUMBER else math.inf

    try:
        data = json.loads(text, object_pairs_hook=mapping, parse_int=number)
    except json.JSONDecodeError as error:
        raise _wrong(path, error.msg, error.lineno, error.colno) from None
    except RecursionError:
        raise _wrong(path, TOO_DEEP) from None
    try:
        # JSON is YAML but for tabs between tokens; one blank a tab keeps every column
        return data, _positions(PlainLoader(text.replace("\t", " ")).get_single_node())
    except TooMuch as error:
        raise _wrong_yaml(path, error) from None
    except (yaml.YAMLError, ValueError, OverflowError):
        if why := is_too_much(data):
            raise _wrong(path, why) from None
        return data, Positions(repeated=tuple(repeated))


def _yaml(path: str, text: str) -> tuple[Any, Positions]:
    try:
        loader = PlainLoader(text)
        node = loader.get_single_node()
        places = _positions(node)
        return (None if node is None else loader.construct_document(node)), places
    except yaml.MarkedYAMLError as error:
        raise _wrong_yaml(path, error) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise _wrong(
            path, f"character U+{ord(text[error.position]):04X} is not allowed", line, column
        ) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise _wrong(path, str(error)) from None


def _wrong_yaml(path: str, error: yaml.MarkedYAMLError) -> InvalidInput:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    return _wrong(path, str(error.problem or error.context), line, column)


def _wrong(path: str, what: str, line: int = 0, column: int = 0) -> InvalidInput:
    return InvalidInput([Problem(path, line, column, f"cannot be read: {what}")])


def _positions(node: yaml.Node | None) -> Positions:
    found = Positions()
    repeated: list[Path] = []
    if node is not None:
        _walk(node, (), found, repeated)
    return Positions(found.keys, found.values, tuple(repeated))


def _walk(node: yaml.Node, path: Path, found: Positions, repeated: list[Path]) -> None:
    found.values[path] = _place(node)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value) if isinstance(key, yaml.ScalarNode) else "?")
            if here in found.keys:
                repeated.append(here)
            found.keys[here] = _place(key)
            _walk(value, here, found, repeated)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*path, index), found, repeated)


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
