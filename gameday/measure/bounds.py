"""The bounds of an outage: spans that hold the moments when it really began and ended.

The definitions, with pictures, are in docs/measurement.md. Times are nanoseconds on the run clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from gameday.clock import NS_PER_S
from gameday.measure.core import SCORE, Core, Scores, share_of
from gameday.measure.samples import Flags, Times
from gameday.measure.sli import Judged
from gameday.measure.windows import Windows

Logs = npt.NDArray[np.float64]

# how likely an end of an outage may lie beyond its bound
HIDDEN = 0.001
# the logarithm of that, less what rounding may add up to: it must not decide
LEAST = math.log(HIDDEN) - 1e-9
# how far around an outage the host's slowness counts
NEARBY_NS = 2 * NS_PER_S
# samples looked at in one go beside an outage
STEP = 1024


@dataclass(frozen=True, slots=True)
class Span:
    """A moment known to lie in [low, high]."""

    low_ns: int
    high_ns: int


@dataclass(frozen=True, slots=True)
class Edges:
    """The edges of an outage, as indices of samples.

    floor: where it may have begun at the earliest. first, last: the first and the last bad sample of its
    core. surely_first, surely_last: the same, leaving out what may as well be errors of the steady state.
    sustained: the end of the sustain period after it.
    """

    floor: int
    first: int
    last: int
    surely_first: int
    surely_last: int
    sustained: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What the bounds rest on. longest_good_ns: `L`. period_ns: None for a closed loop.

    steady: the share of bad samples in the steady state.
    """

    longest_good_ns: int
    period_ns: int | None
    steady: Fraction


def sure_edges(windows: Windows, core: Core, steady: Fraction) -> tuple[int, int]:
    """The first and last bad sample of a core that are no errors of the steady state, as far as chance tells.

    A bad sample at an edge may be one when the core without it is nearly as likely.
    """
    inside = windows.bad[core.first : core.last + 1]
    scores = Scores.of(share_of(windows, core), steady)
    if scores.good == 0:
        return int(inside[0]), int(inside[-1])
    return int(inside[_doubtful(inside, scores)]), int(inside[-1 - _doubtful(-inside[::-1], scores)])


def _doubtful(inside: Times, scores: Scores) -> int:
    """How many bad samples from the start on may be left out, the last one never."""
    place = np.arange(1, len(inside))
    lost = place * scores.bad - (inside[place] - inside[0] - place) * scores.good
    kept = np.flatnonzero(lost > -math.log(HIDDEN) * SCORE)
    return int(kept[0]) if len(kept) else len(place)


def began(judged: Judged, edges: Edges, limits: Limits) -> Span:
    """A good answer was served at or after its send; a failure happened at or before it was known.

    A late sample only shows that nobody answered within `L` of its send, so there the assumption is needed.
    """
    outside = _first_outside(judged, edges, np.arange(edges.first - 1, edges.floor, -1), limits.steady)
    low_ns = int(judged.sent_ns[edges.floor if outside is None else outside])
    high_ns = int(judged.done_ns[edges.surely_first])
    if judged.late[edges.surely_first]:
        high_ns = min(high_ns, int(judged.sent_ns[edges.surely_first]) + limits.longest_good_ns)
    return _span(judged, min(low_ns, high_ns), high_ns)


def ended(judged: Judged, edges: Edges, back: int, limits: Limits) -> Span:
    """The last failed send was still inside; the first answers were outside.

    A frozen service answers what waits when it thaws, so its late samples end one timeout early by their
    sends. Their completions say when it came back: no earlier than a period and `L` before the first answer.
    """
    answers = answers_after(judged, back, edges.sustained)
    outside = _first_outside(judged, edges, np.arange(back, edges.sustained), limits.steady)
    hidden = int(np.count_nonzero(judged.good[back:outside]))  # all that there are, where all may hide
    high_ns = int(answers[min(hidden, len(answers) - 1)])
    bad = edges.first + np.flatnonzero(~judged.good[edges.first : edges.surely_last + 1])
    low_ns = int(judged.sent_ns[bad[-1]])
    late = bad[judged.late[bad]]
    if len(late):
        period_ns = limits.period_ns
        if period_ns is None:
            period_ns = int(np.diff(judged.scheduled_ns[edges.first : back + 1]).max())
        answered_ns = min(int(answers[0]), _answered_late_ns(judged, late))
        low_ns = max(low_ns, answered_ns - (period_ns + limits.longest_good_ns))
    return _span(judged, min(low_ns, high_ns), high_ns)


