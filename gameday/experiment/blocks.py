"""What the blocks of a file are made of: strict mappings, durations, rates, shares, addresses."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from gameday.units import Share, duration_s, rate_per_s, shown


def text_schema(pattern: str, *examples: str) -> WithJsonSchema:
    """The JSON Schema of a value that is written as text."""
    # `${name}` stands for a value from the configuration, so an editor must accept it too
    return WithJsonSchema(
        {"type": "string", "pattern": rf"^(?:{pattern}|.*\$\{{.+\}}.*)$", "examples": list(examples)}
    )


Duration = Annotated[
    float,
    BeforeValidator(duration_s),
    PlainSerializer(lambda seconds: f"{Decimal(repr(seconds)):f}s"),
    text_schema(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+", "250ms", "30s", "1h30m"),
]
Rate = Annotated[
    float,
    BeforeValidator(rate_per_s),
    PlainSerializer(lambda per_s: f"{Decimal(repr(per_s)):f}/s"),
    text_schema(r"\d+(?:\.\d+)?/[smh]", "50/s"),
]
Portion = Annotated[
    Share,
    BeforeValidator(lambda value: value if isinstance(value, Share) else Share.parse(value)),
    PlainSerializer(str),
    text_schema(r"\d+(?:\.\d+)?%", "34%"),
]


class Block(BaseModel):
    """A block of the file: unknown keys are errors, keys are hyphenated."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=lambda name: name.replace("_", "-"),
        arbitrary_types_allowed=True,
    )


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(
            f"{shown(value)} is not a web address; write for example https://orders.example/health"
        )
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url)]
