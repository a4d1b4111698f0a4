"""Take secrets out of whatever is written down: known values in all their spellings, and what looks like one.

Every process of a run learns its secrets and names at its start and cleans what it writes; what children
print goes through a filter, `filter.py`. The standard library only: it starts in a hundredth of a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gameday.redact.known import is_telling, passwords_in
from gameday.redact.looks import REDACTED, is_a_flag, looks_taken_out, names_a_secret
from gameday.redact.redactor import FOUND_IN, Place, Redactor

__all__ = [
    "FOUND_IN",
    "REDACTED",
    "Place",
    "Redactor",
    "data",
    "event",
    "here",
    "holds_known",
    "is_a_flag",
    "is_telling",
    "known",
    "learn",
    "looks_taken_out",
    "name",
    "names_a_secret",
    "passwords_in",
    "text",
]

_here = Redactor()


def here() -> Redactor:
    """What this process knows."""
    return _here


def learn(secrets: Iterable[str] = (), names: Iterable[str] = ()) -> None:
    """Make this process know more secrets and names."""
    global _here  # noqa: PLW0603 - what a process knows, it knows everywhere
    _here = Redactor({*_here.secrets, *secrets}, {*_here.names, *names})


def known() -> dict[str, list[str]]:
    """What this process knows, for its children: `learn(**known)`."""
    return {"secrets": sorted(_here.secrets), "names": sorted(_here.names)}


def text(value: str) -> str:
    """A text without the secrets that this process knows."""
    return _here.text(value)


def name(value: str) -> str:
    """A name as it is, any other text without the secrets that this process knows."""
    return _here.name(value)


def data(value: Any) -> Any:
    """Data without the secrets that this process knows."""
    return _here.data(value)


def event(entry: dict[str, Any]) -> dict[str, Any]:
    """An event without the secrets that this process knows."""
    return _here.event(entry)


def holds_known(value: str) -> bool:
    """Whether a secret that this process knows is in the text."""
    return _here.holds_known(value)
