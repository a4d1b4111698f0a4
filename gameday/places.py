"""What a target is: where something lies, without saying what kinds of places there are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: its kind, its name there, and the part of it.

    Such as `host` db1; `kubernetes` context and namespace; `aws` account and region; or a plug-in's own.
    """

    kind: str
    name: str
    part: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}/{self.part}" if self.part else self.name
