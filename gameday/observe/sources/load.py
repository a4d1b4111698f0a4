"""`source: load`: what Locust asks. It starts last, with a recorder of its own inside."""

from __future__ import annotations

from collections.abc import Iterator

from gameday import hosts
from gameday.experiment.model import Blocks
from gameday.observe.checks import connects_to
from gameday.observe.sources.protocol import Reached, Recorder, at
from gameday.samples import LOAD


class LoadSource:
    """The load."""

    def reached(self, blocks: Blocks) -> Iterator[Reached]:
        """The host of the load."""
        load = blocks.load
        if load is not None:
            checks = ((LOAD, "host"), connects_to(load.host))
            where = lambda: at(hosts.of_url(load.host))  # noqa: E731 - asked later
            yield Reached(LOAD, LOAD, f"{load.users} users", where, (checks,))

    def recorders(self, blocks: Blocks) -> Iterator[Recorder]:
        """None: Locust's processes record themselves."""
        yield from ()
