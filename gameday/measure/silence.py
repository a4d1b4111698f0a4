"""Where a recorder knows nothing: it was silent, or it did not send what was due."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gameday.clock import NS_PER_S
from gameday.measure.samples import Samples, Times
from gameday.measure.skips import excused
from gameday.measure.sli import Judged

# an open-loop recorder that was silent longer than this may have missed an outage
GAP_PERIODS = 10
# and no gap of so few periods is one
GAP_FEWEST = 2
GAP_LEAST_NS = NS_PER_S // 2


@dataclass(frozen=True, slots=True)
class Silence:
    """What an open-loop recorder did not see. longest_gap_ns: None when it has no watched span.

    unexplained: how many samples it did not send though nothing that it had sent failed or hung.
    """

    longest_gap_ns: int | None
    unexplained: int = 0

    @property
    def longest_gap_s(self) -> float:
        """The longest gap in seconds, 0 without a watched span."""
        return (self.longest_gap_ns or 0) / NS_PER_S

    def is_too_long(self, period_ns: int, matters_ns: int | None = None) -> bool:
        """Whether an outage may have been missed. matters_ns: the shortest that an objective would miss."""
        limit_ns = max(GAP_LEAST_NS, GAP_PERIODS * period_ns)
        if matters_ns is not None:
            limit_ns = min(limit_ns, max(matters_ns, GAP_FEWEST * period_ns))
        return self.longest_gap_ns is not None and self.longest_gap_ns > limit_ns


def silence_of(samples: Samples, watched: tuple[int, int], steady: tuple[int, int]) -> Silence:
    """The silence of a recorder in a watched span.

    A sample that was skipped because the ones before it hung is no silence. steady: the span in which is seen
    how long an answer usually takes.
    """
    if not samples.skipped.any():
        return Silence(_longest_gap_ns(samples.sent_ns, watched))
    is_excused = excused(samples, steady)
    known_ns = np.concatenate((samples.sent_ns[~samples.skipped], samples.scheduled_ns[is_excused]))
    was_due = (samples.scheduled_ns >= watched[0]) & (samples.scheduled_ns < watched[1])
    unexplained = np.count_nonzero(samples.skipped & was_due & ~is_excused)
    return Silence(_longest_gap_ns(known_ns, watched), int(unexplained))


def silence_about(judged: Judged, watched: tuple[int, int]) -> Silence:
    """The silence about an SLI in a watched span: where nothing is known of it, whoever was to blame."""
    return Silence(_longest_gap_ns(judged.sent_ns, watched))


def _longest_gap_ns(known_ns: Times, watched: tuple[int, int]) -> int | None:
    """The longest time between two moments in a span, its edges included; None in an empty span."""
    if watched[1] <= watched[0]:
        return None
    inside_ns = known_ns[(known_ns > watched[0]) & (known_ns < watched[1])]
    if not len(inside_ns):
        return watched[1] - watched[0]
    inside_ns.sort(kind="stable")  # nearly in order, which this way of sorting makes use of
    at_the_edges_ns = inside_ns[0] - watched[0], watched[1] - inside_ns[-1]
    return int(max(*at_the_edges_ns, np.diff(inside_ns).max(initial=0)))
