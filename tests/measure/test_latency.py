"""Latency by phase and request, and the cost of the error budget, from literal samples."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from gameday.measure.latency import BudgetCost, Latency, budget_cost, latency_by_phase
from gameday.measure.samples import ROW_TYPE, Samples, from_rows
from gameday.measure.sli import judge

MS = 1_000_000
S = 1_000 * MS
OK, FAILED = 1, 0
GET, POST = 1, 2


def samples(*rows: tuple[float, float, int, int]) -> Samples:
    """Samples of (scheduled at so many s, answered after so many ms, series, flags)."""
    made = np.zeros(len(rows), dtype=ROW_TYPE)
    for row, (at_s, latency_ms, series, flags) in zip(made, rows, strict=True):
        row["scheduled_ns"] = round(at_s * S)
        row["sent_ns"] = row["scheduled_ns"]
        row["done_ns"] = row["scheduled_ns"] + round(latency_ms * MS)
        row["series"], row["flags"] = series, flags
    return from_rows(made, ("", "GET /", "POST /"))


def test_percentiles_are_of_every_series_in_every_phase_that_has_samples() -> None:
    recorded = samples(
        (0.0, 1, POST, OK),
        (0.1, 2, POST, OK),
        (0.2, 30, GET, OK),
        (0.3, 3, POST, FAILED),
        (0.4, 4.00049, POST, OK),
        (2.0, 7, POST, FAILED),
    )
    phases = {"baseline": (0, 1 * S), "method": (1 * S, 2 * S), "recovery": (2 * S, 3 * S)}
    assert latency_by_phase(recorded, phases) == [
        Latency("baseline", "GET /", 1, 0, 30.0, 30.0, 30.0, 30.0),
        Latency("baseline", "POST /", 4, 1, 2.5, 3.7, 3.97, 4.0),
        Latency("recovery", "POST /", 1, 1, 7.0, 7.0, 7.0, 7.0),
    ]


def test_percentiles_are_told_to_the_microsecond() -> None:
    for latency_ms, told_ms in ((1.23456, 1.235), (60_000.00049, 60_000.0)):
        (found,) = latency_by_phase(samples((0.0, latency_ms, GET, OK)), {"baseline": (0, 1 * S)})
        assert (found.p50_ms, found.max_ms) == (told_ms, told_ms)


def test_a_sample_at_the_edge_belongs_to_the_phase_that_begins() -> None:
    recorded = samples((1.0, 1, GET, OK), (2.0, 1, GET, OK))
    phases = {"before": (0, 1 * S), "here": (1 * S, 2 * S), "after": (2 * S, 3 * S)}
    assert [(found.phase, found.count) for found in latency_by_phase(recorded, phases)] == [
        ("here", 1),
        ("after", 1),
    ]


def test_without_samples_there_is_no_latency() -> None:
    assert latency_by_phase(samples(), {"baseline": (0, 1 * S)}) == []


@pytest.mark.parametrize(
    ("objective", "cost"),
    [
        # a quarter of two minutes, of a thousandth of 30 days
        ("999/1000", BudgetCost(0.5, pytest.approx(43.2), pytest.approx(1.157407))),
        ("1/2", BudgetCost(0.5, 21_600.0, pytest.approx(0.002315, abs=1e-6))),
        ("1", BudgetCost(0.5, 0.0, None)),
    ],
)
def test_the_cost_is_the_share_of_bad_samples_times_the_time(objective: str, cost: BudgetCost) -> None:
    rows = [(at_s, 1, GET, OK if at_s % 40 else FAILED) for at_s in range(0, 160, 10)]
    assert budget_cost(judge(samples(*rows)), Fraction(objective), 30 * S, 150 * S) == cost


def test_a_time_without_samples_costs_nothing_that_is_known() -> None:
    cost = budget_cost(judge(samples()), Fraction(999, 1000), 0, 60 * S)
    assert (cost.bad_minutes, cost.percent) == (0.0, 0.0)
