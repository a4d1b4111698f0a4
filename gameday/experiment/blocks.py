"""What the blocks of a file are made of: strict mappings, durations, rates, shares, addresses."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from typing import Annotated, Any
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

    def as_orders(self) -> dict[str, Any]:
        """The block as plain data, as a process that is given it reads it back."""
        plain: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return plain


def exactly_one(block: Block, *names: str) -> None:
    """Raise ValueError unless just one of these keys is written."""
    given = [name for name in names if getattr(block, name) is not None]
    if len(given) != 1:
        choices = ", ".join(names[:-1]) + f" or {names[-1]}"
        raise ValueError(
            f"write exactly one of {choices}" + (f", not {' and '.join(given)}" if given else "")
        )


def _http_url(value: str) -> str:
    if not _is_address(value, "http", "https"):
        raise ValueError(
            f"{shown(value)} is not a web address; write for example https://orders.example/health"
        )
    return value


def _is_address(value: str, *schemes: str) -> bool:
    """Whether it is an address of one of the schemes, with a host, and a port that can be."""
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _redis_url(value: str) -> str:
    if not _is_address(value, "redis", "rediss"):
        raise ValueError(
            f"{shown(value)} is not an address of Redis; write for example redis://db.example:6379"
        )
    return value


def _dsn(value: str) -> str:
    from psycopg import Error
    from psycopg.conninfo import conninfo_to_dict

    try:
        conninfo_to_dict(value)
    except (Error, ValueError):  # what it says may hold a password
        raise ValueError(
            "this is not a DSN of PostgreSQL; write for example postgresql://orders@db.example:5432/orders"
        ) from None
    return value


RedisUrl = Annotated[str, AfterValidator(_redis_url)]
Dsn = Annotated[str, AfterValidator(_dsn)]


HttpUrl = Annotated[str, AfterValidator(_http_url)]


def _name(value: str) -> str:
    cleaned = "".join(character for character in value if not _is_unseen(character)).strip()
    if cleaned != value:
        raise ValueError(f"{value!r} has blanks around it or characters that nobody sees; write {cleaned!r}")
    return value


def _is_unseen(character: str) -> bool:
    # the joiners are part of how some scripts are written
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") and character not in "\u200c\u200d"


# what other files, and people, find it by: one that only looks the same would be another
Name = Annotated[str, AfterValidator(_name)]
