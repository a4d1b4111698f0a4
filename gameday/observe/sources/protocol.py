"""What a source of samples is to gameday: what it would reach, what to ask of it first, who records it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from gameday import hosts
from gameday.experiment.model import Blocks
from gameday.observe.checks import Check
from gameday.places import Place

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Reached:
    """Something that is asked while a run lasts, as `gameday plan` lists it.

    part: under which heading. step: its name there. does: how often it asks, in words. where: the places;
    raises Unclear. checks: what to ask before the run, by the key in the file that names it.
    """

    part: str
    step: str
    does: str
    where: Callable[[], tuple[Place, ...]]
    checks: tuple[tuple[KeyPath, Check], ...] = ()


@dataclass(frozen=True, slots=True)
class Recorder:
    """A process that records: its name in a run, its module, its orders but for the folder.

    reads_back: whether it can be asked to read back what it wrote.
    """

    name: str
    module: str
    orders: dict[str, Any] = field(repr=False)
    reads_back: bool = False


class Source(Protocol):
    """Who makes samples. What it says of itself is `experiment.sources.About`."""

    def reached(self, blocks: Blocks) -> Iterator[Reached]:
        """Everything that it would ask."""

    def recorders(self, blocks: Blocks) -> Iterator[Recorder]:
        """The processes that record it."""


def at(*names: str) -> tuple[Place, ...]:
    """Hosts as places."""
    return tuple(map(hosts.place, dict.fromkeys(names)))
