"""Trailing windows of an SLI: which of them miss its objective. Whole numbers only, so nothing rounds."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.measure.samples import Times
from gameday.measure.sli import Judged

# samples looked at in one go
STEP = 1 << 16


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows (t − window, t] that end with a sample of `judged`; arrays are indices into it.

    starts: each window's first sample. bad: the bad samples. misses: the samples whose window misses.
    slack: how far each of those is below the objective, times its denominator.
    """

    judged: Judged
    weight: int
    starts: Times
    bad: Times
    misses: Times
    slack: Times

    @classmethod
    def of(cls, judged: Judged, objective: Fraction, window_ns: int, known: int | None = None) -> Windows:
        """Every window; one that begins before the first sample is filled up with good ones.

        known: of samples whose beginning was left out, those at the start whose windows are known to hold.
        The windows of all others must be whole.
        """
        starts = window_starts(judged.scheduled_ns, window_ns)
        sums = balance(judged.good, objective)
        slack = sums[starts]
        np.subtract(sums[1:], slack, out=slack)
        del sums
        if known is None:
            whole = int(np.searchsorted(judged.scheduled_ns, judged.scheduled_ns[0] + window_ns))
            missing = whole - 1 - np.arange(whole)
            slack[:whole] += missing * (objective.denominator - objective.numerator)
        else:
            slack[:known] = 0
        misses = np.flatnonzero(slack < 0)
        # of samples of one moment only the last one's window is whole
        after = np.minimum(misses + 1, len(slack) - 1)
        is_last = judged.scheduled_ns[after] != judged.scheduled_ns[misses]
        misses = misses[is_last | (misses == after)]
        return cls(judged, objective.denominator, starts, np.flatnonzero(~judged.good), misses, slack[misses])

    def first_miss(self, floor: int) -> int | None:
        """The first sample from `floor` on whose window misses even if all before `floor` had been good."""
        begin = int(np.searchsorted(self.misses, floor))
        after = int(np.searchsorted(self.starts, floor))  # from here on no window reaches before the floor
        end = int(np.searchsorted(self.misses, max(after, floor)))
        near = self.misses[begin:end]
        forgiven = np.searchsorted(self.bad, floor) - np.searchsorted(self.bad, self.starts[near])
        below = np.flatnonzero(self.slack[begin:end] + forgiven * self.weight < 0)
        if len(below):
            return int(near[below[0]])
        return int(self.misses[end]) if end < len(self.misses) else None


def balance(good: npt.NDArray[Any], objective: Fraction) -> Times:
    """Prefix sums (length n + 1) whose difference over a window is negative exactly when the window misses.

    A good sample weighs `denominator − numerator`, a bad one `−numerator`.
    """
    sums = np.zeros(len(good) + 1, dtype=np.int64)
    weights = sums[1:]
    np.multiply(good, np.int64(objective.denominator), out=weights)
    weights -= objective.numerator
    np.cumsum(weights, out=weights)
    return sums


def window_starts(scheduled_ns: Times, window_ns: int) -> Times:
    """For each sample, the index of the first sample within its trailing window (t − window, t]."""
    starts = np.empty(len(scheduled_ns), dtype=np.int64)
    for begin in range(0, len(starts), STEP):  # a short stretch is searched in a processor's cache
        since_ns = scheduled_ns[begin : begin + STEP] - window_ns
        low, high = np.searchsorted(scheduled_ns, since_ns[[0, -1]], side="right")
        starts[begin : begin + STEP] = low + np.searchsorted(scheduled_ns[low:high], since_ns, side="right")
    return starts
