"""Durations, rates, shares, and how they are said."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.units import Share, duration_s, rate_per_s, spoken


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("30s", 30), ("5m", 300), ("1h30m", 5400), ("1.5s", 1.5), (0, 0), ("2d", 172800)],
)
def test_a_duration_is_read(text: object, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", [30, "30", "s", "-1s", "1 s", "", None, True, [], "1s2", "1e3s"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration; write for example 250ms"):
        duration_s(text)


def test_a_rate_is_read() -> None:
    assert (rate_per_s("50/s"), rate_per_s("30/m")) == (50, 0.5)


@pytest.mark.parametrize("text", [50, "50", "0/s", "-1/s", "50/d"])
def test_what_is_no_rate_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not a rate"):
        rate_per_s(text)


def test_a_share_is_exact() -> None:
    assert Share.parse("99.9%").fraction == Fraction(999, 1000)
    assert str(Share.parse("99.95%")) == "99.95%"


@pytest.mark.parametrize("text", [99, "99", "101%", "-1%", "x%", None])
def test_what_is_no_share_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not a share"):
        Share.parse(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.0123, "12.3 ms"),
        (0.9999, "1 s"),
        (2.314, "2.31 s"),
        (90, "1 min 30 s"),
        (7500, "2 h 5 min"),
        (3600, "1 h"),
    ],
)
def test_a_duration_is_said(seconds: float, words: str) -> None:
    assert spoken(seconds) == words


@given(st.floats(0, 1e6))
def test_saying_a_duration_never_fails(seconds: float) -> None:
    assert spoken(seconds)
