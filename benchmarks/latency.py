"""How long the latencies of many series take: no longer for 65,535 names than for two."""

from __future__ import annotations

import time

import numpy as np
from table import Table

from gameday.measure.latency import latency_by_phase
from gameday.measure.samples import ROW_TYPE, from_rows

COUNT = 1_000_000
NAMES = (2, 200, 2_000, 65_535)
PHASES = 6


def measure() -> Table:
    """A million samples in six phases under so many names."""
    table: Table = [("names", "rows of the record", "time", "against two names")]
    fewest_s = 0.0
    for names in NAMES:
        rows = np.zeros(COUNT, dtype=ROW_TYPE)
        rows["scheduled_ns"] = np.arange(COUNT)
        rows["done_ns"] = rows["scheduled_ns"] + np.random.default_rng(1).integers(
            1_000_000, 9_000_000, COUNT
        )
        rows["series"] = np.random.default_rng(2).integers(0, names, COUNT)
        samples = from_rows(rows, tuple(f"GET /orders/{number}" for number in range(names)))
        edges = [COUNT * number // PHASES for number in range(PHASES + 1)]
        phases = {str(number): (edges[number], edges[number + 1]) for number in range(PHASES)}
        begun_s = time.process_time()
        told = latency_by_phase(samples, phases)
        took_s = time.process_time() - begun_s
        fewest_s = fewest_s or took_s
        table.append((f"{names:,}", f"{len(told):,}", f"{took_s:.2f} s", f"{took_s / fewest_s:.1f}"))
    return table
