"""Whether the steady state holds before anything is broken."""

from __future__ import annotations

from fractions import Fraction

from gameday.measure.steady import Steadiness, trouble
from tests.measure.histories import sli


def test_no_window_may_have_missed() -> None:
    missed = Steadiness(sli("b"), Fraction(95, 100), has_missed=True)
    said = trouble([Steadiness(sli("a"), Fraction(1), has_missed=False), missed])
    assert said == "'b' missed its objective before the method: it was at 95.00%, objective 100%"


def test_a_steady_state_is_no_trouble() -> None:
    assert trouble([Steadiness(sli(), Fraction(1), has_missed=False)]) is None
    assert trouble([]) is None


def test_without_samples_nothing_is_steady() -> None:
    assert trouble([Steadiness(sli(), None, has_missed=False)]) == "'health' has no samples in the baseline"
