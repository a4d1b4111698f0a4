"""SLIs: samples judged good or bad, and the share of good ones."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from fractions import Fraction

import numpy as np

from gameday.measure.delays import Delays
from gameday.measure.samples import Flags, Samples, Times
from gameday.measure.skips import excused
from gameday.measure.values import Wanted


@dataclass(frozen=True, slots=True)
class Sends:
    """When samples were due and when they were sent, ordered by `scheduled_ns`."""

    scheduled_ns: Times
    sent_ns: Times

    def between(self, start_ns: int, end_ns: int) -> Sends:
        """Those that were due in [start, end)."""
        first, last = np.searchsorted(self.scheduled_ns, [start_ns, end_ns])
        return Sends(self.scheduled_ns[first:last], self.sent_ns[first:last])


@dataclass(frozen=True, slots=True)
class Judged:
    """The samples of one SLI, ordered by `scheduled_ns`; all arrays have one length.

    `late` samples are bad only because they took too long: a timeout, or a good answer over the limit.
    Completions of late samples say when a frozen service came back; sends of them do not. sends: all that the
    recorder sent, also what says nothing of the service; None for just these.
    """

    scheduled_ns: Times
    sent_ns: Times
    done_ns: Times
    good: Flags
    late: Flags
    timed_out: Flags
    uncertainty_ns: int = 0
    sends: Sends | None = None

    def __len__(self) -> int:
        return len(self.scheduled_ns)

    def between(self, start_ns: int, end_ns: int) -> Judged:
        """The samples scheduled in [start, end)."""
        first, last = np.searchsorted(self.scheduled_ns, [start_ns, end_ns])
        sends = None if self.sends is None else self.sends.between(start_ns, end_ns)
        return replace(self, sends=sends, **{name: getattr(self, name)[first:last] for name in COLUMNS})

    def share(self) -> Fraction | None:
        """The share of good samples, exactly, 0 to 1; None without samples."""
        return Fraction(int(np.count_nonzero(self.good)), len(self)) if len(self) else None

    def longest_good_latency_ns(self) -> int:
        """The longest latency of a good sample, from its scheduled send; 0 without good samples."""
        latencies = (self.done_ns - self.scheduled_ns)[self.good]
        return int(latencies.max()) if len(latencies) else 0

    def longest_delay_ns(self) -> int:
        """How late the latest sample was sent, after its scheduled send; 0 without samples."""
        sends = self.sends or Sends(self.scheduled_ns, self.sent_ns)
        return int((sends.sent_ns - sends.scheduled_ns).max(initial=0))


COLUMNS = tuple(column.name for column in fields(Judged) if column.name not in ("uncertainty_ns", "sends"))


@dataclass(frozen=True, slots=True)
class Goodness:
    """What makes a sample good. match: only this series counts, such as `POST /orders`.

    within_ns: the longest that a good answer takes, None for any time. is_probed: whether an open-loop prober
    took the samples, whose own delays can be told from the service's. wanted: what a good value is like, for
    samples that are values.
    """

    match: str | None = None
    within_ns: int | None = None
    is_probed: bool = False
    wanted: Wanted | None = None


ANYTHING = Goodness()
NO_STEADY_STATE = (0, 0)


def judge(
    samples: Samples, goodness: Goodness = ANYTHING, steady: tuple[int, int] = NO_STEADY_STATE
) -> Judged:
    """Judge samples: good is ok, and answered in time. What the recorder cannot know is left out.

    That is a sample that was only late because the recorder was held up, and one that it did not send, unless
    those before it failed or hung: then the service is to blame, and it is bad from its due time on.
    """
    if goodness.wanted is not None:
        return _judge_values(samples, goodness.wanted)
    if goodness.match is not None:
        samples = samples.named(goodness.match)
    is_excused = excused(samples, steady)
    is_known = ~samples.skipped | is_excused
    held_up_ns: Times | int = 0
    if goodness.is_probed and (goodness.within_ns is not None or samples.timed_out.any()):
        held_up_ns = Delays.of(samples).longest_inside(samples)
        is_known &= ~(samples.timed_out & (2 * held_up_ns > samples.done_ns - samples.sent_ns))
    good, late = samples.ok, samples.timed_out
    if goodness.within_ns is not None:
        is_slow = samples.ok & (samples.latency_ns > goodness.within_ns)
        own_ns = samples.sent_ns - samples.scheduled_ns + held_up_ns
        is_known &= ~(is_slow & (own_ns >= samples.latency_ns - goodness.within_ns))
        good, late = good & ~is_slow, late | is_slow
    sent_ns = (
        np.where(is_excused, samples.scheduled_ns, samples.sent_ns) if is_excused.any() else samples.sent_ns
    )
    known, sent = _chosen(is_known), _chosen(~samples.skipped)
    return Judged(
        samples.scheduled_ns[known],
        sent_ns[known],
        samples.done_ns[known],
        good[known],
        late[known],
        samples.timed_out[known],
        samples.uncertainty_ns,
        Sends(samples.scheduled_ns[sent], samples.sent_ns[sent]),
    )


def _chosen(mask: Flags) -> Flags | slice:
    """What a mask chooses; of all samples no copy is made, and a run may have a hundred million."""
    return slice(None) if mask.all() else mask


def _judge_values(samples: Samples, wanted: Wanted) -> Judged:
    """Judge values: a reading without one, stale or absent, says nothing."""
    known = samples.where(~samples.skipped & ~np.isnan(samples.value))
    never = np.zeros(len(known), dtype=bool)
    times = (known.scheduled_ns, known.sent_ns, known.done_ns)
    sends = Sends(samples.scheduled_ns[~samples.skipped], samples.sent_ns[~samples.skipped])
    return Judged(*times, wanted.holds(known.value), never, never, samples.uncertainty_ns, sends)


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
