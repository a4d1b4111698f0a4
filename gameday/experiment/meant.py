"""What YAML can say and JSON cannot: dates, and keys that are no texts.

gameday reads texts everywhere. What Chaos Toolkit is given must be what its own loader would have read, so
these texts know what they mean, and keep it on their way through JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

# of mappings with one key: a NUL is in no key that a file may hold
DATE, PAIRS = "\0date", "\0pairs"


class Meant(str):
    """A text that a file means as something else: `2026-01-01` as a date, the key `200` as a number."""

    value: Any

    def __new__(cls, text: str, value: Any = None) -> Meant:
        made = super().__new__(cls, text)
        made.value = value
        return made


def packed(value: Any) -> Any:
    """Data as JSON can say it, with what its texts mean."""
    if isinstance(value, Meant):
        return packed(value.value)
    if isinstance(value, date):
        return {DATE: value.isoformat()}
    if isinstance(value, dict):
        if all(type(key) is str for key in value):
            return {key: packed(item) for key, item in value.items()}
        return {PAIRS: [[packed(key), packed(item)] for key, item in value.items()]}
    return [packed(item) for item in value] if isinstance(value, list | tuple) else value


def unpacked(value: Any) -> Any:
    """What was packed, as gameday reads it: texts that know what they mean."""
    return _opened(value, Meant)


def as_meant(value: Any) -> Any:
    """What was packed, as Chaos Toolkit's own loader reads it."""
    return _opened(value, lambda _, found: found)


def text_of(key: Any) -> str:
    """A key as JSON writes it."""
    if isinstance(key, bool):
        return str(key).lower()
    return "null" if key is None else key.isoformat() if isinstance(key, date) else str(key)


def _opened(value: Any, made: Callable[[str, Any], Any]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {DATE}:
            moment = _moment(value[DATE])
            return made(moment.isoformat(), moment)
        if value.keys() == {PAIRS}:
            return {_key(key, made): _opened(item, made) for key, item in value[PAIRS]}
        return {key: _opened(item, made) for key, item in value.items()}
    return [_opened(item, made) for item in value] if isinstance(value, list) else value


def _key(key: Any, made: Callable[[str, Any], Any]) -> Any:
    if isinstance(key, dict):
        return _opened(key, made)
    return key if isinstance(key, str) else made(text_of(key), key)


def _moment(text: str) -> date:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
