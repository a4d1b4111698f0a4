"""`source: ledger`: writes on schedule, which are read back."""

from __future__ import annotations

from collections.abc import Iterator

from gameday import hosts
from gameday.experiment.model import Blocks
from gameday.experiment.observers import Ledger
from gameday.observe.checks import Check, connects_to, runs_sql
from gameday.observe.sources.protocol import KeyPath, Reached, Recorder, at
from gameday.observe.stores import plug_in
from gameday.places import Place
from gameday.samples import LEDGER


class LedgerSource:
    """The ledger."""

    def reached(self, blocks: Blocks) -> Iterator[Reached]:
        """Its store."""
        ledger = blocks.ledger
        if ledger is not None:
            where = lambda: of_ledger(ledger)  # noqa: E731 - asked later
            yield Reached(LEDGER, LEDGER, f"{ledger.rate:g} writes/s", where, (_check(ledger),))

    def recorders(self, blocks: Blocks) -> Iterator[Recorder]:
        """The process that writes and reads back."""
        if blocks.ledger is not None:
            orders = {LEDGER: blocks.ledger.as_orders()}
            yield Recorder(LEDGER, "gameday.observe.ledger", orders, reads_back=True)


def of_ledger(ledger: Ledger) -> tuple[Place, ...]:
    """Where a ledger writes, and where it reads back. Raises Unclear for a store that a plug-in offers."""
    if ledger.http is not None:
        addresses = [ledger.http.url, *([ledger.http.get] if ledger.http.get else [])]
        return at(*(hosts.of_url(address) for address in addresses))
    if ledger.postgresql is not None:
        return at(*hosts.of_dsn(ledger.postgresql))
    if ledger.redis is not None:
        return at(hosts.of_redis(ledger.redis))
    raise hosts.Unclear(f"where the store '{ledger.store}' writes is not known")


def _check(ledger: Ledger) -> tuple[KeyPath, Check]:
    if ledger.http is not None:
        return (LEDGER, "http"), connects_to(ledger.http.url)
    if ledger.postgresql is not None:
        return (LEDGER, "postgresql"), runs_sql(ledger.postgresql)
    if ledger.redis is not None:
        return (LEDGER, "redis"), connects_to(ledger.redis)
    return (LEDGER, "store"), _is_offered(str(ledger.store))


def _is_offered(store: str) -> Check:
    async def ask() -> None:
        plug_in(store)

    return ask
