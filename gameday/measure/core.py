"""The core of an outage: which bad samples are its own, and which are errors of the steady state.

A stretch of samples is scored by how much better an outage explains it than the steady state does: the
logarithm of the likelihood ratio, which a bad sample raises and a good one lowers. The core is the stretch
with the highest score. Scores are whole numbers, so that every machine finds the same core.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from gameday.measure.samples import Times
from gameday.measure.windows import Windows

# scores are logarithms to the base e in units of this
SCORE = 2**20
# how often the share of bad samples inside is taken again from the core that it gave
ROUNDS = 8
# bad samples looked at in one go, so that a search costs what it finds
STEP = 1024


@dataclass(frozen=True, slots=True)
class Scores:
    """What a bad sample adds to a score, and what a good one takes off; both positive."""

    bad: int
    good: int

    @classmethod
    def of(cls, inside: Fraction, steady: Fraction) -> Scores:
        """From the share of bad samples inside the outage, and in the steady state.

        Where the steady state has no error, or the inside is no worse, every bad sample is the outage's.
        """
        if steady == 0 or inside <= steady:
            return cls(SCORE, 0)
        return cls(_log(inside / steady), _log((1 - steady) / (1 - inside)))


def smoothed(bad: int, total: int) -> Fraction:
    """The share of bad samples behind `bad` of `total`, never 0 and never 1."""
    return Fraction(2 * bad + 1, 2 * total + 2)


@dataclass(frozen=True, slots=True)
class Core:
    """The first and the last bad sample of an outage, as places in `Windows.bad`.

    settled_ns: a sample that is scheduled later changes nothing about it.
    """

    first: int
    last: int
    settled_ns: int = field(default=0, compare=False)


def find_core(windows: Windows, miss: int, floor: int, steady: Fraction, sustain_ns: int) -> Core:
    """The core of the outage that shows at the window of sample `miss`, within the samples from `floor` on.

    steady: the share of bad samples in the steady state; 0 cuts nothing.
    """
    low = int(np.searchsorted(windows.bad, max(int(windows.starts[miss]), floor)))
    seen = int(np.searchsorted(windows.bad, miss, side="right")) - 1
    found, settled_ns = Core(low, seen), 0
    for _ in range(ROUNDS):
        scores = Scores.of(share_of(windows, found), steady)
        again = _best(windows, low, seen, miss, scores, sustain_ns)
        settled_ns = max(settled_ns, again.settled_ns)
        if again == found:
            break
        found = again
    return replace(found, settled_ns=settled_ns)


def share_of(windows: Windows, core: Core) -> Fraction:
    """The share of bad samples inside a core."""
    first, last = windows.bad[core.first], windows.bad[core.last]
    return smoothed(core.last - core.first + 1, int(last - first) + 1)


def _best(windows: Windows, low: int, seen: int, miss: int, scores: Scores, sustain_ns: int) -> Core:
    """The stretch with the highest score, the longest of equals, from the bad sample `low` on.

    It is over when the highest score has not been reached again for the sustain period.
    """
    times, at_miss = windows.judged.scheduled_ns, seen - low
    size = at_miss + STEP
    while True:
        bad = windows.bad[low : low + size]
        start, end = _highest(bad, scores)
        until_ns = np.maximum(times[bad[end]], times[miss]) + sustain_ns
        over = at_miss + np.flatnonzero(times[bad[at_miss + 1 :]] > until_ns[at_miss:-1])
        if len(over) or low + size >= len(windows.bad):
            break
        size *= 2
    seen_until = int(over[0]) if len(over) else len(bad) - 1
    best = int(end[seen_until])
    # a window that missed before the best stretch began is part of the outage too
    first = start[best] if bad[start[best]] <= miss else start[end[at_miss]]
    return Core(low + int(first), low + best, int(until_ns[seen_until]))


def _highest(bad: Times, scores: Scores) -> tuple[Times, Times]:
    """For each bad sample: where the best stretch that ends there starts, and where the best so far ends."""
    place = np.arange(len(bad))
    before = place * scores.bad - (bad - place) * scores.good  # the score of all before each, less a constant
    lowest = np.minimum.accumulate(before)
    is_lower = np.diff(lowest, prepend=lowest[0]) < 0
    score = before - lowest  # less what the bad sample adds that each ends with
    is_highest = score >= np.maximum.accumulate(score)
    return np.maximum.accumulate(place * is_lower), np.maximum.accumulate(place * is_highest)


def _log(ratio: Fraction) -> int:
    return round(SCORE * math.log(ratio))
