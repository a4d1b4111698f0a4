"""Latency by phase and request, and the cost of the error budget, from literal samples."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.measure.latency import MOST_SERIES, BudgetCost, Latency, budget_cost, latency_by_phase
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


def test_the_rarest_series_are_told_together() -> None:
    """`b` and `c` are as many, so the names decide; what the recorder itself called (other) goes with it."""
    names = ("", "c", "a", "(other)", "b", "no request")
    asked = [(2, 10, OK)] * 3 + [(1, 20, OK)] * 2 + [(4, 40, FAILED)] * 2 + [(3, 80, OK)] * 9
    rows = [(at / 100, ms, series, flags) for at, (series, ms, flags) in enumerate(asked)]
    recorded = replace(samples(*rows), names=names)
    told = [
        Latency("method", "a", 3, 0, 10.0, 10.0, 10.0, 10.0),
        Latency("method", "b", 2, 2, 40.0, 40.0, 40.0, 40.0),
        Latency("method", "(other)", 11, 0, 80.0, 80.0, 80.0, 80.0),
    ]
    phases = {"method": (0, 1 * S)}
    assert latency_by_phase(recorded, phases, most=3) == told
    by_number = latency_by_phase(recorded, phases, most=4)
    assert [(row.series, row.count) for row in by_number] == [("c", 2), ("a", 3), ("(other)", 9), ("b", 2)]


def test_of_as_many_names_as_a_recorder_has_a_few_are_told_and_none_is_left_out() -> None:
    count = 3 * 65_535
    made = np.zeros(count, dtype=ROW_TYPE)
    made["scheduled_ns"], made["series"] = np.arange(count), np.arange(count) % 65_535
    recorded = from_rows(made, tuple(f"/orders/{number}" for number in range(65_535)))
    found = latency_by_phase(recorded, {"one": (0, count // 3), "two": (count // 3, count)})
    assert len(found) == 2 * MOST_SERIES and sum(row.count for row in found) == count
    assert {row.series for row in found[:MOST_SERIES]} == {row.series for row in found[MOST_SERIES:]}


@given(
    rows=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9), st.integers(0, 5), st.booleans())),
    most=st.integers(2, 7),
)
def test_it_is_what_one_look_at_each_sample_finds(rows: list[tuple[int, int, int, bool]], most: int) -> None:
    names = ("", "b", "a", "(other)", "d", "c")
    phases = {"one": (3 * S, 10 * S), "two": (10 * S, 10 * S), "three": (12 * S, 31 * S)}
    recorded = replace(samples(*((at, ms, series, int(ok)) for at, ms, series, ok in rows)), names=names)
    assert latency_by_phase(recorded, phases, most) == looked_at_one_by_one(rows, names, phases, most)


def looked_at_one_by_one(
    rows: list[tuple[int, int, int, bool]],
    names: tuple[str, ...],
    phases: dict[str, tuple[int, int]],
    most: int,
) -> list[Latency]:
    """The same, without an array: what is asked for is counted, name by name."""
    counts = {name: sum(names[row[2]] == name for row in rows) for name in names}
    asked = [name for name in names if counts[name]]
    told = asked
    if len(asked) > most:
        by_count = sorted(set(asked) - {"(other)"}, key=lambda name: (-counts[name], name))[: most - 1]
        told = [name for name in asked if name in by_count] + ["(other)"]
    found = []
    for phase, (start, end) in phases.items():
        inside = [row for row in rows if start <= row[0] * S < end]
        for name in told:
            own = [row for row in inside if (names[row[2]] if names[row[2]] in told else "(other)") == name]
            if own:
                figures = np.percentile([row[1] * MS for row in own], (50, 90, 99, 100)) / 1e6
                bad = sum(not row[3] for row in own)
                found.append(Latency(phase, name, len(own), bad, *(round(float(ms), 3) for ms in figures)))
    return found


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
