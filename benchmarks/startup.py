"""How long the smallest Chaos Toolkit experiment takes, as a whole process, here and there."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path
from statistics import median

from table import Table

ROUNDS = 9
BIN = Path(sysconfig.get_path("scripts"))
EXPERIMENT = {
    "title": "As small as can be",
    "description": "One action that does nothing.",
    "method": [{"type": "action", "name": "nothing", "provider": {"type": "process", "path": "true"}}],
}


def measure() -> Table:
    """`gameday run --plain` against `chaos run`, and `gameday --help`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "experiment.json").write_text(json.dumps(EXPERIMENT))
        commands = {
            "chaos run": [BIN / "chaos", "--no-version-check", "run", "experiment.json"],
            "gameday run --plain": [BIN / "gameday", "run", "--plain", "experiment.json"],
            "chaos --help": [BIN / "chaos", "--help"],
            "gameday --help": [BIN / "gameday", "--help"],
        }
        seconds: dict[str, list[float]] = {what: [] for what in commands}
        for number in range(ROUNDS + 1):
            for what, command in commands.items():
                took_s = _seconds(command, folder)
                if number:  # the first round fills caches
                    seconds[what].append(took_s)
    medians = {what: median(taken) for what, taken in seconds.items()}
    table: Table = [("", "median", "fastest", "ratio")]
    for what, taken in seconds.items():
        ratio = medians[what] / medians["chaos " + what.split()[1]]
        table.append((what, f"{medians[what]:.2f} s", f"{min(taken):.2f} s", f"{ratio:.2f}"))
    return table


def _seconds(command: list[Path | str], folder: Path) -> float:
    # compiled once, as an installed package is
    environment = {**os.environ, "HOME": str(folder), "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    begun_s = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    return time.perf_counter() - begun_s
