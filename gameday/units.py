"""Durations, rates and shares as people write them: `250ms`, `50/s`, `99.9%`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
LONGEST_DAYS = 3660
LONGEST_S = LONGEST_DAYS * 86_400.0
SHORTEST_S = 1e-6
SLOWEST_PER_S = 1 / LONGEST_S
LONGEST_SHOWN = 100  # characters of a value in an error message
SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,8})?)\s*%")
RATE = re.compile(r"(\d+(?:\.\d+)?)/(s|m|h)")


def duration_s(text: object) -> float:
    """Seconds of a duration such as `250ms`, `30s`, `1h30m`.

    Raises ValueError when the text is not a duration; a bare number has no unit and is refused.
    """
    if text == 0 and not isinstance(text, bool):
        return 0.0
    if not isinstance(text, str) or not DURATION.fullmatch(text.strip()):
        raise ValueError(f"{shown(text)} is not a duration; write for example 250ms, 30s, 5m or 1h30m")
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
    seconds = sum(Decimal(number) * SECONDS[unit] for number, unit in parts)
    if seconds > LONGEST_S or 0 < seconds < SHORTEST_S:
        raise ValueError(
            f"{shown(text)} is no duration to work with; it is 0, or 1 µs to {LONGEST_DAYS} days"
        )
    return float(seconds)


def rate_per_s(text: object) -> float:
    """Events per second of a rate such as `50/s` or `30/m`. Raises ValueError when the text is not one."""
    match = RATE.fullmatch(text.strip()) if isinstance(text, str) else None
    per_s = float(Decimal(match[1]) / SECONDS[match[2]]) if match else 0.0
    if not SLOWEST_PER_S <= per_s < math.inf:
        raise ValueError(f"{shown(text)} is not a rate; write for example 50/s or 30/m")
    return per_s


@dataclass(frozen=True, slots=True)
class Share:
    """A share of good samples, kept exactly: 99.9 % is 999/1000, so no comparison ever rounds."""

    fraction: Fraction

    @classmethod
    def parse(cls, text: object) -> Share:
        """Read `99.9%`. Raises ValueError when the text is not a percentage of 0 to 100."""
        match = SHARE.fullmatch(text.strip()) if isinstance(text, str) else None
        if match is None or Decimal(match[1]) > 100:
            raise ValueError(
                f"{shown(text)} is not a share; write a percentage such as 99.9%, with 8 digits after the "
                "point at most"
            )
        return cls(Fraction(match[1]) / 100)

    def __float__(self) -> float:
        return float(self.fraction)

    def __str__(self) -> str:
        percentage = self.fraction * 100
        return f"{Decimal(percentage.numerator) / Decimal(percentage.denominator):f}%"


def shown(value: object) -> str:
    """A value as it stands in an error message; a long one is cut."""
    text = f"'{value[: LONGEST_SHOWN + 1]}'" if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST_SHOWN + 2 else f"{text[:LONGEST_SHOWN]}…"


def at_most(seconds: float) -> str:
    """An upper bound for people, rounded up to what is shown: it must not be said to be less than it is."""
    if seconds < 60:
        return spoken(_up(seconds, 0.001 if seconds < 1 else 0.01))
    return spoken(_up(seconds, 1 if seconds < 3600 else 60))


def _up(seconds: float, step: float) -> float:
    """The next multiple of a step, as exactly as the numbers are written."""
    steps = math.ceil(Decimal(repr(seconds)) / Decimal(repr(step)))
    return float(steps * Decimal(repr(step)))


def percent(share: Fraction) -> str:
    """A good share for people, rounded down to two decimals: what misses 99.9 % is never shown as 99.9 %."""
    return f"{math.floor(share * 10_000) / 100:.2f}%"


def spoken(seconds: float) -> str:
    """A duration for people: `850 ms`, `2.31 s`, `1 min 30 s`, `2 h 5 min`."""
    if seconds < 0:
        return f"−{spoken(-seconds)}"
    if 0 < seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:.2f}".rstrip("0").rstrip(".") + " s"
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest_s} s" if rest_s else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
