"""Samples that a recorder did not send: which of them the service is to blame for."""

from __future__ import annotations

import numpy as np

from gameday.clock import NS_PER_S
from gameday.measure.samples import Flags, Samples, Times

# a recorder that runs gives up sooner than this
GIVEN_UP_WITHIN_NS = NS_PER_S // 2


def excused(samples: Samples, steady: tuple[int, int]) -> Flags:
    """Which samples were skipped while one that was sent failed or hung: the service did not answer then.

    Hung is what took more than twice as long as any right answer in the steady state. What was given up late
    was skipped by a recorder that was held up itself.
    """
    if not samples.skipped.any():
        return np.zeros(len(samples), dtype=np.bool_)
    is_excused = samples.skipped & (samples.latency_ns <= GIVEN_UP_WITHIN_NS)
    if not is_excused.any():
        return is_excused
    took_ns = samples.done_ns - samples.sent_ns
    is_steady = (samples.scheduled_ns >= steady[0]) & (samples.scheduled_ns < steady[1])
    usual_ns = took_ns[samples.ok & ~samples.skipped & is_steady]
    hung_ns = 2 * usual_ns.max() if len(usual_ns) else took_ns.max()
    failed = samples.where(~samples.skipped & (~samples.ok | (took_ns > hung_ns)))
    if not len(failed):
        return np.zeros(len(samples), dtype=np.bool_)
    order = np.argsort(failed.sent_ns)
    sent_ns: Times = failed.sent_ns[order]
    done_ns: Times = np.maximum.accumulate(failed.done_ns[order])
    place = np.searchsorted(sent_ns, samples.done_ns, side="right") - 1
    was_failing: Flags = (place >= 0) & (done_ns[np.maximum(place, 0)] >= samples.scheduled_ns)
    return is_excused & was_failing
