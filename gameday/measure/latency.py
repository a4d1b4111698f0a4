"""Latency by phase and request, and what the drill cost of the error budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.clock import NS_PER_S
from gameday.measure.samples import Samples, Times
from gameday.measure.sli import Judged
from gameday.samples import OTHER

PERCENTILES = (50, 90, 99, 100)
BUDGET_DAYS = 30
# of a source: a locustfile that puts ids into names makes 65,535, which nobody reads
MOST_SERIES = 200


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


def latency_by_phase(
    samples: Samples, phases: dict[str, tuple[int, int]], most: int = MOST_SERIES
) -> list[Latency]:
    """Percentiles of every series in every phase that has samples, answered ones and failures alike.

    Of more than `most` series, those with the fewest samples are told together, as `(other)`. Linear in the
    number of samples, whatever number of names there is.
    """
    row_of, names = _rows(samples, most)
    found: list[Latency] = []
    for phase, edges in phases.items():
        first, last = np.searchsorted(samples.scheduled_ns, edges)
        latency_ns = samples.done_ns[first:last] - samples.scheduled_ns[first:last]
        is_bad = ~samples.ok[first:last]
        for row, chosen in _apart(row_of[samples.series[first:last]], len(names)):
            own_ns = latency_ns[chosen]
            figures_ms = np.percentile(own_ns, PERCENTILES) / 1e6
            bad = int(np.count_nonzero(is_bad[chosen]))
            told_ms = (round(float(ms), 3) for ms in figures_ms)
            found.append(Latency(phase, names[row], len(own_ns), bad, *told_ms))
    return found


def _rows(samples: Samples, most: int) -> tuple[npt.NDArray[Any], list[str]]:
    """The row of each name's number, and what each row is called: the rarest share the last one."""
    counts = np.bincount(samples.series, minlength=len(samples.names))
    names = list(samples.names)
    asked = [number for number, count in enumerate(counts.tolist()) if count]
    if len(asked) <= most:
        return np.arange(len(names), dtype=np.min_scalar_type(len(names) - 1)), names
    often = sorted((n for n in asked if names[n] != OTHER), key=lambda n: (-counts[n], names[n]))
    kept = sorted(often[: most - 1])
    row_of = np.full(len(names), len(kept), dtype=np.min_scalar_type(most))
    row_of[kept] = np.arange(len(kept))
    return row_of, [*(names[number] for number in kept), OTHER]


def _apart(rows: npt.NDArray[Any], most: int) -> Iterator[tuple[int, slice | Times]]:
    """Each row that there is, in order, with the places of its samples: one stable sort, no look per name."""
    counts = np.bincount(rows, minlength=most)
    here = np.flatnonzero(counts).tolist()
    if len(here) == 1:
        yield here[0], slice(None)
        return
    order = np.argsort(rows, kind="stable")  # of 8 and 16 bits numpy sorts in linear time
    ends = np.cumsum(counts)
    for row in here:
        yield row, order[ends[row] - counts[row] : ends[row]]


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
