"""`source: prometheus`: values that a Prometheus has scraped, asked for on schedule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from gameday import hosts
from gameday.experiment.calls import PROBES
from gameday.experiment.good import GoodValue
from gameday.experiment.model import Blocks
from gameday.experiment.observers import Prometheus
from gameday.experiment.sli import Sli, by_recorder
from gameday.observe.checks import Check, connects_to
from gameday.observe.sources.protocol import Reached, Recorder, at

BLOCK = "prometheus"


class PrometheusSource:
    """The queries of the SLIs."""

    def reached(self, blocks: Blocks) -> Iterator[Reached]:
        """The Prometheus, once a query."""
        block = blocks.prometheus
        for index, sli in enumerate(blocks.slis):
            if sli.query is not None and block is not None:
                where = lambda: at(hosts.of_url(block.url))  # noqa: E731 - asked later
                checks = ((("slis", index, "query"), _answers(block, sli.query)),)
                yield Reached(PROBES, sli.name, f"a query each {block.every:g} s", where, checks)

    def recorders(self, blocks: Blocks) -> Iterator[Recorder]:
        """The process that asks."""
        asked = {name: _query(sli) for name, sli in by_recorder(blocks.slis).items() if sli.query}
        block = blocks.prometheus
        if asked and block is not None:
            orders = {"prometheus": block.as_orders(), "queries": asked}
            yield Recorder(BLOCK, "gameday.observe.prometheus", orders)


def _query(sli: Sli) -> dict[str, Any]:
    """A query, and which values are good: of several series the worst one counts."""
    wanted = cast(GoodValue, sli.good)  # as the SLI's own check has seen to
    return {"query": sli.query, "comparison": wanted.comparison, "limit": wanted.limit}


def _answers(block: Prometheus, query: str) -> Check:
    async def ask() -> None:
        from gameday.observe.prometheus import check

        await connects_to(block.url)()
        await check(block, query)

    return ask
