"""What a file may hold: texts, numbers, truth values, nothing, lists and mappings, and not too many of them.

Bounds come before anything is built: what is nested too deep, repeats itself through aliases, or has more
values than an experiment needs is refused where it begins to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from gameday.experiment.meant import Meant, text_of

MOST_VALUES = 10_000  # keys among them, and what aliases stand for counted each time
DEEPEST = 50
LONGEST_NUMBER = 40  # characters
LARGEST_NUMBER = 2**63
BASIC = "tag:yaml.org,2002:"
SURROGATES = (0xD800, 0xDFFF)  # half of a character, which no file can hold
TOO_MANY = f"more than {MOST_VALUES:,} values, with what aliases stand for; split the file"
TOO_DEEP = f"nested more than {DEEPEST} deep"

Path = tuple[str | int, ...]


class TooMuch(yaml.MarkedYAMLError):
    """A file is beyond the bounds."""


class PlainLoader(yaml.SafeLoader):
    """YAML as JSON could say it, within bounds. Dates, and keys that are no texts, are texts that know it."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way
        first: [(tag, form) for tag, form in known if tag != f"{BASIC}value"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.values = 0
        self.sizes: dict[str, int] = {}
        self.open: list[str | None] = []

    def compose_node(self, parent: Any, index: Any) -> Any:
        """A node, counted before its children are looked at."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        is_alias = isinstance(event, yaml.AliasEvent)
        if is_alias and event.anchor in self.open:
            raise TooMuch(problem=f"*{event.anchor} stands inside of what it stands for", **at(event))
        before = self.values
        self.values += self.sizes.get(event.anchor, 1) if is_alias else 1
        if self.values > MOST_VALUES:
            raise TooMuch(problem=TOO_MANY, **at(event))
        if len(self.open) >= DEEPEST:
            raise TooMuch(problem=TOO_DEEP, **at(event))
        self.open.append(None if is_alias else event.anchor)
        node = super().compose_node(parent, index)
        self.open.pop()
        if not is_alias and event.anchor is not None:
            self.sizes[event.anchor] = self.values - before
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys are texts."""
        return {_as_key(key): item for key, item in super().construct_mapping(node, deep).items()}


def _as_key(key: Any) -> Any:
    if isinstance(key, str) or (isinstance(key, float) and not math.isfinite(key)):
        return key
    return Meant(text_of(key), key)


def at(something: Any) -> dict[str, Any]:
    """Where an event or a node of YAML stands, as its errors want it."""
    return {"problem_mark": something.start_mark}


def _built(kind: str) -> Callable[[Any, Any], Any]:
    """How one of the basic kinds is built; what is none of its kind is an error with a place."""
    build = yaml.SafeLoader.yaml_constructors[BASIC + kind]

    def built(loader: Any, node: Any) -> Any:
        is_scalar = isinstance(node, yaml.ScalarNode)
        if is_scalar and kind in ("int", "float") and len(node.value) > LONGEST_NUMBER:
            problem = f"a number of {len(node.value):,} characters; write it in quotes if it is a text"
            raise yaml.constructor.ConstructorError(problem=problem, **at(node))
        try:
            return build(loader, node)
        except (ValueError, LookupError, OverflowError):
            problem = f"'{node.value}' is no !!{kind}; leave the tag out"
            raise yaml.constructor.ConstructorError(problem=problem, **at(node)) from None

    return built


def _date(loader: Any, node: Any) -> Any:
    """A date as it is written; what looks like one, as the 31st of February does, is a text."""
    try:
        return Meant(node.value, yaml.SafeLoader.construct_yaml_timestamp(loader, node))
    except ValueError:
        return node.value
    except (AttributeError, TypeError, yaml.constructor.ConstructorError):  # so it was called a date
        return _refused(loader, node)


def _refused(loader: Any, node: Any) -> Any:
    tag = node.tag.replace(BASIC, "!!")
    problem = f"{tag} is nothing that an experiment can hold; write a text, a number, a list or a mapping"
    raise yaml.constructor.ConstructorError(problem=problem, **at(node))


# lists and mappings are built in two steps, which PyYAML takes itself
PlainLoader.yaml_constructors = {
    **{BASIC + kind: _built(kind) for kind in ("null", "bool", "int", "float", "str")},
    **{BASIC + kind: yaml.SafeLoader.yaml_constructors[BASIC + kind] for kind in ("seq", "map")},
    f"{BASIC}timestamp": _date,
    None: _refused,
}


def is_too_much(data: Any) -> str | None:
    """Why data is beyond the bounds, found without recursion; None when it is not."""
    left, values = [(data, 1)], 0
    while left:
        value, depth = left.pop()
        values += 1 + (len(value) if isinstance(value, dict) else 0)
        if values > MOST_VALUES:
            return TOO_MANY
        if depth > DEEPEST:
            return TOO_DEEP
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        left += [(item, depth + 1) for item in inside]
    return None


@dataclass(frozen=True, slots=True)
class Unfit:
    """What no evidence can hold, and its path; `on_key` when the key itself is meant."""

    path: Path
    why: str
    on_key: bool = False


def unfit(value: Any, path: Path = ()) -> Iterator[Unfit]:
    """Infinite numbers, keys that are no texts, and whatever else in the data can be in no evidence."""
    if isinstance(value, dict):
        for key, item in value.items():
            here = (*path, str(key))
            if not isinstance(key, str):
                yield Unfit(here, f"the key {key!r} is no text; write it in quotes", on_key=True)
            elif why := _no_text(key):
                yield Unfit(here, f"the key has {why}", on_key=True)
            yield from unfit(item, here)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unfit(item, (*path, index))
    elif isinstance(value, str):
        if why := _no_text(value):
            yield Unfit(path, f"the text has {why}")
    elif isinstance(value, float) and not math.isfinite(value):
        yield Unfit(path, f"{value} is no number to work with; write a finite one, or a text in quotes")
    elif isinstance(value, int) and not -LARGEST_NUMBER <= value < LARGEST_NUMBER:
        yield Unfit(path, "the number is larger than 64 bits; write it in quotes if it is a text")


def _no_text(text: str) -> str | None:
    if "\0" in text:
        return "a NUL in it, which no command, path or database takes"
    if not text.isascii() and any(SURROGATES[0] <= ord(character) <= SURROGATES[1] for character in text):
        return "half a character in it (a lone surrogate), which no file can hold"
    return None


def texts(value: Any) -> Iterator[str]:
    """Every text inside, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)
