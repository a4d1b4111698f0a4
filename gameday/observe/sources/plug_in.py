"""A source that a plug-in offers, under the entry point group `gameday.sources`.

Nothing of it runs in gameday's own process: it is asked, and records, in processes of its own.
docs/sources.md shows how to write one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Any, Protocol

from gameday import hosts
from gameday.experiment import plugged
from gameday.experiment.calls import PROBES
from gameday.experiment.model import Blocks
from gameday.experiment.sli import Sli, by_recorder, slug
from gameday.experiment.sources import GROUP
from gameday.observe.asking import Answer
from gameday.observe.checks import Check
from gameday.observe.sources.protocol import Reached, Recorder
from gameday.places import Place


class PluggedSource(Protocol):
    """What a plug-in's class is like; it is made with the `options` of an SLI as keyword arguments.

    about: what it says of itself, any of `is_first_hand`, `may_be_clock`, `judges` and `lag_s`.
    """

    about: dict[str, Any]

    def places(self) -> list[tuple[str, ...]]:
        """What it reaches: kind, name and part each, such as `("host", "db1.example")`."""

    def preflight(self) -> str | Awaitable[str | None] | None:
        """Ask once, before a run: why it cannot work, or None."""

    async def ask(self) -> Answer:
        """Ask once. What it raises is a bad sample; of a source of values, nothing known."""

    async def close(self) -> None:
        """Let go of what it keeps."""


class PlugIn:
    """A plug-in's source, seen from gameday."""

    def __init__(self, key: str) -> None:
        self.key = key

    def reached(self, blocks: Blocks) -> Iterator[Reached]:
        """What each SLI of it reaches."""
        for index, sli in enumerate(blocks.slis):
            if sli.source == self.key:
                does = f"{self.key}, each {sli.asks_every_s:g} s"
                where = lambda sli=sli: self._places(sli)  # noqa: E731 - asked later
                checks = ((("slis", index, "options"), self._check(sli)),)
                yield Reached(PROBES, sli.name, does, where, checks)

    def recorders(self, blocks: Blocks) -> Iterator[Recorder]:
        """One process for all its SLIs."""
        asked = {
            name: {"options": sli.options, "every_s": sli.asks_every_s, "timeout_s": sli.timeout}
            for name, sli in by_recorder(blocks.slis).items()
            if sli.source == self.key
        }
        orders = {"key": self.key, "asked": asked}
        yield Recorder(f"source-{slug(self.key)}", "gameday.observe.plugged", orders)

    def _places(self, sli: Sli) -> tuple[Place, ...]:
        try:
            said = plugged.ask(GROUP, self.key, "places", sli.options)
            return tuple(_place(*each) for each in said)
        except (ValueError, TypeError) as error:
            raise hosts.Unclear(str(error)) from None

    def _check(self, sli: Sli) -> Check:
        async def ask() -> None:
            if why := await asyncio.to_thread(plugged.ask, GROUP, self.key, "preflight", sli.options):
                raise ValueError(str(why))

        return ask


def _place(kind: str, name: str, part: str = "") -> Place:
    """A place that a plug-in names; a host is read as strictly as any other."""
    return hosts.place(hosts.of_name(name)) if kind == "host" else Place(kind, name, part)
