"""When a prober did not run: its own delays, which must not be taken for the service's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gameday.measure.samples import Samples, Times

# a shorter delay is every process's lot
SHORTEST_NS = 10_000_000


@dataclass(frozen=True, slots=True)
class Delays:
    """Spans in which a probe was due and the prober sent nothing; in order, apart from each other."""

    start_ns: Times
    end_ns: Times

    @classmethod
    def of(cls, samples: Samples) -> Delays:
        """From the samples of one prober, which sends in the order of its schedule."""
        sent_ns = np.maximum.accumulate(samples.sent_ns)
        idle_since_ns = samples.scheduled_ns.copy()
        idle_since_ns[1:] = np.maximum(idle_since_ns[1:], sent_ns[:-1])
        is_held_up = sent_ns - idle_since_ns > SHORTEST_NS
        return cls(idle_since_ns[is_held_up], sent_ns[is_held_up])

    def longest_inside(self, samples: Samples) -> Times:
        """The longest time in one piece that it was held up while each sample was under way, nanoseconds.

        Whoever ran in between would have seen the answer then.
        """
        if not len(self.start_ns):
            return np.zeros_like(samples.sent_ns)
        first = np.searchsorted(self.end_ns, samples.sent_ns)
        last = np.searchsorted(self.start_ns, samples.done_ns) - 1
        longest_ns: Times = np.maximum(self._part(samples, first), self._part(samples, last))
        # those between the first and the last one count as a whole
        has_between = last - first > 1
        pairs = np.stack((first[has_between] + 1, last[has_between]), axis=1)
        between_ns = np.maximum.reduceat(self.end_ns - self.start_ns, pairs.ravel())[::2]
        longest_ns[has_between] = np.maximum(longest_ns[has_between], between_ns)
        return longest_ns

    def _part(self, samples: Samples, place: Times) -> Times:
        """How much of a span lies between each sample's send and its completion; 0 without such a span."""
        place = np.minimum(place, len(self.start_ns) - 1)
        begin_ns = np.maximum(self.start_ns[place], samples.sent_ns)
        part: Times = np.maximum(np.minimum(self.end_ns[place], samples.done_ns) - begin_ns, 0)
        return part
