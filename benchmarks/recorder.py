"""What recording every request costs Locust.

Two Locusts one after the other differ by more than the recorder costs, so it is switched on and off
within one, a quarter of a second at a time.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from statistics import median

from service import service
from table import Table

from gameday.experiment.model import Load
from gameday.observe import load as locust
from gameday.run.children import end_load, start_load, wait_until

PAIRS = 60
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

SLICE_S = 0.25

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
    rate, cost = {}, {}
    for state, parts in slices.items():
        rate[state] = median(requests / seconds for requests, _, seconds in parts)
        cost[state] = median(processor_s / requests for requests, processor_s, _ in parts)
    return [
        ("", "requests/s", "processor time a request"),
        ("without the recorder", f"{rate['off']:.0f}", f"{cost['off'] * 1e6:.1f} µs"),
        ("with the recorder", f"{rate['on']:.0f}", f"{cost['on'] * 1e6:.1f} µs"),
        ("ratio", f"{rate['on'] / rate['off']:.3f}", f"{cost['on'] / cost['off']:.3f}"),
    ]


def _slices(address: str, folder: Path) -> dict[str, list[tuple[int, float, float]]]:
    """Requests, seconds of processor time and seconds of each slice, with the recorder on and off."""
    load = Load.model_validate({"locustfile": "l.py", "host": address, "users": 10, "spawn-rate": 100})
    locustfile, switch, result = folder / "l.py", folder / "switch.py", folder / "result.json"
    locustfile.write_text(LOCUSTFILE)
    switch.write_text(SWITCH.replace("PAIRS", str(PAIRS)))
    command = locust.command(load, locustfile)
    command[command.index("--locustfile") + 1] += f",{switch}"
    environment = {**locust.environment(folder), "RESULT": str(result)}
    process = start_load(command, folder / "locust.log", environment)
    try:
        if not wait_until(lambda: result.exists() and bool(result.read_text()), 60 + PAIRS):
            raise RuntimeError((folder / "locust.log").read_text())
        return dict(json.loads(result.read_text()))
    finally:
        end_load(process)
