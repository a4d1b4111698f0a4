"""The core of an outage: its own bad samples, without the errors that the steady state has anyway."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.measure.bounds import sure_edges
from gameday.measure.core import SCORE, Core, Scores, _highest, find_core, share_of, smoothed
from gameday.measure.outage import Criteria
from gameday.measure.windows import Windows
from tests.measure.histories import S, at, judged, only, outages

ERRORS = {"objective": "9/10", "window_s": 5, "sustain_s": 5}  # five of fifty may fail
CLEAN = {**ERRORS, "steady_bad": 0, "steady_total": 500}
HALF = Fraction(1, 2)


def windows(marks: str, objective: str = "9/10", window_s: float = 5) -> Windows:
    return Windows.of(judged(marks), Fraction(objective), round(window_s * S))


def core(
    marks: str, miss: int, steady: Fraction, *, floor: int = 0, sustain_s: float = 5, **more: Any
) -> tuple[int, int]:
    """The first and the last sample of the core."""
    made = windows(marks, **more)
    found = find_core(made, miss, floor, steady, round(sustain_s * S))
    return int(made.bad[found.first]), int(made.bad[found.last])


STEADY = Fraction(1, 100)


def test_an_error_long_before_the_outage_is_not_its_own() -> None:
    marks = "+" * 60 + "-" + "+" * 30 + "-" * 20 + "+" * 120
    outage = only(outages(marks, **CLEAN))
    assert (outage.impact_ns, outage.bad, outage.total) == (at(9.1), 20, 20)
    assert outage.seconds == pytest.approx(2.002)


def test_an_error_after_the_outage_is_not_its_own() -> None:
    marks = "+" * 60 + "-" * 20 + "+" * 20 + "-" + "+" * 120
    outage = only(outages(marks, **CLEAN))
    assert (outage.bad, outage.recovered_ns) == (20, at(8.002))


def test_with_an_objective_of_all_every_error_within_the_sustain_period_is_its_own() -> None:
    marks = "+" * 60 + "-" + "+" * 19 + "-" * 20 + "+" * 120
    outage = only(outages(marks, objective="1", sustain_s=2))
    assert (outage.impact_ns, outage.bad, outage.total) == (at(6), 21, 40)


def test_the_steady_share_is_no_more_than_the_objective_bears() -> None:
    def steady(bad: int, total: int, objective: str) -> Fraction:
        return Criteria(Fraction(objective), 1, 1, 1, None, bad, total).steady

    assert steady(3, 99, "9/10") == Fraction(7, 200)
    assert steady(30, 99, "9/10") == Fraction(1, 10)
    assert steady(0, 0, "99/100") == Fraction(1, 100)
    assert steady(0, 99, "1") == 0


def test_scores_are_logarithms_of_likelihood_ratios() -> None:
    scores = Scores.of(HALF, STEADY)
    assert scores.bad == round(SCORE * math.log(50))
    assert scores.good == round(SCORE * math.log(0.99 / 0.5))


@pytest.mark.parametrize(("inside", "steady"), [(HALF, Fraction(0)), (HALF, HALF), (Fraction(2, 5), HALF)])
def test_where_the_inside_is_no_worse_nothing_is_cut(inside: Fraction, steady: Fraction) -> None:
    assert Scores.of(inside, steady) == Scores(SCORE, 0)


def test_a_smoothed_share_is_never_none_and_never_all() -> None:
    assert (smoothed(0, 9), smoothed(9, 9)) == (Fraction(1, 20), Fraction(19, 20))


def test_the_share_inside_is_of_the_core_alone() -> None:
    made = windows("+-+--++-")
    assert share_of(made, Core(1, 3)) == Fraction(7, 12)


def test_the_core_is_looked_for_again_until_it_does_not_change() -> None:
    # with the share of the first look the single error at 0 belongs to it, with that of the core it does not
    marks = "-" + "+" * 20 + "-" * 6 + "+" * 100
    assert core(marks, 25, Fraction(1, 10)) == (21, 26)


def test_of_equal_stretches_the_longest_is_the_core() -> None:
    # here a good sample takes off just what a bad one adds
    start, end = _highest(np.array([0, 2, 4]), Scores(bad=10, good=10))
    assert (start.tolist(), end.tolist()) == ([0, 0, 0], [0, 1, 2])
    start, end = _highest(np.array([0, 3, 4]), Scores(bad=10, good=10))
    assert (start.tolist(), end.tolist()) == ([0, 1, 1], [0, 1, 2])
    start, end = _highest(np.array([0, 1, 5, 6]), Scores(bad=10, good=10))
    assert (start.tolist(), end.tolist()) == ([0, 0, 2, 2], [0, 1, 1, 3])


def test_a_window_that_missed_earlier_than_the_best_stretch_draws_the_core_out() -> None:
    # a brown-out of one in four misses first; four seconds later the service is out for long
    marks = "+" * 50 + "-+++" * 8 + "+" * 20 + "-" * 200 + "+" * 100
    made = windows(marks)
    miss = int(made.misses[0])
    first, last = core(marks, miss, STEADY)
    assert first <= miss < 102 and last == 301


def test_a_core_that_starts_with_the_sample_whose_window_misses_is_not_drawn_out() -> None:
    # a window of 2 s bears two errors: the first one of the outage is one too many
    marks = "+" * 50 + "--" + "+" * 9 + "-" * 20 + "+" * 60
    assert windows(marks, window_s=2).misses[0] == 61
    assert core(marks, 61, STEADY, window_s=2) == (61, 80)


def test_the_search_ends_when_the_sustain_period_brings_nothing_more() -> None:
    marks = "+" * 50 + "-" * 10 + "+" * 60 + "-" * 10 + "+" * 60
    assert core(marks, 55, STEADY, sustain_s=5) == (50, 59)
    assert core(marks, 55, STEADY, sustain_s=7)[1] == 129


def test_the_core_begins_after_its_floor() -> None:
    assert core("-" * 10 + "+" * 5 + "-" * 10 + "+" * 50, 20, STEADY, floor=12) == (15, 24)


def test_a_long_outage_is_found_whole() -> None:
    marks = "+" * 50 + "-" * 5000 + "+" * 100
    assert core(marks, 55, STEADY) == (50, 5049)


def test_the_core_is_the_same_in_whatever_pieces_it_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gameday.measure.core.STEP", 1)
    assert core("+" * 50 + "-+" * 30 + "+" * 100, 70, STEADY) == (50, 108)


def test_a_long_partial_outage_is_found_whole() -> None:
    marks = "+" * 50 + "-+" * 3000 + "+" * 100
    assert core(marks, 70, STEADY) == (50, 6048)


def settled_s(marks: str, miss: int, steady: Fraction, sustain_s: float = 5) -> float:
    """When the core can change no more, in seconds."""
    found = find_core(windows(marks), miss, 0, steady, round(sustain_s * S))
    return (found.settled_ns - at(0)) / S


def test_a_core_is_settled_when_the_sustain_period_after_it_is_over() -> None:
    assert settled_s("+" * 50 + "-" * 20 + "+" * 10, 55, STEADY) == pytest.approx(6.9 + 5)
    assert settled_s("+" * 50 + "-" * 20 + "+" * 10, 55, STEADY, sustain_s=0.05) == pytest.approx(5.5 + 0.05)
    assert settled_s("+" * 50 + "-" * 6 + "+" * 80 + "-" * 9, 55, STEADY, sustain_s=3) == pytest.approx(8.5)


def test_a_core_is_settled_when_every_look_for_it_is() -> None:
    # the first look ends with the errors at 2.2 s, the next ones before them: with their window, at 2.1 s
    marks = "+" * 8 + "-" * 5 + "+" * 8 + "--" + "+" * 30
    assert core(marks, 21, Fraction(1, 20), sustain_s=3) == (8, 12)
    assert settled_s(marks, 21, Fraction(1, 20), sustain_s=3) == pytest.approx(2.2 + 3)


# what may be an error of the steady state at an edge


def sure(marks: str, steady: Fraction) -> tuple[int, int]:
    made = windows(marks)
    return sure_edges(made, Core(0, len(made.bad) - 1), steady)


def test_an_edge_that_stands_apart_may_be_an_error_of_the_steady_state() -> None:
    assert sure("-+++" + "-+" * 20 + "+++-", Fraction(1, 1000)) == (4, 42)


def test_without_errors_in_the_steady_state_every_edge_is_sure() -> None:
    assert sure("-+++" + "-+" * 20 + "+++-", Fraction(0)) == (0, 47)


def test_an_edge_that_is_much_likelier_the_outage_s_is_sure() -> None:
    assert sure("-" * 20, Fraction(1, 5000)) == (0, 19)


def test_what_follows_the_core_does_not_move_its_edges() -> None:
    assert sure_edges(windows("-" * 21), Core(0, 19), Fraction(1, 5000)) == (0, 19)


def test_two_errors_may_stand_at_an_edge() -> None:
    assert sure("-++-++" + "-" * 20 + "+-", Fraction(1, 1000))[0] == 6


def test_the_last_bad_sample_is_never_doubted_away() -> None:
    assert sure("-+-", Fraction(1, 10)) == (2, 0)


@st.composite
def noisy(draw: st.DrawFn) -> str:
    parts = draw(
        st.lists(
            st.tuples(st.sampled_from(["+", "+", "-", "-+", "+++-"]), st.integers(1, 40)),
            min_size=1,
            max_size=12,
        )
    )
    return "".join(mark * length for mark, length in parts)


@given(noisy(), st.sampled_from(["9/10", "1/2", "99/100"]), st.integers(0, 30))
@settings(max_examples=200, deadline=None)
def test_every_window_that_misses_lies_at_an_outage(marks: str, objective: str, steady_bad: int) -> None:
    found = outages(marks, objective=objective, window_s=1, steady_bad=steady_bad, steady_total=300)
    made = windows(marks, objective, 1)
    if len(made.misses):
        assert found
    for outage in found:
        assert outage.bad <= outage.total
        assert outage.began.low_ns <= outage.began.high_ns
        if outage.ended is not None:
            assert outage.ended.low_ns <= outage.ended.high_ns


@given(noisy(), st.integers(0, 30))
@settings(max_examples=200, deadline=None)
def test_outages_are_in_order_and_apart(marks: str, steady_bad: int) -> None:
    found = outages(marks, objective="9/10", steady_bad=steady_bad, steady_total=300)
    for one, other in pairwise(found):
        assert one.recovered_ns is not None and one.recovered_ns - 2_000_000 < other.impact_ns
