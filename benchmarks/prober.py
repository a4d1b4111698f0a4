"""Whether the prober keeps its schedule: its rate, and how late it sends."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from service import service
from table import Table

from gameday.clock import NS_PER_S
from gameday.measure.samples import read_all
from gameday.run.children import Child, wait_until

TARGETS = 4
RATES_PER_S = (50, 200)
PROBED_S = 5.0


def measure() -> Table:
    """Each rate on every target at once."""
    table: Table = [("", "asked for", "sent", "good", "late p50", "p99", "most")]
    with service() as address:
        for rate_per_s in RATES_PER_S:
            table.append(_probe(address, rate_per_s))
    return table


def _probe(address: str, rate_per_s: int) -> tuple[str, ...]:
    names = [f"probe-{number}" for number in range(TARGETS)]
    probe = {"http": address, "every": f"{1 / rate_per_s:g}s", "timeout": "1s"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        orders = {"folder": name, "probes": dict.fromkeys(names, probe)}
        child = Child.recorder("prober", "gameday.observe.prober", orders, folder / "prober.log")
        try:
            if not wait_until(lambda: any(True for _ in child.messages()), 20):
                raise RuntimeError((folder / "prober.log").read_text())
            time.sleep(PROBED_S)
        finally:
            child.stop()
        parts = [read_all(folder, recorder) for recorder in names]
    seconds = np.median([np.ptp(part.scheduled_ns) for part in parts]) / NS_PER_S
    late_ms = np.concatenate([part.sent_ns - part.scheduled_ns for part in parts]) / 1e6
    good = np.mean(np.concatenate([part.ok for part in parts]))
    sent_per_s = sum(len(part) for part in parts) / seconds
    p50, p99 = np.percentile(late_ms, [50, 99])
    return (
        f"{TARGETS} targets, {rate_per_s}/s each",
        f"{TARGETS * rate_per_s}/s",
        f"{sent_per_s:.0f}/s",
        f"{good:.2%}",
        f"{p50:.2f} ms",
        f"{p99:.2f} ms",
        f"{late_ms.max():.2f} ms",
    )
