"""Take secrets out of whatever is written down: known values in all their spellings, and what looks like one.

Every process of a run learns its secrets and names at its start and cleans what it writes; what children
print goes through a filter, `filter.py`. The standard library only: it starts in a hundredth of a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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
    "within_run",
]

_here = Redactor()
# of several runs in one process, each knows its own
_of_run: ContextVar[Redactor | None] = ContextVar("what a run knows", default=None)


def here() -> Redactor:
    """What this process knows; within a run, what the run does."""
    found = _of_run.get()
    return _here if found is None else found


def learn(secrets: Iterable[str] = (), names: Iterable[str] = ()) -> None:
    """Make this process, or the run that this is within, know more secrets and names."""
    global _here  # noqa: PLW0603 - what a process knows, it knows in every thread
    before = here()
    made = Redactor({*before.secrets, *secrets}, {*before.names, *names})
    if _of_run.get() is None:
        _here = made
    else:
        _of_run.set(made)


@contextmanager
def within_run() -> Iterator[None]:
    """Learn for one run, in this thread: others in this process neither know it nor have its names."""
    before = _of_run.set(here())
    try:
        yield
    finally:
        _of_run.reset(before)


def known() -> dict[str, list[str]]:
    """What this process knows, for its children: `learn(**known)`."""
    return {"secrets": sorted(here().secrets), "names": sorted(here().names)}


def text(value: str) -> str:
    """A text without the secrets that this process knows."""
    return here().text(value)


def name(value: str) -> str:
    """A name as it is, any other text without the secrets that this process knows."""
    return here().name(value)


def data(value: Any) -> Any:
    """Data without the secrets that this process knows."""
    return here().data(value)


def event(entry: dict[str, Any]) -> dict[str, Any]:
    """An event without the secrets that this process knows."""
    return here().event(entry)


def holds_known(value: str) -> bool:
    """Whether a secret that this process knows is in the text."""
    return here().holds_known(value)
