"""What a run costs in its third hour: a tick, memory, how soon a halt undoes; beside measuring all samples.

`python benchmarks/lasting.py KIND` plays hours at 2,000 samples a second, `… all KIND` measures an hour of
them at once, `… run STATE ARGUMENT…` is `gameday ARGUMENT…` of a run that has lasted for three hours.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from halts import halt
from service import service
from table import Table

from gameday import clock
from gameday.measure.figures import FOREVER_NS, outages_of
from gameday.measure.fold import Fold
from gameday.measure.plan import Plan, SliPlan
from gameday.measure.samples import ROW_TYPE, from_rows
from gameday.measure.sli import judge
from gameday.run import clockwork
from gameday.run.watch import ROWS_A_TICK, Watch
from gameday.samples import OK

S = 1_000_000_000
RATE_PER_S = 2_000
HOURS = 3
HOUR_NS = 3_600 * S
TICK_NS = S // 10
TICKS = 600
HALTS = int(os.environ.get("GAMEDAY_HALTS", "10"))
KINDS = ("errors", "total outage", "half of all fail", "flapping")
SLI = SliPlan("availability", "load", "load", None, None, "99.9%", 5.0, None)
PLAN = Plan(slis=(SLI,), rto=60.0, baseline=60.0, users=100)
# the first minute is the steady state, the fault comes with it
STEADY = (0, 60 * S)
NAME = "load.1.samples"


def measure() -> Table:
    """Ticks and memory of every kind, beside measuring all samples; then halts."""
    heading = ("p50", "p99", "worst", "processor, worst", "an hour more", "all of an hour", "ratio")
    table: Table = [("a tick at 2,000 samples/s", *heading)]
    table.append(("breach to first undo, hour three", *_halts(), "", "", "", ""))
    for kind in KINDS:
        found, whole = _in_a_process(kind), _in_a_process("all", kind)
        grown = f"{found['grown_bytes'] / 1e6:+.1f} MB"
        for hour, ticks in zip(("hour one", "hour three"), found["ticks_ms"], strict=True):
            figures = (f"{each:.1f} ms" for each in ticks)
            ratio = f"{whole['s'] * 1e3 / ticks[-1]:.0f}"  # processor against processor
            table.append((f"{kind}, {hour}", *figures, grown, f"{whole['s']:.2f} s", ratio))
        slices = (f"{each:.1f} ms" for each in found["slices_ms"])
        table.append((f"{kind}, {ROWS_A_TICK:,} rows behind", *slices, "", "", ""))
    return table


def _in_a_process(*words: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def rows(kind: str, first: int, count: int) -> np.ndarray:
    """Samples by number, of a load that never ends."""
    number = np.arange(first, first + count)
    chance = np.random.default_rng(first).random(count)
    second = number // RATE_PER_S
    bad = {
        "errors": chance < 0.0005,
        "total outage": (chance < 0.0005) | (second >= 300),
        "half of all fail": (chance < 0.0005) | ((second >= 300) & (chance < 0.5)),
        "flapping": (chance < 0.0005) | ((second >= 300) & (second % 3 == 0)),
    }[kind]
    made = np.zeros(count, dtype=ROW_TYPE)
    made["scheduled_ns"] = made["sent_ns"] = number * (S // RATE_PER_S)
    made["done_ns"] = made["sent_ns"] + np.random.default_rng(first).integers(1_000_000, 9_000_000, count)
    made["value"] = np.nan
    made["flags"] = np.where(bad, 0, OK)
    return made


class Hours:
    """A watch whose recorder writes hours in seconds. What was read is a hole in the file."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.watch, self.kind, self.count, self.ticks = Watch(folder, PLAN), kind, 0, 0
        (folder / "load.1.names").touch()
        self.file = (folder / NAME).open("wb", buffering=0)
        clock.now_ns = self.now_ns

    def now_ns(self) -> int:
        """The moment of the newest sample."""
        return self.count * (S // RATE_PER_S)

    def tick(self, count: int) -> tuple[float, float]:
        """So many samples, and what is asked at a tick with a live page; its time and processor time."""
        self.file.truncate(0)
        self.file.seek(self.count * ROW_TYPE.itemsize)
        self.file.write(rows(self.kind, self.count, count).tobytes())
        self.count += count
        at_ns = self.now_ns()
        self.ticks += 1
        begun_s, used_s = time.perf_counter(), time.thread_time()
        self.watch.read_on((0, min(at_ns, STEADY[1])))
        self.watch.now(at_ns)
        if self.ticks % 3 == 0:
            self.watch.rates(at_ns)
            self.watch.downtime(STEADY[1])
        if self.ticks % 5 == 0:
            self.watch.outages(STEADY[1])
        return time.perf_counter() - begun_s, time.thread_time() - used_s


def _lasts(kind: str) -> dict[str, Any]:
    """Three hours: ticks of a tenth of a second at the end of each, in between as fast as can be read."""
    slices, ticks, memory = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        hours = Hours(Path(folder), kind)
        for hour in range(1, HOURS + 1):
            end = hour * HOUR_NS * RATE_PER_S // S - TICKS * RATE_PER_S // 10
            while hours.count < end:
                slices.append(hours.tick(min(ROWS_A_TICK - 1, end - hours.count)))
            ticks.append([hours.tick(RATE_PER_S // 10) for _ in range(TICKS)])
            memory.append(_memory_bytes())
    return {
        "ticks_ms": [_figures_ms(ticks[0]), _figures_ms(ticks[-1])],
        "slices_ms": _figures_ms(slices),
        "grown_bytes": (memory[-1] - memory[0]) / (HOURS - 1),
    }


def _figures_ms(ticks: list[tuple[float, float]]) -> list[float]:
    """Median, 99th percentile and worst of the times, and the worst of the processor times."""
    times_ms, used_ms = np.array(ticks).T * 1e3
    return [*_percentiles(times_ms), float(used_ms.max())]


def _percentiles(times_ms: Any) -> list[float]:
    return [float(np.percentile(times_ms, share)) for share in (50, 99, 100)]


def _memory_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def _all(kind: str) -> dict[str, float]:
    """Every sample of an hour, judged and searched for outages, as the record does."""
    made = rows(kind, 0, 3_600 * RATE_PER_S)
    begun_s = time.thread_time()
    judged = judge(from_rows(made), SLI.goodness).between(0, FOREVER_NS)
    outages_of(SLI, PLAN, judged, STEADY)
    return {"s": time.thread_time() - begun_s}


def _halts() -> tuple[str, ...]:
    """From the breach to the first undo, of runs that have lasted for three hours."""
    begun_ns = clock.now_ns() - HOURS * HOUR_NS
    fold = Fold(SLI, PLAN.sustain_ns)
    fold.steady = (begun_ns, begun_ns + STEADY[1])
    for first in range(0, HOURS * 3_600 * RATE_PER_S, ROWS_A_TICK):
        part = rows("errors", first, ROWS_A_TICK)
        for column in ("scheduled_ns", "sent_ns", "done_ns"):
            part[column] += begun_ns
        fold.take(part, NAME)
    with tempfile.TemporaryDirectory() as name, service() as address:
        state = Path(name) / "state"
        state.write_bytes(pickle.dumps((fold, begun_ns)))
        command = (sys.executable, __file__, "run", str(state))
        found = [halt(Path(name), address, number, command)[0] / 1e6 for number in range(HALTS)]
    return tuple(f"{each:.0f} ms" for each in _percentiles(found))


class Lasted(Watch):
    """The watch of a run that has lasted for three hours under load, which goes on."""

    fold: Fold
    begun_ns: int

    def read_on(self, steady: tuple[int, int]) -> None:
        """What is new of the run, and of the load; what a live page asks."""
        super().read_on(steady)
        count = max(0, (clock.now_ns() - self.begun_ns) * RATE_PER_S // S - self.read)
        part = rows("errors", self.read, min(count, ROWS_A_TICK))
        self.read += len(part)
        for column in ("scheduled_ns", "sent_ns", "done_ns"):
            part[column] += self.begun_ns
        self.fold.take(part, NAME)
        self.fold.outages()

    def __init__(self, folder: Path, plan: Plan) -> None:
        super().__init__(folder, plan)
        self.read = (clock.now_ns() - self.begun_ns) * RATE_PER_S // S


def _run(state: str, arguments: list[str]) -> None:
    from gameday.cli import main

    # written by the benchmark itself
    Lasted.fold, Lasted.begun_ns = pickle.loads(Path(state).read_bytes())
    clockwork.Watch = Lasted
    sys.argv = ["gameday", *arguments]
    main()


if __name__ == "__main__":
    if sys.argv[1] == "run":
        _run(sys.argv[2], sys.argv[3:])
    else:
        print(json.dumps(_all(sys.argv[2]) if sys.argv[1] == "all" else _lasts(sys.argv[1])))
