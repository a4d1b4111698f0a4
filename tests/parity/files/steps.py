"""What the activities of the experiments call; it lies beside each of them."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from typing import Any

from chaoslib.exceptions import ActivityFailed, InterruptExecution

counted: list[int] = []


class Word(enum.Enum):
    """A word."""

    ONE = 1


def say(**given: Any) -> Any:
    """What it was given, and of which kind."""
    return {key: [type(value).__name__, value] for key, value in given.items()}


def kinds(value: Any = None) -> str:
    """A value as Python writes it, with the kinds of its keys."""
    return repr(value)


def echo(value: Any = None) -> Any:
    """The value."""
    return value


def fail() -> None:
    """Fail as extensions do."""
    raise ActivityFailed("it failed")


def crash() -> None:
    """Fail as nobody should."""
    raise ValueError("it crashed")


def interrupt() -> None:
    """End the run."""
    raise InterruptExecution("enough")


def count() -> int:
    """How often it was asked."""
    counted.append(1)
    return len(counted)


def is_below(value: Any = None, target: int = 2) -> bool:
    """A tolerance."""
    return bool(value < target)


def with_all(configuration: Any = None, secrets: Any = None) -> Any:
    """What Chaos Toolkit gives by itself."""
    return [dict(configuration or {}), sorted(secrets or {})]


def odd(kind: str) -> Any:
    """Something that JSON has no word for, or a long one."""
    return {
        "date": datetime.date(2026, 1, 2),
        "moment": datetime.datetime(2026, 1, 2, 3, 4, 5),
        "aware": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        "decimal": decimal.Decimal("1.50"),
        "uuid": uuid.UUID(int=7),
        "tuple": (1, (2, 3)),
        "keys": {1: 1, None: 3, 1.5: 4},
        "deep": [[[[{}]]]],
        "long": "x" * 5000,
        "number": 10**25,
        "float": 1e300,
        "text": "\u00e9\u2028\U0001f600",
        "bytes": b"a\xff",
        "set": {3},
        "object": object(),
        "enum": Word.ONE,
        "generator": (each for each in ()),
    }[kind]
