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
RATE_PER_S = 5_000
STEPS = ("samples", "record", "report", "seal", "hashes", "verify")


def measure() -> Table:
    """Each step with a million samples and with ten; `hashes` is SHA-256 of every file and nothing else."""
    table: Table = [("", "samples", "pack", "time", "peak memory")]
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            pack = Pack(Path(folder) / "20261123T101502Z-large")
            _write(pack, count)
            keys.make(Path(folder), "key")
            for step in STEPS:
                found = _in_a_process(str(pack.folder), step)
                size = sum(path.stat().st_size for path in pack.folder.rglob("*") if path.is_file())
                figures = (
                    f"{size / 1e6:.0f} MB",
                    f"{found['s']:.2f} s",
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
    number = np.arange(count)
    rows = np.zeros(count, dtype=ROW_TYPE)
    rows["scheduled_ns"] = rows["sent_ns"] = start_ns + number * (S // RATE_PER_S)
    rows["done_ns"] = rows["sent_ns"] + np.random.default_rng(1).integers(1_000_000, 9_000_000, count)
    rows["value"] = np.nan
    rows["series"] = 1
    rows["flags"] = np.where((number >= count // 3) & (number < 2 * count // 3), 0, OK)
    (folder / "load.1.names").write_text('{"number": 1, "name": "GET /"}\n')
    rows.tofile(folder / "load.1.samples")


def _in_a_process(folder: str, step: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, folder, step], stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def _do(pack: Pack, step: str) -> dict[str, float]:
    key = pack.folder.parent / "key.key"
    begun_s = time.perf_counter()
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
    return {"s": time.perf_counter() - begun_s, "peak_bytes": peak_bytes()}


if __name__ == "__main__":
    print(json.dumps(_do(Pack(Path(sys.argv[1])), sys.argv[2])))
