"""Durations, rates, shares, and how they are said."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.units import Share, at_most, duration_s, percent, rate_per_s, shown, spoken


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("1.5s", 1.5),
        (" 0.1s ", 0.1),
        (0, 0),
        (0.0, 0),
        ("0s", 0),
        ("2d", 172800),
        ("1d2h3m4s5ms", 93784.005),
    ],
)
def test_a_duration_is_read(text: object, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (30, "30"),
        ("30", "'30'"),
        (1, "1"),
        ("s", "'s'"),
        ("-1s", "'-1s'"),
        ("1 s", "'1 s'"),
        ("", "''"),
        (None, "None"),
        (False, "False"),
        (True, "True"),
        ([], "[]"),
        ("1s2", "'1s2'"),
        ("1e3s", "'1e3s'"),
    ],
)
def test_what_is_no_duration_is_refused(text: object, said: str) -> None:
    with pytest.raises(ValueError, match="duration") as raised:
        duration_s(text)
    assert str(raised.value) == f"{said} is not a duration; write for example 250ms, 30s, 5m or 1h30m"


@pytest.mark.parametrize(
    ("text", "rate"), [("50/s", 50), ("30/m", 0.5), (" 7.2/h ", 0.002), ("0.1/s", 0.1), ("0.3/m", 0.005)]
)
def test_a_rate_is_read(text: str, rate: float) -> None:
    assert rate_per_s(text) == rate


@pytest.mark.parametrize(
    ("text", "said"), [(50, "50"), *((text, f"'{text}'") for text in "50 0/s -1/s 50/d".split())]
)
def test_what_is_no_rate_is_refused(text: object, said: str) -> None:
    with pytest.raises(ValueError, match="rate") as raised:
        rate_per_s(text)
    assert str(raised.value) == f"{said} is not a rate; write for example 50/s or 30/m"


@pytest.mark.parametrize(
    ("text", "fraction", "said"),
    [
        ("99.9%", Fraction(999, 1000), "99.9%"),
        (" 99.95 % ", Fraction(9995, 10_000), "99.95%"),
        ("99.99999999%", 1 - Fraction(1, 10**10), "99.99999999%"),
        ("100%", Fraction(1), "100%"),
        ("0%", Fraction(0), "0%"),
        ("0.50%", Fraction(1, 200), "0.5%"),
        ("0.00000001%", Fraction(1, 10**10), "0.00000001%"),
    ],
)
def test_a_share_is_exact_and_said_as_it_was_written(text: str, fraction: Fraction, said: str) -> None:
    share = Share.parse(text)
    assert (share.fraction, str(share), float(share)) == (fraction, said, float(fraction))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (99, "99"),
        (None, "None"),
        *((text, f"'{text}'") for text in "99 101% 100.1% -1% x% 0.123456789% 1e-9% NaN% ٩٩% %".split()),
    ],
)
def test_what_is_no_share_is_refused(text: object, said: str) -> None:
    with pytest.raises(ValueError, match="share") as raised:
        Share.parse(text)
    assert str(raised.value) == (
        f"{said} is not a share; write a percentage such as 99.9%, with 8 digits after the point at most"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (-90, "−1 min 30 s"),
        (0.0123, "12.3 ms"),
        (0.0124567, "12.5 ms"),
        (0.9994, "999 ms"),
        (0.9995, "1 s"),
        (0.9999, "1 s"),
        (1, "1 s"),
        (2.314, "2.31 s"),
        (10, "10 s"),
        (20.5, "20.5 s"),
        (59.4, "59.4 s"),
        (60, "1 min"),
        (60.6, "1 min 1 s"),
        (90, "1 min 30 s"),
        (3599, "59 min 59 s"),
        (7500, "2 h 5 min"),
        (3600, "1 h"),
    ],
)
def test_a_duration_is_said(seconds: float, words: str) -> None:
    assert spoken(seconds) == words


@given(st.floats(0, 1e6))
def test_saying_a_duration_never_fails(seconds: float) -> None:
    assert spoken(seconds)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.0121, "13 ms"),
        (0.1001, "101 ms"),
        (0.1, "100 ms"),
        (0.9991, "1 s"),
        (1.001, "1.01 s"),
        (2.31, "2.31 s"),
        (1, "1 s"),
        (59.991, "1 min"),
        (60, "1 min"),
        (60.001, "1 min 1 s"),
        (90, "1 min 30 s"),
        (3599.1, "1 h"),
        (3600, "1 h"),
        (3600.1, "1 h 1 min"),
        (7201, "2 h 1 min"),
    ],
)
def test_an_upper_bound_is_rounded_up_to_what_is_shown(seconds: float, words: str) -> None:
    assert at_most(seconds) == words


def seconds_of(words: str) -> Decimal:
    factors = {"h": 3600, "min": 60, "s": 1, "ms": Decimal("0.001")}
    return sum((Decimal(n) * factors[unit] for n, unit in re.findall(r"([\d.]+) (\w+)", words)), Decimal(0))


@given(st.floats(0, 1e6))
def test_an_upper_bound_is_never_said_to_be_less_than_it_is(seconds: float) -> None:
    assert seconds_of(at_most(seconds)) >= Decimal(repr(seconds))


@pytest.mark.parametrize(
    ("share", "words"),
    [
        ("9989/10000", "99.89%"),
        ("999999/1000000", "99.99%"),
        ("999/1000", "99.90%"),
        ("1", "100.00%"),
        ("0", "0.00%"),
    ],
)
def test_a_share_for_people_is_rounded_down(share: str, words: str) -> None:
    assert percent(Fraction(share)) == words


def test_a_value_is_shown_as_it_stands_in_an_error() -> None:
    assert (shown("50"), shown("it's"), shown(50), shown(None)) == ("'50'", "'it's'", "50", "None")
