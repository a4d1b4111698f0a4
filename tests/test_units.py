"""Durations, rates, shares, and how they are said."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.units import Share, at_most, duration_s, percent, rate_per_s, spoken


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


@pytest.mark.parametrize("text", ["99.99999999%", "0.00000001%", "100%", "0%", "50 %", "7.10%"])
def test_a_share_is_written_as_it_was_read(text: str) -> None:
    share = Share.parse(text)
    assert Share.parse(str(share)) == share
    assert Decimal(str(share).rstrip("%")) == Decimal(text.rstrip("% "))


@pytest.mark.parametrize(
    "text", [99, "99", "101%", "100.1%", "-1%", "x%", None, "99.999999999%", "1e-9%", "NaN%", "٩٩%", "%"]
)
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


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0121, "13 ms"),
        (0.9991, "1 s"),
        (2.311, "2.32 s"),
        (2.31, "2.31 s"),
        (59.999, "1 min"),
        (60.001, "1 min 1 s"),
        (3599.2, "1 h"),
        (3600.1, "1 h 1 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_an_upper_bound_is_rounded_up(seconds: float, words: str) -> None:
    assert at_most(seconds) == words


def seconds_of(words: str) -> Decimal:
    factors = {"h": 3600, "min": 60, "s": 1, "ms": Decimal("0.001")}
    return sum((Decimal(n) * factors[unit] for n, unit in re.findall(r"([\d.]+) (\w+)", words)), Decimal(0))


@given(st.floats(0, 1e6))
def test_an_upper_bound_is_never_said_to_be_less_than_it_is(seconds: float) -> None:
    assert seconds_of(at_most(seconds)) >= Decimal(repr(seconds))


@pytest.mark.parametrize(
    ("share", "words"),
    [(Fraction(1), "100.00%"), (Fraction(999_999, 1_000_000), "99.99%"), (Fraction(9989, 10_000), "99.89%")],
)
def test_a_share_is_rounded_down(share: Fraction, words: str) -> None:
    assert percent(share) == words


@given(st.floats(0, 1e6))
def test_saying_a_duration_never_fails(seconds: float) -> None:
    assert spoken(seconds)
