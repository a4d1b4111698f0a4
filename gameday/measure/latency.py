"""Latency by phase and request, and what the drill cost of the error budget."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from gameday.clock import NS_PER_S
from gameday.measure.samples import Samples
from gameday.measure.sli import Judged

PERCENTILES = (50, 90, 99, 100)
BUDGET_DAYS = 30


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency of one series in one phase, in milliseconds; `bad` of `count` samples failed."""

    phase: str
    series: str
    count: int
    bad: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


def latency_by_phase(samples: Samples, phases: dict[str, tuple[int, int]]) -> list[Latency]:
    """Percentiles of every series in every phase that has samples, answered ones and failures alike."""
    found: list[Latency] = []
    for phase, (start_ns, end_ns) in phases.items():
        inside = (samples.scheduled_ns >= start_ns) & (samples.scheduled_ns < end_ns)
        for number, series in enumerate(samples.names):
            chosen = inside & (samples.series == number)
            if not chosen.any():
                continue
            figures_ms = np.percentile(samples.latency_ns[chosen], PERCENTILES) / 1e6
            bad = int(np.count_nonzero(~samples.ok[chosen]))
            count = int(np.count_nonzero(chosen))
            found.append(Latency(phase, series, count, bad, *(round(float(ms), 3) for ms in figures_ms)))
    return found


@dataclass(frozen=True, slots=True)
class BudgetCost:
    """What the drill cost: minutes of complete failure, and their share of a 30-day budget."""

    bad_minutes: float
    budget_minutes: float
    percent: float | None


def budget_cost(judged: Judged, objective: Fraction, start_ns: int, end_ns: int) -> BudgetCost:
    """The error-budget cost of [start, end): the share of bad samples times the time."""
    share = judged.between(start_ns, end_ns).share()
    minutes = (end_ns - start_ns) / NS_PER_S / 60
    bad_minutes = 0.0 if share is None else float(1 - share) * minutes
    budget_minutes = float(1 - objective) * BUDGET_DAYS * 24 * 60
    percent = 100 * bad_minutes / budget_minutes if budget_minutes else None
    return BudgetCost(bad_minutes, budget_minutes, percent)
