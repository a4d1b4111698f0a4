"""SLIs: samples judged good or bad, and the share of good ones in each trailing window."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from gameday.measure.samples import Flags, Samples, Times


@dataclass(frozen=True, slots=True)
class Judged:
    """The samples of one SLI, ordered by `scheduled_ns`; all arrays have one length.

    `late` samples are bad only because they took too long: a timeout, or a good answer over the limit.
    Completions of late samples say when a frozen service came back; sends of them do not.
    """

    scheduled_ns: Times
    sent_ns: Times
    done_ns: Times
    good: Flags
    late: Flags
    timed_out: Flags
    uncertainty_ns: int = 0

    def __len__(self) -> int:
        return len(self.scheduled_ns)

    def between(self, start_ns: int, end_ns: int) -> Judged:
        """The samples scheduled in [start, end)."""
        first, last = np.searchsorted(self.scheduled_ns, [start_ns, end_ns])
        cut = slice(int(first), int(last))
        return Judged(
            self.scheduled_ns[cut],
            self.sent_ns[cut],
            self.done_ns[cut],
            self.good[cut],
            self.late[cut],
            self.timed_out[cut],
            self.uncertainty_ns,
        )

    def share(self) -> float | None:
        """The share of good samples, 0 to 1; None without samples."""
        return float(np.count_nonzero(self.good) / len(self)) if len(self) else None

    def longest_good_latency_ns(self) -> int:
        """The longest latency of a good sample, from its scheduled send; 0 without good samples."""
        latencies = (self.done_ns - self.scheduled_ns)[self.good]
        return int(latencies.max()) if len(latencies) else 0

    def longest_delay_ns(self) -> int:
        """How late the latest sample was sent, after its scheduled send; 0 without samples."""
        return int((self.sent_ns - self.scheduled_ns).max()) if len(self) else 0


def judge(samples: Samples, *, match: str | None = None, good_within_ns: int | None = None) -> Judged:
    """Judge samples: good is ok, and answered within `good_within_ns` when that is given.

    match: only the samples of this series, such as `POST /orders`.
    """
    if match is not None:
        samples = samples.named(match)
    good = samples.ok
    late = samples.timed_out
    if good_within_ns is not None:
        is_slow = samples.latency_ns >= good_within_ns
        late = late | (good & is_slow)
        good = good & ~is_slow
    return Judged(
        samples.scheduled_ns,
        samples.sent_ns,
        samples.done_ns,
        good,
        late,
        samples.timed_out,
        samples.uncertainty_ns,
    )


def balance(good: Flags, objective: Fraction) -> Times:
    """Prefix sums (length n + 1) whose difference over a window is negative exactly when the window misses.

    A good sample weighs `denominator − numerator`, a bad one `−numerator`: integers, so nothing rounds.
    """
    sums = np.empty(len(good) + 1, dtype=np.int64)
    sums[0] = 0
    np.cumsum(good * np.int64(objective.denominator) - np.int64(objective.numerator), out=sums[1:])
    return sums


def window_starts(scheduled_ns: Times, window_ns: int) -> Times:
    """For each sample, the index of the first sample within its trailing window (t − window, t]."""
    return np.searchsorted(scheduled_ns, scheduled_ns - window_ns, side="right").astype(np.int64)


def shares_over_time(
    judged: Judged, window_ns: int, at_ns: Times
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The good share in the trailing window at each moment of `at_ns`; NaN where the window is empty."""
    counts = np.concatenate(([0], np.cumsum(judged.good)))
    first = np.searchsorted(judged.scheduled_ns, at_ns - window_ns, side="right")
    last = np.searchsorted(judged.scheduled_ns, at_ns, side="right")
    with np.errstate(invalid="ignore"):
        shares: np.ndarray[tuple[int], np.dtype[np.float64]] = (counts[last] - counts[first]) / (last - first)
    return shares
