"""Values that somebody else measures: which are good, what is not known; they start and end no RTO."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gameday.measure.plan import SliPlan
from gameday.measure.samples import ROW_TYPE, Samples, from_rows
from gameday.measure.sli import Goodness, judge
from gameday.measure.values import Wanted
from gameday.measure.verdict import rto_met
from gameday.samples import OK, SKIPPED
from tests.measure.histories import MS, PERIOD_S, Run, S, at, fault, only, out, run, sli

NAN = math.nan
LOW = Wanted("<", 2.0)


def lag(**more: Any) -> SliPlan:
    """An SLI of a Prometheus: a replication lag below 2."""
    said = {"is_first_hand": False, "comparison": "<", "limit": 2.0, "source": "prometheus", "match": None}
    usual = {"recorder": "lag", "good": None, "objective": "100%", "window": 1.0, "period": PERIOD_S}
    return SliPlan.from_json({"name": "lag", **usual, **said, **more})


def readings(values: list[float], period_s: float = PERIOD_S) -> Samples:
    """A value each period from the start of the run on; NaN is a reading without one."""
    times = [at(index * period_s) for index in range(len(values))]
    rows = [
        (t, t, t + MS, value, 0, 0, 0, 0 if math.isnan(value) else OK)
        for t, value in zip(times, values, strict=True)
    ]
    return from_rows(np.array(rows, dtype=ROW_TYPE))


def high(*spans_s: tuple[float, float], end_s: float = 32, otherwise: float = 9.0) -> Samples:
    """A lag of 0, but for some spans."""
    times = [index * PERIOD_S for index in range(round(end_s / PERIOD_S))]
    return readings([otherwise if any(a <= t + 1e-9 < b for a, b in spans_s) else 0.0 for t in times])


def watched(samples: Samples, *out_s: tuple[float, float], **more: Any) -> Run:
    """A run whose probe was out in these spans, and whose lag was read so."""
    return Run(slis=(sli(), lag()), marks={"health": out(*out_s)}, samples={"lag": samples}, **more)


@pytest.mark.parametrize(
    ("comparison", "good"),
    [("<", [1]), ("<=", [1, 2]), (">", [3, math.inf]), (">=", [2, 3, math.inf]), ("==", [2])],
)
def test_a_value_is_good_by_its_comparison(comparison: str, good: list[float]) -> None:
    values = np.array([1.0, 2.0, 3.0, math.inf, NAN])
    assert values[Wanted(comparison, 2.0).holds(values)].tolist() == good


@pytest.mark.parametrize(
    ("comparison", "values", "worst"),
    [
        ("<", [1, 5, 3], 5),
        (">", [1, 5, 3], 1),
        ("==", [2, 2.5, 1], 1),
        ("==", [2, 2], 2),
        ("<", [1, NAN, 5], 5),
        ("<", [-math.inf, math.inf], math.inf),
    ],
)
def test_several_values_stand_by_their_worst(comparison: str, values: list[float], worst: float) -> None:
    assert Wanted(comparison, 2.0).worst(values) == worst


@pytest.mark.parametrize("values", [[], [NAN], [1, NAN]])
def test_where_one_is_missing_and_none_is_bad_nothing_is_known(values: list[float]) -> None:
    assert math.isnan(LOW.worst(values))


def test_a_reading_without_a_value_says_nothing() -> None:
    judged = judge(readings([1.0, NAN, 3.0, NAN]), Goodness(wanted=LOW))
    assert (len(judged), judged.good.tolist()) == (2, [True, False])
    assert not judged.late.any() and judged.sends is not None and len(judged.sends.sent_ns) == 4


def test_a_skipped_reading_is_never_bad_however_slow_the_others_were() -> None:
    made = readings([1.0, 1.0, 9.0, 1.0])
    flags = np.array([OK, OK, SKIPPED, OK])
    slow = replace(made, skipped=(flags & SKIPPED) != 0, done_ns=made.done_ns + np.array([0, S, 0, 0]))
    assert judge(slow, Goodness(wanted=LOW)).good.tolist() == [True, True, True]


def test_its_misses_start_and_end_no_rto() -> None:
    alone = run((6, 7)).figures.rto
    both = watched(high((6, 12)), (6, 7)).figures
    assert both.rto == alone
    assert only(list(both.slis[1].outages)).impact_ns == at(6)
    assert watched(high((6, 12))).figures.rto.impact_seen is False


def test_a_value_that_is_bad_past_the_deadline_fails_the_run() -> None:
    deadline = {"objectives": {"rto": 3.0, "deadline": 9.0}}
    assert watched(high((6, 12)), (6, 7), **deadline).verdict.word == "passed"
    failed = watched(high((6, 15.5)), (6, 7), **deadline).verdict
    assert (
        failed.word == "failed" and failed.reasons[0] == "'lag' did not hold its objective again within 9 s"
    )


def test_a_value_that_was_bad_before_the_fault_fails_the_run() -> None:
    assert "'lag' missed its objective before the fault" in watched(high((2, 4))).verdict.reasons


def test_a_value_that_is_not_known_for_long_leaves_the_run_inconclusive() -> None:
    verdict = watched(high((7, 9), otherwise=NAN), (6, 7)).verdict
    assert (verdict.word, verdict.reasons) == (
        "inconclusive",
        ("nothing is known of 'lag' for 2.1 s: its source gave no value",),
    )
    assert watched(high((7, 7.8), otherwise=NAN), (6, 7)).verdict.word == "passed"


def test_an_rto_makes_no_gap_of_a_value_too_long() -> None:
    goal = {"rto": 0.6}
    assert watched(high((7, 7.8), otherwise=NAN), objectives=goal).verdict.word == "passed"


def test_a_value_that_is_bad_after_the_undo_fails_the_run() -> None:
    reasons = watched(high((27, 32)), (6, 7)).verdict.reasons
    assert any(reason.startswith("'lag' is at") for reason in reasons)


def test_a_fault_without_proof_is_proved_by_a_value() -> None:
    unproved = fault(landed=None, proof=None)
    assert watched(high((6, 8)), steps=(unproved,)).verdict.word == "passed"
    assert watched(high(), steps=(unproved,)).verdict.word == "inconclusive"


def test_what_is_known_may_have_been_so_for_as_long_as_a_value_is_old() -> None:
    fresh = only(list(watched(high((6, 8))).figures.slis[1].outages))
    old = only(list(Run(slis=(lag(lag=5.0),), samples={"lag": high((6, 8))}).figures.slis[0].outages))
    assert fresh.ended is not None and old.ended is not None
    assert old.began == replace(fresh.began, low_ns=fresh.began.low_ns - 5 * S)
    assert old.ended == replace(fresh.ended, low_ns=fresh.ended.low_ns - 5 * S)
    assert (old.impact_ns, old.recovered_ns) == (fresh.impact_ns, fresh.recovered_ns)


def test_without_anybody_who_asks_the_service_there_is_no_rto() -> None:
    alone = Run(slis=(lag(),), samples={"lag": high()})
    assert alone.verdict.word == "inconclusive"
    assert alone.verdict.reasons == ("no SLI asks the service itself, so the RTO was not measured",)
    assert rto_met(alone.plan, alone.history, alone.figures) is None
    assert alone.but(objectives={}).verdict.word == "passed"