def answers_after(judged: Judged, back: int, sustained: int) -> Times:
    """When good answers came from `back` on, sorted: in the sustain period, and while requests overlap."""
    overlapping = int(np.searchsorted(judged.scheduled_ns, judged.done_ns[back], side="right"))
    end = max(sustained, overlapping)
    answers: Times = np.sort(judged.done_ns[back:end][judged.good[back:end]])
    return answers


def longest_good_ns(judged: Judged, baseline_ns: int, first: int, recovered_ns: int | None) -> int:
    """`L` at an outage: that of the baseline, or what was slower close by.

    first: its first bad sample. recovered_ns: the first good answer after it, None when there was none. A
    host that was busy around the outage answered slowly then, whatever it did in the baseline; a recorder
    that was held up sent late, and took notice of answers as late.
    """
    began_ns = int(judged.scheduled_ns[first])
    found = [
        baseline_ns,
        judged.between(began_ns - NEARBY_NS, began_ns).longest_good_latency_ns(),
        judged.between(began_ns, began_ns + NEARBY_NS).longest_delay_ns(),
    ]
    if recovered_ns is not None:
        # requests sent before the first answer may have waited for the service to come back
        found.append(judged.between(recovered_ns - NEARBY_NS, recovered_ns).longest_delay_ns())
        found.append(judged.between(recovered_ns, recovered_ns + NEARBY_NS).longest_good_latency_ns())
    return max(found)


def _first_outside(judged: Judged, edges: Edges, places: Times, steady: Fraction) -> int | None:
    """Walking away from an edge, the first good sample that surely is outside; None when none is.

    A sample may belong to the outage while the outage explains all up to it HIDDEN times as well as the
    steady state does. The share of bad samples inside is not known: it is what the samples between the two
    edges show, and before them a larger one was likelier, Beta(2, 1). When they were all bad, it is even odds
    that nothing good can be in it at all.
    """
    inside = judged.good[edges.first + 1 : edges.last]
    own, other = int(np.count_nonzero(~inside)) + 2, int(np.count_nonzero(inside)) + 1
    told = -math.log(own) if other == 1 else 0.0
    error = float(steady)
    for begin in range(0, len(places), STEP):
        part = places[begin : begin + STEP]
        good = judged.good[part]
        explained = told + np.cumsum(_log_ratios(good, own, other, error))
        outside = np.flatnonzero(good & (explained < LEAST))
        if len(outside):
            return int(part[outside[0]])
        told, own, other = float(explained[-1]), own + int((~good).sum()), other + int(good.sum())
    return None


def _log_ratios(good: Flags, own: int, other: int, error: float) -> Logs:
    """How much better the outage explains each sample than the steady state, given those before it."""
    goods = other + np.cumsum(good) - good
    bads = own + np.cumsum(~good) - ~good
    chance = np.where(good, goods, bads) / (goods + bads)
    steady = np.where(good, 1 - error, error)
    with np.errstate(divide="ignore"):  # without errors in the steady state, a bad one surely belongs to it
        ratios: Logs = np.log(chance / steady)
    return ratios


def _answered_late_ns(judged: Judged, late: Times) -> int:
    """When the first late answer after the last timeout came; without one, when that timeout was over."""
    done_ns = judged.done_ns[late]
    last_timeout_ns = done_ns[judged.timed_out[late]].max(initial=0)
    answered_ns = done_ns[done_ns > last_timeout_ns]
    return int(answered_ns.min() if len(answered_ns) else last_timeout_ns)


def _span(judged: Judged, low_ns: int, high_ns: int) -> Span:
    """A span, widened by how far a remote recorder's clock may be off."""
    return Span(low_ns - judged.uncertainty_ns, high_ns + judged.uncertainty_ns)
