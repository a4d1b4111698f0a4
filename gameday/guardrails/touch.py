"""What a step would touch, as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gameday.places import Place


@dataclass(frozen=True, slots=True)
class Touch:
    """One activity: what it does, to what, and how that is put back.

    hit, found: how many targets it hits, of how many that it found and chooses from. `found` is None for a
    step that names its target. unknown: why not all of this is known, else empty. is_declarable: whether
    the file may say what is not known.
    """

    step: str
    part: str
    index: int
    role: str | None = None
    does: str = ""
    places: tuple[Place, ...] = ()
    targets: tuple[str, ...] = ()
    hit: int = 0
    found: int | None = None
    undo: str = ""
    unknown: str = ""
    is_declarable: bool = True

    def as_json(self) -> dict[str, Any]:
        """Plain data, for a pipe."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Touch:
        """The same, back again."""
        places = tuple(Place(**place) for place in data["places"])
        return cls(**{**data, "places": places, "targets": tuple(data["targets"])})
