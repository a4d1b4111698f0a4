"""What watches a run touches a system too: the probes of the SLIs, the load and the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gameday import hosts
from gameday.experiment.calls import PROBES
from gameday.experiment.model import Blocks
from gameday.experiment.observers import Ledger
from gameday.guardrails.places import of_hosts, of_probe
from gameday.guardrails.touch import Touch
from gameday.places import Place


def observers(blocks: Blocks) -> Iterator[Touch]:
    """They break nothing, but what they reach is reached."""
    for sli in blocks.slis:
        if sli.probe is not None:
            probe = sli.probe
            yield _watching(PROBES, sli.name, f"{1 / probe.every:g} probes/s", lambda p=probe: of_probe(p))  # type: ignore[misc]
    load, ledger = blocks.load, blocks.ledger
    if load is not None:
        yield _watching("load", "load", f"{load.users} users", lambda: of_hosts([hosts.of_url(load.host)]))
    if ledger is not None:
        yield _watching("ledger", "ledger", f"{ledger.rate:g} writes/s", lambda: of_ledger(ledger))


def _watching(part: str, step: str, does: str, places: Callable[[], tuple[Place, ...]]) -> Touch:
    try:
        return Touch(step, part, 0, does=does, places=places(), is_declarable=False)
    except hosts.Unclear as error:
        return Touch(step, part, 0, does=does, unknown=str(error), is_declarable=False)


def of_ledger(ledger: Ledger) -> tuple[Place, ...]:
    """Where a ledger writes, and where it reads back. Raises Unclear for a store that a plug-in offers."""
    if ledger.http is not None:
        addresses = [ledger.http.url, *([ledger.http.get] if ledger.http.get else [])]
        return of_hosts(dict.fromkeys(hosts.of_url(address) for address in addresses))
    if ledger.postgresql is not None:
        return of_hosts(hosts.of_dsn(ledger.postgresql))
    if ledger.redis is not None:
        return of_hosts([hosts.of_redis(ledger.redis)])
    raise hosts.Unclear(f"where the store '{ledger.store}' writes is not known")
