"""When a prober did not run: its own delays, which must not be taken for the service's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gameday.measure.samples import Samples, Times

# a shorter delay is every process's lot
SHORTEST_NS = 10_000_000


@dataclass(frozen=True, slots=True)
class Delays:
    """Spans in which a probe was due and the prober sent nothing; in order, apart from each other.

    before_ns: for each span, how long all spans before it lasted together.
    """

    start_ns: Times
    end_ns: Times
    before_ns: Times

    @classmethod
    def of(cls, samples: Samples) -> Delays:
        """From the samples of one prober, which sends in the order of its schedule."""
        sent_ns = np.maximum.accumulate(samples.sent_ns)
        idle_since_ns = samples.scheduled_ns.copy()
        idle_since_ns[1:] = np.maximum(idle_since_ns[1:], sent_ns[:-1])
        is_held_up = sent_ns - idle_since_ns > SHORTEST_NS
        start_ns, end_ns = idle_since_ns[is_held_up], sent_ns[is_held_up]
        lasted_ns = end_ns - start_ns
        return cls(start_ns, end_ns, np.cumsum(lasted_ns) - lasted_ns)

    def inside(self, samples: Samples) -> Times:
        """How long the prober was held up between each sample's send and its completion, nanoseconds."""
        return self._until(samples.done_ns) - self._until(samples.sent_ns)

    def _until(self, at_ns: Times) -> Times:
        """How long it was held up before each moment."""
        if not len(self.start_ns):
            return np.zeros(len(at_ns), dtype=np.int64)
        place = np.maximum(np.searchsorted(self.start_ns, at_ns, side="right") - 1, 0)
        in_last_ns = np.clip(at_ns - self.start_ns[place], 0, self.end_ns[place] - self.start_ns[place])
        total: Times = self.before_ns[place] + in_last_ns
        return total
