"""How long it takes to seal a large pack and to verify it, and how much memory.

`python benchmarks/evidence.py FOLDER STEP` does one step on a pack, in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import peak_bytes
from table import Table

from gameday.clock import Tie
from gameday.evidence import assemble, keep, keys
from gameday.evidence.pack import Pack, digest
from gameday.evidence.report import page as report
from gameday.evidence.seal import Sealing, seal
from gameday.evidence.verify import verify
from gameday.measure.plan import Plan, SliPlan
from gameday.measure.samples import ROW_TYPE
from gameday.run.timeline import Timeline
from gameday.samples import OK

S = 1_000_000_000
COUNTS = (1_000_000, 10_000_000)
MANY = (10_000_000, 100_000_000)
PIECE_ROWS = 1 << 20
RATE_PER_S = 5_000
STEPS = ("samples", "record", "report", "seal", "hashes", "verify")


def measure() -> Table:
    """Each step with a million samples and with ten; `hashes` is SHA-256 of every file and nothing else."""
    return _measured(COUNTS, STEPS)


def measure_many() -> Table:
    """The same with ten million and with a hundred: some minutes, and 5 GB of disk. Run by name only."""
    return _measured(MANY, STEPS)


def _measured(counts: tuple[int, ...], steps: tuple[str, ...]) -> Table:
    table: Table = [("", "samples", "pack", "time", "processor", "peak memory")]
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            pack = Pack(Path(folder) / "20261123T101502Z-large")
            _write(pack, count)
            keys.make(Path(folder), "key")
            for step in steps:
                found = _in_a_process(str(pack.folder), step)
                size = sum(path.stat().st_size for path in pack.folder.rglob("*") if path.is_file())
                figures = (
                    f"{size / 1e6:.0f} MB",
                    f"{found['s']:.2f} s",
                    f"{found['processor_s']:.2f} s",
                    f"{found['peak_bytes'] / 1e9:.2f} GB",
                )
                table.append((step, f"{count:,}", *figures))
    return table


def _write(pack: Pack, count: int) -> None:
    """A run under steady load whose middle third is an outage, as its recorder and its runner leave it."""
    pack.raw.mkdir(parents=True)
    pack.logs.mkdir()
    start_ns, length_ns = 1_000 * S, count // RATE_PER_S * S
    sli = SliPlan("availability", "load", "load", None, None, "99.9%", 5.0, None)
    about = {"title": "large", "path": "large.yaml", "sha256": "0" * 64}
    plan = Plan(slis=(sli,), rto=3600.0, deadline=7200.0, baseline=10.0, users=100)
    environment = {"gameday": "", "packages": {}}
    plan_json = {**plan.as_json(), "experiment": about, "environment": environment}
    pack.plan.write_text(json.dumps(plan_json))
    timeline = Timeline(pack.timeline, lambda: Tie(start_ns, start_ns))
    timeline.tie_clocks()
    timeline.add("run", run_id=pack.folder.name, title="large")
    spans = {
        "baseline": 0.0,
        "method": 0.3,
        "recovery": 0.4,
        "verification": 0.8,
        "undo": 0.85,
        "after-check": 0.9,
    }
    for name, share in spans.items():
        timeline.add("phase", t_ns=start_ns + round(share * length_ns), name=name)
    timeline.read_clocks = lambda: Tie(start_ns + length_ns, start_ns + length_ns)
    timeline.tie_clocks()
    _samples(pack.raw, count, start_ns)


def _samples(folder: Path, count: int, start_ns: int) -> None:
    chance = np.random.default_rng(1)
    names = ("GET /", "POST /orders", "HTTP 503", "connection refused")
    lines = (json.dumps({"number": number, "name": name}) for number, name in enumerate(names, 1))
    (folder / "load.1.names").write_text("".join(f"{line}\n" for line in lines))
    with (folder / "load.1.samples").open("wb") as file:
        for begin in range(0, count, PIECE_ROWS):
            number = np.arange(begin, min(begin + PIECE_ROWS, count))
            is_bad = (number >= count // 3) & (number < 2 * count // 3)
            rows = np.zeros(len(number), dtype=ROW_TYPE)
            rows["scheduled_ns"] = rows["sent_ns"] = start_ns + number * (S // RATE_PER_S)
            rows["done_ns"] = rows["sent_ns"] + chance.integers(1_000_000, 9_000_000, len(number))
            rows["value"] = np.nan
            rows["series"] = chance.integers(1, 3, len(number))
            rows["status"] = np.where(is_bad, 503, 200)
            rows["error"] = np.where(is_bad, chance.integers(3, 5, len(number)), 0)
            rows["flags"] = np.where(is_bad, 0, OK)
            rows.tofile(file)


def _in_a_process(folder: str, step: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, folder, step], stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def _do(pack: Pack, step: str) -> dict[str, float]:
    key = pack.folder.parent / "key.key"
    begun_s, begun_processor_s = time.perf_counter(), time.process_time()
    if step == "samples":
        keep.samples(pack)
    elif step == "record":
        assemble.write(pack)
    elif step == "report":
        report.write(pack)
    elif step == "seal":
        seal(pack, pack.read_record(), Sealing(str(key)))
    elif step == "hashes":
        for path in pack.folder.rglob("*.*"):
            digest(path)
    else:
        found = verify(pack, keys.public_key(key.with_suffix(".pub")))
        assert found.findings == [], found.findings
    return {
        "s": time.perf_counter() - begun_s,
        "processor_s": time.process_time() - begun_processor_s,
        "peak_bytes": peak_bytes(),
    }


if __name__ == "__main__":
    print(json.dumps(_do(Pack(Path(sys.argv[1])), sys.argv[2])))
