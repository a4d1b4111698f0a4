"""What a target is: where something lies, and what is aimed at there. No kind of place is known here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gameday.errors import FaultError

MOST_TARGETS = 10_000
LONGEST_NAME = 1_000  # characters


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: its kind, its name there, and the part of it.

    Such as `host` db1; `kubernetes` context and namespace; `aws` account and region; or a plug-in's own.
    """

    kind: str
    name: str
    part: str = ""

    def __post_init__(self) -> None:
        for text in (self.kind, self.name, self.part):
            _must_be_a_name(text, "a place")

    def __str__(self) -> str:
        return f"{self.kind} {self.name}/{self.part}" if self.part else self.name


@dataclass(frozen=True, slots=True)
class Aim:
    """What is about to be hit, found by looking alone.

    where: one place or several. targets: what is hit there, by names for people. found: how many it chose
    from; None when the targets were named. hit: how many of the targets are hit, when these are chosen only
    at the call; None: all. undo: the function that puts it back; None: nothing has to be. uncounted: why
    nobody can tell how many are hit, else empty.

    Raises FaultError for what is none of these.
    """

    where: Place | tuple[Place, ...]
    targets: tuple[str, ...]
    found: int | None = None
    hit: int | None = None
    undo: Callable[..., Any] | None = None
    uncounted: str = ""

    def __post_init__(self) -> None:
        places_in(self.where)
        if not isinstance(self.targets, tuple):
            raise FaultError(f"targets are a tuple of names, such as ('web',), not {self.targets!r:.100}")
        if len(self.targets) > MOST_TARGETS:
            raise FaultError(f"{len(self.targets):,} targets are aimed at; {MOST_TARGETS:,} is the most")
        for name in self.targets:
            _must_be_a_name(name, "a target")
        for number in (self.found, self.hit):
            if number is not None and (not isinstance(number, int) or number < 0):
                raise FaultError(f"found and hit are whole numbers from 0 up, not {number!r:.100}")

    @property
    def places(self) -> tuple[Place, ...]:
        """Where, as a tuple."""
        return places_in(self.where)

    def outside(self, places: tuple[Place, ...]) -> Place | None:
        """The first place that is none of these; None when all are."""
        return next((place for place in self.places if place not in places), None)

    @property
    def count(self) -> int:
        """How many targets are hit."""
        return len(self.targets) if self.hit is None else self.hit


def places_in(where: Any) -> tuple[Place, ...]:
    """One place or several, as a tuple. Raises FaultError for anything else."""
    places = (where,) if isinstance(where, Place) else where
    if not isinstance(places, tuple) or not all(isinstance(place, Place) for place in places):
        raise FaultError(f"where something acts is a Place, or a tuple of them, not {where!r:.100}")
    return tuple(dict.fromkeys(places))


def _must_be_a_name(text: Any, what: str) -> None:
    if not isinstance(text, str):
        raise FaultError(f"the name of {what} is a text, not {text!r:.100}")
    if len(text) > LONGEST_NAME:
        raise FaultError(f"the name of {what} has {len(text):,} characters; {LONGEST_NAME:,} is the most")
