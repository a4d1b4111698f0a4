"""How soon a halt undoes: from the moment a condition is breached to the first undo, over whole runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from service import mend, service
from table import Table

from gameday.evidence import columns
from gameday.evidence.pack import Pack
from gameday.evidence.shelf import packs
from gameday.measure.sli import judge

RUNS = int(os.environ.get("GAMEDAY_HALTS", "100"))
WINDOW_S = 0.2
LIMIT = 0.5
RECORDER = "probe-1-health"
GAMEDAY = (sys.executable, "-m", "gameday")


def measure() -> Table:
    """Halt as many runs as asked for."""
    with tempfile.TemporaryDirectory() as name, service() as address:
        found = [halt(Path(name), address, number) for number in range(RUNS)]
    breach_ms, decision_ms = (np.array(column) / 1e6 for column in zip(*found, strict=True))
    return [
        (f"{RUNS} halts", "median", "p90", "worst"),
        ("from the breach to the first undo", *_figures(breach_ms)),
        ("from the decision to the first undo", *_figures(decision_ms)),
    ]


def _figures(times_ms: np.ndarray) -> tuple[str, ...]:
    return tuple(f"{np.percentile(times_ms, share):.0f} ms" for share in (50, 90, 100))


def halt(folder: Path, address: str, number: int, gameday: tuple[str, ...] = GAMEDAY) -> tuple[int, int]:
    """One run whose victim answers no more: nanoseconds from breach and from decision to the first undo."""
    mend(address)
    victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    results = folder / str(number)
    path = folder / f"{number}.json"
    path.write_text(json.dumps(_experiment(address, victim.pid)))
    command = [*gameday, "run", str(path), "--plain", "--results", str(results)]
    try:
        subprocess.run(command, capture_output=True, timeout=60, check=False)
    finally:
        victim.kill()
        victim.wait()
    (pack,) = packs(results)
    halted_ns, undoing_ns = (
        next(event["t_ns"] for event in pack.events() if event["event"] == name)
        for name in ("halted", "undoing")
    )
    return undoing_ns - _breach_ns(pack), undoing_ns - halted_ns


def _experiment(address: str, pid: int) -> dict[str, object]:
    """A probe that is good in the baseline, and asked for the impossible from the fault on."""
    probe = {"http": address, "every": "10ms", "timeout": "200ms"}
    pause = {"type": "python", "module": "gameday.faults.process", "func": "pause", "arguments": {"pid": pid}}
    break_it = {"type": "http", "url": f"{address}/break", "timeout": 1}
    nap = {"type": "process", "path": "sleep", "arguments": ["20"]}
    return {
        "title": "a halt",
        "description": "Halt as soon as the service is broken.",
        "objectives": {"baseline": "300ms", "sustain": "1s"},
        "slis": [
            {
                "name": "health",
                "source": "probe",
                "objective": "100%",
                "window": f"{WINDOW_S}s",
                "probe": probe,
            }
        ],
        "halt": [{"when": f"health < {LIMIT:.0%}"}],
        "method": [
            {"type": "action", "name": "pause", "role": "fault", "provider": pause},
            {"type": "action", "name": "break", "provider": break_it},
            {"type": "action", "name": "nap", "provider": nap},
        ],
    }


def _breach_ns(pack: Pack) -> int:
    """When the share of what was done in the window first fell below the limit."""
    judged = judge(columns.read_samples(pack.samples, RECORDER))
    order = np.argsort(judged.done_ns, kind="stable")
    done_ns, good = judged.done_ns[order], judged.good[order]
    sums = np.concatenate(([0], np.cumsum(good)))
    first = np.searchsorted(done_ns, done_ns - round(WINDOW_S * 1e9), side="right")
    count = np.arange(1, len(done_ns) + 1) - first
    share = (sums[1:] - sums[first]) / count
    return int(done_ns[np.flatnonzero(share < LIMIT)[0]])
