"""Run the benchmarks: `python benchmarks/run.py [name…]`. What they measure: docs/performance.md.

Everything that is compared runs side by side, round about, in one run; figures are medians.
"""

from __future__ import annotations

import sys

import evidence
import halts
import lasting
import latency
import ledger
import measuring
import prober
import recorder
import redaction
import startup
from table import show

BENCHMARKS = {
    "startup": startup.measure,
    "recorder": recorder.measure,
    "redaction": redaction.measure,
    "measuring": measuring.measure,
    "prober": prober.measure,
    "ledger": ledger.measure,
    "halts": halts.measure,
    "lasting": lasting.measure,
    "evidence": evidence.measure,
    "latency": latency.measure,
}
# by name only: some minutes, and gigabytes
LARGE = {"many-samples": evidence.measure_many}


def main() -> None:
    """Run the benchmarks that are named, or all."""
    names = sys.argv[1:] or list(BENCHMARKS)
    known = {**BENCHMARKS, **LARGE}
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"no benchmark '{unknown[0]}'; there are {', '.join(known)}")
    for name in names:
        show(name, known[name]())


if __name__ == "__main__":
    main()
