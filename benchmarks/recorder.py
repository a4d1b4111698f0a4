"""What recording every request costs Locust: the same load with and without the recorder."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

import psutil
from service import answered, service
from table import Table

from gameday.experiment.model import Load
from gameday.observe import load as locust
from gameday.run.children import end_load, start_load, wait_until

ROUNDS = 7
WATCHED_S = 3.0
LOCUSTFILE = """
from locust import FastHttpUser, constant, task

class Hasty(FastHttpUser):
    wait_time = constant(0)

    @task
    def ask(self):
        self.client.get("/")
"""
# says that all users run where there is no recorder to say so
READY = """
import os
from pathlib import Path
from locust import events

@events.spawning_complete.add_listener
def tell(user_count, **_):
    Path(os.environ["READY"]).write_text(str(user_count))
"""


def measure() -> Table:
    """Requests per second, and processor time per request, which other work on the machine moves less."""
    found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    with service() as address:
        for number in range(ROUNDS):
            for is_recorded in (False, True) if number % 2 else (True, False):
                found[is_recorded].append(_round(address, is_recorded))
    table: Table = [("", "requests/s", "processor time a request")]
    rate, cost = {}, {}
    for is_recorded, rounds in found.items():
        rate[is_recorded] = median(entry[0] for entry in rounds)
        cost[is_recorded] = median(entry[1] for entry in rounds)
        what = "with the recorder" if is_recorded else "without"
        table.append((what, f"{rate[is_recorded]:.0f}", f"{cost[is_recorded] * 1e6:.1f} µs"))
    table.append(("ratio", f"{rate[True] / rate[False]:.3f}", f"{cost[True] / cost[False]:.3f}"))
    return table


def _round(address: str, is_recorded: bool) -> tuple[float, float]:
    """Requests per second and seconds of processor time a request, of one Locust."""
    load = Load.model_validate({"locustfile": "l.py", "host": address, "users": 10, "spawn-rate": 100})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, source in (("l.py", LOCUSTFILE), ("ready.py", READY)):
            (folder / file).write_text(source)
        command = locust.command(load, folder / "l.py")
        where = command.index("--locustfile") + 1
        files = [folder / "l.py", folder / "ready.py", *([locust.RECORDER] if is_recorded else [])]
        command[where] = ",".join(map(str, files))
        ready = folder / "ready"
        environment = {**locust.environment(folder), "READY": str(ready)}
        process = start_load(command, folder / "locust.log", environment)
        try:
            if not wait_until(lambda: ready.exists() and bool(ready.read_text()), 20):
                raise RuntimeError((folder / "locust.log").read_text())
            time.sleep(0.5)
            return _watch(psutil.Process(process.pid), address)
        finally:
            end_load(process)


def _watch(process: psutil.Process, address: str) -> tuple[float, float]:
    before = answered(address), sum(process.cpu_times()[:2]), time.perf_counter()
    time.sleep(WATCHED_S)
    after = answered(address), sum(process.cpu_times()[:2]), time.perf_counter()
    requests, processor_s, seconds = (late - early for late, early in zip(after, before, strict=True))
    return requests / seconds, processor_s / requests
