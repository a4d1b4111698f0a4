"""What an HTTP answer must hold: a text, a regular expression, a JSONPath. It is anybody's, so bounded."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pydantic import Field, model_validator

from gameday.experiment.blocks import Block, exactly_one
from gameday.units import shown

LARGEST_BYTES = 1 << 20  # of an answer in which something is looked for
LARGEST_JSON = 1 << 16  # of one that a JSONPath walks through
LONGEST_PATTERN = 1000  # characters

Scalar = str | bool | int | float


class Holds(Block):
    """What the body of an answer must hold, by exactly one of `text`, `regex` and `jsonpath`."""

    text: str | None = Field(None, min_length=1, description="A text that must be in it.")
    regex: str | None = Field(
        None, min_length=1, max_length=LONGEST_PATTERN, description="A regular expression, of RE2's kind."
    )
    jsonpath: str | None = Field(
        None, min_length=1, max_length=LONGEST_PATTERN, description="A path that must lead to something."
    )
    expect: Scalar | None = Field(None, description="What everything at the `jsonpath` must be.")

    @model_validator(mode="after")
    def _one_that_can_be_looked_for(self) -> Holds:
        exactly_one(self, "text", "regex", "jsonpath")
        if self.expect is not None and self.jsonpath is None:
            raise ValueError("expect goes with a jsonpath")
        if self.regex is not None:
            compiled(self.regex)
        if self.jsonpath is not None:
            walker(self.jsonpath)
        return self

    @property
    def largest_bytes(self) -> int:
        """How long an answer may be."""
        return LARGEST_BYTES if self.jsonpath is None else LARGEST_JSON

    def missing(self, body: bytes) -> str | None:
        """What the body lacks, in a few words that are the same each time; None when it holds it all."""
        if len(body) > self.largest_bytes:
            return f"the answer is larger than {self.largest_bytes >> 10} KiB"
        if self.text is not None:
            return None if self.text.encode() in body else "the answer lacks the text"
        if self.regex is not None:
            return None if compiled(self.regex).search(body) else "the answer does not match"
        return self._missing_json(body)

    def _missing_json(self, body: bytes) -> str | None:
        try:
            found = [match.value for match in walker(str(self.jsonpath)).find(json.loads(body))]
        except (ValueError, RecursionError):
            return "the answer is no JSON"
        except Exception:  # noqa: BLE001 - a path that trips over an answer leads nowhere in it
            found = []
        if not found:
            return "the JSONPath leads to nothing"
        if self.expect is not None and not all(_is(value, self.expect) for value in found):
            return "the JSONPath leads to something else"
        return None


def _is(value: Any, expected: Scalar) -> bool:
    """Whether two values of JSON are the same: 1 is 1.0 and not true."""
    return isinstance(value, bool) == isinstance(expected, bool) and bool(value == expected)


@cache
def compiled(pattern: str) -> Any:
    """A pattern of RE2, which takes time as the text is long and no longer. Raises ValueError."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        why = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise ValueError(f"{shown(pattern)} is no regular expression of RE2: {why}") from None


@cache
def walker(path: str) -> Any:
    """A JSONPath. Raises ValueError."""
    from jsonpath_ng import parser

    try:
        return parser.parse(path)
    except Exception as error:  # noqa: BLE001 - its parser raises plain exceptions
        raise ValueError(f"{shown(path)} is no JSONPath: {str(error).splitlines()[0]}") from None
