"""How long it takes to find the outages in many samples, and how much memory.

`python benchmarks/measuring.py FOLDER raw|pack` measures one file in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
from table import Table

from gameday.evidence.columns import read_samples, write_samples
from gameday.measure.outage import Criteria, find_outages
from gameday.measure.samples import ROW_TYPE, read_all
from gameday.measure.sli import judge
from gameday.samples import OK

S = 1_000_000_000
COUNTS = (1_000_000, 10_000_000)
RATE_PER_S = 5_000
KINDS = ("total outage", "half of all fail", "flapping", "many outages")
CRITERIA = Criteria(Fraction(999, 1000), 5 * S, 10 * S, 10_000_000)


def measure() -> Table:
    """Every kind of outage, with a million samples and with ten, from raw files and from the pack."""
    table: Table = [("", "samples", "outages", "from", "read", "find", "processor", "peak memory")]
    for kind in KINDS:
        for count in COUNTS:
            with tempfile.TemporaryDirectory() as folder:
                _write(Path(folder), kind, count)
                for source in ("raw", "pack"):
                    found = _in_a_process(folder, source)
                    times = [f"{found[name]:.2f} s" for name in ("read_s", "find_s", "processor_s")]
                    memory = f"{found['peak_bytes'] / 1e9:.2f} GB"
                    table.append((kind, f"{count:,}", f"{found['outages']}", source, *times, memory))
    return table


def _write(folder: Path, kind: str, count: int) -> None:
    """Samples at a steady rate; the middle third of them is the outage. Raw, and as the pack keeps them."""
    number = np.arange(count)
    second = number // RATE_PER_S
    is_middle = (number >= count // 3) & (number < 2 * count // 3)
    bad = {
        "total outage": is_middle,
        "half of all fail": is_middle & (number % 2 == 0),
        "flapping": is_middle & (second % 3 == 0),
        "many outages": second % 30 == 15,
    }[kind]
    rows = np.zeros(count, dtype=ROW_TYPE)
    rows["scheduled_ns"] = rows["sent_ns"] = number * (S // RATE_PER_S)
    rows["done_ns"] = rows["sent_ns"] + np.random.default_rng(1).integers(1_000_000, 9_000_000, count)
    rows["value"] = np.nan
    rows["series"] = 1
    rows["flags"] = np.where(bad, 0, OK)
    rows.tofile(folder / "load.1.samples")
    (folder / "load.1.names").write_text('{"number": 1, "name": "GET /"}\n')
    write_samples(folder, folder / "samples.parquet")


def _in_a_process(folder: str, source: str) -> dict[str, float]:
    command = [sys.executable, __file__, folder, source]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def _measure(folder: Path, source: str) -> dict[str, float]:
    begun_s, begun_processor_s = time.perf_counter(), time.process_time()
    is_raw = source == "raw"
    samples = read_all(folder, "load") if is_raw else read_samples(folder / "samples.parquet", "load")
    read_s = time.perf_counter() - begun_s
    outages = find_outages(judge(samples), CRITERIA)
    find_s = time.perf_counter() - begun_s - read_s
    return {
        "outages": len(outages),
        "read_s": read_s,
        "find_s": find_s,
        "processor_s": time.process_time() - begun_processor_s,
        "peak_bytes": peak_bytes(),
    }


def peak_bytes() -> int:
    """The most memory of this program; `ru_maxrss` would count that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]), sys.argv[2])))
