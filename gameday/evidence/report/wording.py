"""Figures in words and digits, as the report shows them: rounding never makes one look better than it is."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from gameday.evidence.record import RpoPart, RtoPart
from gameday.units import spoken

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def rto_words(rto: RtoPart | None, *, was_cut_short: bool = False) -> str:
    """`2.31 s`, `> 90 s`, `no impact seen`: never a number that was not measured."""
    if rto is None:
        return "not measured"
    if not rto.impact_seen:
        return "no impact seen"
    if not rto.recovered:
        return "not recovered" if was_cut_short or rto.deadline is None else f"> {spoken(rto.deadline)}"
    return "not known" if rto.seconds is None else spoken(rto.seconds)


def rpo_words(rpo: RpoPart | None) -> str:
    """The RPO in words."""
    if rpo is None:
        return "not measured"
    return "not known" if rpo.seconds is None else spoken(rpo.seconds)


def utc_ns(moment: str) -> int:
    """Nanoseconds since the Unix epoch of an RFC 3339 moment."""
    return (datetime.fromisoformat(moment) - EPOCH) // MICROSECOND * 1000


def brief(length_s: float) -> str:
    """A length for a plot: hundredths of a second below a minute."""
    return f"{length_s:.2f} s" if length_s < 60 else spoken(length_s)


def percent(share: float | None) -> str:
    """A share as a percentage to three decimals; one that is not whole is never shown as 0 or 100."""
    if share is None:
        return "–"
    text = f"{share * 100:.3f}"
    if text == "100.000" and share < 1:
        return "> 99.999"
    return "< 0.001" if text == "0.000" and share > 0 else text


def fixed(figure: float | None, places: int = 3) -> str:
    """A number with this many decimals; a dash when it is not known."""
    return "–" if figure is None or not math.isfinite(figure) else f"{figure:,.{places}f}".replace("-", "−")


def number(count: int | None) -> str:
    """A count with thousands separated."""
    return "–" if count is None else f"{count:,}"


def below(figure: float) -> str:
    """A lower bound to three decimals, rounded down, so that rounding never narrows an interval."""
    return f"{Decimal(repr(figure)).quantize(Decimal('0.001'), ROUND_FLOOR):,}"


def above(figure: float) -> str:
    """An upper bound to three decimals, rounded up."""
    return f"{Decimal(repr(figure)).quantize(Decimal('0.001'), ROUND_CEILING):,}"


def plain(value: object) -> str:
    """Any value of the record's open parts as a short text."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.6f}".rstrip("0").rstrip(".")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def between(low: float | None, high: float | None) -> str:
    """An interval in seconds, rounded outwards; a dash when it is not known."""
    return "–" if low is None or high is None else f"{below(low)} – {above(high)} s"
