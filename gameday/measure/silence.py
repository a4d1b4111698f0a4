"""Where a recorder knows nothing: it was silent, or it did not send what was due."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gameday.clock import NS_PER_S
from gameday.measure.samples import Flags, Samples, Times
from gameday.measure.sli import Judged

# an open-loop recorder that was silent longer than this may have missed an outage
GAP_PERIODS = 10
GAP_LEAST_NS = NS_PER_S // 2
# a recorder that runs gives up sooner than this
GIVEN_UP_WITHIN_NS = NS_PER_S // 2


@dataclass(frozen=True, slots=True)
class Silence:
    """What an open-loop recorder did not see. longest_gap_ns: None when it has no watched span.

    unexplained: how many samples it did not send though nothing that it had sent failed or hung.
    """

    longest_gap_ns: int | None
    unexplained: int = 0

    def is_too_long(self, period_ns: int) -> bool:
        """Whether an outage may have been missed."""
        longest_ns = self.longest_gap_ns or 0
        return longest_ns > max(GAP_LEAST_NS, GAP_PERIODS * period_ns)


def silence_of(
    samples: Samples, watched: tuple[int, int], steady: tuple[int, int], judged: Judged | None = None
) -> Silence:
    """The silence in a watched span, its edges included; of an SLI, when its judged samples are given.

    A sample that was skipped because the ones before it hung is no silence: that the service did not answer
    is known. steady: the span in which is seen how long an answer usually takes.
    """
    if watched[1] <= watched[0]:
        return Silence(None)
    skipped = samples.where(samples.skipped)
    is_explained = _hanging_during(samples, skipped, steady)
    sent_ns = samples.sent_ns[~samples.skipped] if judged is None else judged.sent_ns
    known_ns = np.concatenate((sent_ns, skipped.scheduled_ns[is_explained]))
    inside = known_ns[(known_ns >= watched[0]) & (known_ns < watched[1])]
    moments = np.concatenate(([watched[0]], np.sort(inside), [watched[1]]))
    was_due = (skipped.scheduled_ns >= watched[0]) & (skipped.scheduled_ns < watched[1])
    return Silence(int(np.diff(moments).max()), int(np.count_nonzero(was_due & ~is_explained)))


def _hanging_during(samples: Samples, skipped: Samples, steady: tuple[int, int]) -> Flags:
    """For each skipped sample, whether one that was sent failed or hung between its due time and its end.

    Hung is what took more than twice as long as any right answer in the steady state. What was given up late
    was skipped by a recorder that was held up itself.
    """
    sent = samples.where(~samples.skipped)
    took_ns = sent.done_ns - sent.sent_ns
    is_usual = sent.ok & (sent.scheduled_ns >= steady[0]) & (sent.scheduled_ns < steady[1])
    hung_ns = 2 * took_ns[is_usual].max() if is_usual.any() else took_ns.max(initial=0)
    failed = sent.where(~sent.ok | (took_ns > hung_ns))
    if not len(failed):
        return np.zeros(len(skipped), dtype=np.bool_)
    order = np.argsort(failed.sent_ns, kind="stable")
    sent_ns: Times = failed.sent_ns[order]
    done_ns: Times = np.maximum.accumulate(failed.done_ns[order])
    place = np.searchsorted(sent_ns, skipped.done_ns, side="right") - 1
    explained: Flags = (place >= 0) & (done_ns[np.maximum(place, 0)] >= skipped.scheduled_ns)
    return explained & (skipped.latency_ns <= GIVEN_UP_WITHIN_NS)
