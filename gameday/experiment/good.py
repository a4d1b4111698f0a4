"""When a sample is good, as people write it: `99.9%` of them, `latency < 300ms`, `value < 2`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from gameday.experiment.blocks import text_schema
from gameday.units import Share, duration_s, shown

LATENCY = re.compile(r"latency\s*(<=|<)\s*(\S+)")
VALUE = re.compile(r"value\s*(<=|<|>=|>|==)\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)")
LONGEST = 200  # characters


def _objective(value: object) -> Share:
    try:
        return Share.parse(value)
    except ValueError:
        raise ValueError(
            f"{shown(value)} is not an objective; write a share of good samples such as 99.9%, with 8 digits "
            "after the point at most"
        ) from None


Objective = Annotated[
    Share,
    BeforeValidator(lambda value: value if isinstance(value, Share) else _objective(value)),
    PlainSerializer(str),
    text_schema(r"\d+(?:\.\d+)?%", "99.9%"),
]


@dataclass(frozen=True, slots=True)
class GoodLatency:
    """How long a good answer may take. is_included: whether one that takes just as long is good."""

    seconds: float
    is_included: bool

    def __str__(self) -> str:
        return f"latency {'<=' if self.is_included else '<'} {self.seconds:g}s"


@dataclass(frozen=True, slots=True)
class GoodValue:
    """What a good value is like: comparison is `<`, `<=`, `>`, `>=` or `==`."""

    comparison: str
    limit: float

    def __str__(self) -> str:
        return f"value {self.comparison} {self.limit!r}"


def _good(value: object) -> GoodLatency | GoodValue:
    text = value.strip() if isinstance(value, str) and len(value) <= LONGEST else ""
    if match := LATENCY.fullmatch(text):
        return GoodLatency(duration_s(match[2]), match[1] == "<=")
    if match := VALUE.fullmatch(text):
        try:
            limit = float(match[2])
        except ValueError:
            limit = math.inf
        if math.isfinite(limit):
            return GoodValue(match[1], limit)
    raise ValueError(
        f"{shown(value)} does not say what is good; write for example latency < 300ms, or value < 2"
    )


Good = Annotated[
    GoodLatency | GoodValue,
    BeforeValidator(lambda value: value if isinstance(value, GoodLatency | GoodValue) else _good(value)),
    PlainSerializer(str),
    text_schema(r"(?:latency\s*<=?\s*\S+|value\s*(?:<=?|>=?|==)\s*\S+)", "latency < 300ms", "value < 2"),
]
