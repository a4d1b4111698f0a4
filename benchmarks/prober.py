"""Whether the prober keeps its schedule: its rate, how late it sends, and where one process ends."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from service import service
from table import Table

from gameday.clock import NS_PER_S
from gameday.experiment.observers import Probe
from gameday.measure.samples import read_all
from gameday.observe.sources.probe import shared
from gameday.run.children import Child, wait_until

PROBED_S = 5.0
# targets, probes a second at each, connections, whether one process has them all
CASES = (
    (4, 50, "fresh", True),
    (4, 200, "fresh", True),
    (4, 250, "fresh", True),
    (4, 500, "fresh", True),
    (4, 750, "fresh", True),
    (5, 1000, "reuse", True),
    (5, 1000, "reuse", False),
    (5, 1000, "fresh", True),
    (5, 1000, "fresh", False),
)


def measure() -> Table:
    """Each rate on every target at once; the same in one process, and in as many as a run would start."""
    table: Table = [
        ("", "processes", "asked for", "sent", "good", "late p50", "p99", "most", "processor a probe")
    ]
    with service() as address:
        for case in CASES:
            table.append(_probe(address, *case))
    return table


def _probe(address: str, targets: int, per_s: int, connections: str, in_one: bool) -> tuple[str, ...]:
    probe = Probe.model_validate(
        {"http": address, "every": f"{1000 / per_s:g}ms", "timeout": "1s", "connections": connections}
    )
    probes = {f"probe-{number}": probe for number in range(targets)}
    parts = [probes] if in_one else shared(probes)
    used_s = _used_s()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        children = []
        try:
            for number, part in enumerate(parts):
                orders = {"folder": name, "probes": {each: probe.as_orders() for each in part}}
                log = folder / f"{number}.log"
                children.append(Child.recorder("prober", "gameday.observe.prober", orders, log))
            for child in children:
                if not wait_until(lambda child=child: any(True for _ in child.messages()), 30):
                    raise RuntimeError((folder / "0.log").read_text())
            time.sleep(PROBED_S)
        finally:
            for child in children:
                child.stop()
        found = [read_all(folder, recorder) for recorder in probes]
    seconds = np.median([np.ptp(part.scheduled_ns) for part in found]) / NS_PER_S
    late_ms = np.concatenate([part.sent_ns - part.scheduled_ns for part in found]) / 1e6
    good = np.mean(np.concatenate([part.ok for part in found]))
    count = sum(map(len, found))
    p50, p99 = np.percentile(late_ms, [50, 99])
    return (
        f"{targets} targets, {per_s}/s each, {connections}",
        f"{len(parts)}",
        f"{targets * per_s}/s",
        f"{count / seconds:.0f}/s",
        f"{good:.2%}",
        f"{p50:.2f} ms",
        f"{p99:.2f} ms",
        f"{late_ms.max():.1f} ms",
        f"{(_used_s() - used_s) / count * 1e6:.0f} µs",
    )


def _used_s() -> float:
    """Seconds of processor time that children which have ended took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
