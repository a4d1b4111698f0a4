"""What recording every request costs Locust.

Two Locusts one after the other differ by more than the recorder costs, so it is switched on and off
within one, and every half second with it is compared with the half second without it beside it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import median

from service import service
from table import Table

from gameday.experiment.observers import Load
from gameday.observe import load as locust
from gameday.run.children import end_load, start_load, wait_until

PAIRS = 40
LOCUSTFILE = """
from locust import FastHttpUser, constant, task

class Hasty(FastHttpUser):
    wait_time = constant(0)

    @task
    def ask(self):
        self.client.get("/")
"""
# comes after the recorder, whose listener is the last one then
SWITCH = """
import json, os, time
from pathlib import Path
import gevent
from locust import events

SLICE_S = 0.5
WRITTEN_WITHIN_S = 0.15

@events.init.add_listener
def begin(environment, **_):
    gevent.spawn(switch, environment.stats, events.request._handlers[-1])

def switch(stats, listener):
    gevent.sleep(3)
    slices = {"on": [], "off": []}
    for number in range(2 * PAIRS):
        state = "on" if (number + number // 2) % 2 else "off"
        if state == "off":
            events.request.remove_listener(listener)
        gevent.sleep(WRITTEN_WITHIN_S)
        before = stats.num_requests, time.process_time(), time.perf_counter()
        gevent.sleep(SLICE_S)
        after = stats.num_requests, time.process_time(), time.perf_counter()
        if state == "off":
            events.request.add_listener(listener)
        slices[state].append([late - early for late, early in zip(after, before)])
    Path(os.environ["RESULT"]).write_text(json.dumps(slices))
"""


def measure() -> Table:
    """Requests per second, and processor time per request, with and without the recorder."""
    with service() as address, tempfile.TemporaryDirectory() as name:
        slices = _slices(address, Path(name))
    rates = {state: [requests / parts_s for requests, _, parts_s in parts] for state, parts in slices.items()}
    costs = {state: [cpu_s / requests for requests, cpu_s, _ in parts] for state, parts in slices.items()}
    table: Table = [("", "requests/s", "processor time a request")]
    for state, what in (("off", "without the recorder"), ("on", "with the recorder")):
        table.append((what, f"{median(rates[state]):.0f}", f"{median(costs[state]) * 1e6:.1f} µs"))
    return [*table, ("ratio", *(f"{_ratio(figures):.3f}" for figures in (rates, costs)))]


def _ratio(figures: dict[str, list[float]]) -> float:
    """On against off, as the median of the pairs that were measured beside one another."""
    return median(on / off for on, off in zip(figures["on"], figures["off"], strict=True))


def _slices(address: str, folder: Path) -> dict[str, list[tuple[int, float, float]]]:
    """Requests, seconds of processor time and seconds of each slice, with the recorder on and off."""
    load = Load.model_validate({"locustfile": "l.py", "host": address, "users": 10, "spawn-rate": 100})
    locustfile, switch, result = folder / "l.py", folder / "switch.py", folder / "result.json"
    locustfile.write_text(LOCUSTFILE)
    switch.write_text(SWITCH.replace("PAIRS", str(PAIRS)))
    command = locust.command(load, locustfile)
    command[command.index("--locustfile") + 1] += f",{switch}"
    environment = {**locust.environment(load, folder), "RESULT": str(result)}
    process = start_load(command, folder / "locust.log", environment)
    try:
        if not wait_until(lambda: result.exists() and bool(result.read_text()), 60 + 2 * PAIRS):
            raise RuntimeError((folder / "locust.log").read_text())
        return dict(json.loads(result.read_text()))
    finally:
        end_load(process)
