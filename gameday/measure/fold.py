"""What is known of an SLI while a run goes on: a fold over its samples that keeps a bounded number of them.

What docs/measurement.md defines is measured here too, over what can still change: samples whose windows are
known to hold, and outages that are surely over, are left behind. "While a run goes on" there says what is
exact. The figures of the record never come from here; they are measured from all samples after the run.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from gameday.measure.outage import Criteria, Search
from gameday.measure.plan import SliPlan
from gameday.measure.samples import Times, from_rows
from gameday.measure.sli import Judged, judge
from gameday.measure.sofar import NEVER_NS, Back, Held, InView, OutageSoFar, in_view, with_bad
from gameday.measure.steady import Steadiness
from gameday.measure.trail import Rows, Trail
from gameday.measure.windows import Windows
from gameday.samples import OK, SKIPPED

# samples kept of an SLI: a look at so many takes less than ten milliseconds
LIMIT = 65_536
# as many times more where a window holds more
ROOM_FOR_WINDOWS = 8
# outages that are over
MOST_OVER = 1_000

LATE = "samples came in long after they were due"
LONG_OUTAGE = "an outage has more samples than are kept"
LONG_WINDOW = "a window has more samples than are kept"
MANY = "there were more outages than are kept"


@dataclass(frozen=True, slots=True)
class _Look:
    """The samples that are kept, judged, and the outages among them. search: None without samples."""

    judged: Judged
    search: Search | None
    outages: tuple[InView, ...]


class Fold:
    """One SLI's samples, as they come, and what is known by them.

    limit: how many samples are kept. steady: the span of the steady state; its end is the present until the
    method has begun. estimates: why answers may differ from those that all samples would give.
    """

    def __init__(self, sli: SliPlan, sustain_ns: int, limit: int = LIMIT) -> None:
        self.sli = sli
        self.goodness = replace(sli.goodness, match=None)  # whoever gives rows gives those of the series only
        self.sustain_ns = sustain_ns
        self.limit = limit
        self.most = ROOM_FOR_WINDOWS * limit
        self.steady = (NEVER_NS, NEVER_NS)
        self.estimates: dict[str, None] = {}
        self.trail = Trail()
        self._over: list[OutageSoFar] = []
        self._held: Held | None = None
        self._held_until_ns = 0
        self._cut_ns: int | None = None  # what was scheduled before is dropped
        self._known_ns = 0  # the windows of what was scheduled before hold, or belong to an outage
        self._due_ns = 0  # what was scheduled before should have come in
        # where outages may begin: a moment, and how many samples of that moment come before
        self._floor: tuple[int, int] | None = None
        self._bad = self._total = 0  # dropped samples of the steady state
        self._looked: tuple[tuple[int, int], _Look] | None = None

    # what comes in

    def take(self, rows: Rows, file: str) -> None:
        """Rows of the SLI's series on the run clock, in any order, from the recorder's file of this name."""
        if not len(rows):
            return
        self._looked = None
        self.trail.add(rows if self._cut_ns is None else self._in_time(rows), file)
        if len(self.trail) > self.limit:
            self._settle()
            self._looked = None

    def move(self, file: str, by_ns: int) -> None:
        """The clock of a file's recorder is known better. What is settled stays as it is."""
        self._looked = None
        self.trail.move(file, by_ns)

    def _in_time(self, rows: Rows) -> Rows:
        """Rows that come too late to be put in their place are taken as the earliest that is still open."""
        is_counted = rows["scheduled_ns"] >= self.steady[0]
        if np.any(is_counted & (rows["scheduled_ns"] < self._due_ns)):
            self.estimates[LATE] = None
        is_late = is_counted & (rows["scheduled_ns"] < self._known_ns)
        if not is_late.any():
            return rows
        rows = rows.copy()
        if self.goodness.within_ns is not None:  # bad by its real latency
            is_slow = rows["done_ns"] - rows["scheduled_ns"] > self.goodness.within_ns
            rows["flags"][is_late & is_slow] &= ~np.uint16(OK)
        for column in ("scheduled_ns", "sent_ns", "done_ns"):
            rows[column][is_late] = np.maximum(rows[column][is_late], self._known_ns)
        kept: Rows = rows[~is_late | ((rows["flags"] & SKIPPED) == 0)]
        return kept

    # what is known

    def steadiness(self) -> Steadiness:
        """The SLI since the start of the baseline, before anything is broken."""
        look = self._look()
        bad, total = self._steady_counts(look.judged)
        share = Fraction(total - bad, total) if total else None
        return Steadiness(self.sli, share, bool(self._over or look.outages))

    def outages(self) -> list[OutageSoFar]:
        """Every outage since the start of the baseline, in order; the last one may be open."""
        look = self._look()
        until_ns = [self._held_until_ns, *[0] * len(look.outages)]
        kept = [
            OutageSoFar(outage.impact_ns, outage.recovered_ns, newest_ns)
            for outage, newest_ns in zip(look.outages, until_ns, strict=False)
        ]
        return with_bad([*self._over, *kept], look.judged)

    def _look(self) -> _Look:
        """What is kept, measured; once for as long as nothing comes in."""
        if self._looked is None or self._looked[0] != self.steady:
            self._looked = (self.steady, self._measured())
        return self._looked[1]

    def _measured(self) -> _Look:
        begin_ns = self.steady[0] if self._cut_ns is None else max(self._cut_ns, self.steady[0])
        judged = judge(from_rows(self.trail.rows), self.goodness).between(begin_ns, NEVER_NS)
        if not len(judged):
            return _Look(judged, None, ())
        bad, total = self._steady_counts(judged)
        criteria = Criteria(
            objective=self.sli.share,
            window_ns=self.sli.window_ns,
            sustain_ns=self.sustain_ns,
            longest_good_ns=0,  # for bounds, which only the record has
            period_ns=self.sli.period_ns,
            steady_bad=bad,
            steady_total=total,
        )
        times = judged.scheduled_ns
        known = None if self._cut_ns is None else int(np.searchsorted(times, self._known_ns))
        windows = Windows.of(judged, criteria.objective, criteria.window_ns, known)
        search = Search(judged, criteria, windows)
        return _Look(judged, search, tuple(in_view(search, self._held, self._floor_in(times))))

    def _floor_in(self, times: Times) -> int:
        """Where outages may begin, and what came before is taken for good."""
        return 0 if self._floor is None else int(np.searchsorted(times, self._floor[0])) + self._floor[1]

    def _steady_counts(self, judged: Judged) -> tuple[int, int]:
        """How many samples of the steady state were bad, and how many there were."""
        kept = judged.between(*self.steady)
        return self._bad + int(np.count_nonzero(~kept.good)), self._total + len(kept)

    # what is left behind

    def _settle(self) -> None:
        """Leave behind what can change no more; where that is too little, what can hardly change any more."""
        due_ns = int(self.trail.rows["scheduled_ns"][-self.limit * 3 // 8])
        if self._cut_ns is None:  # of the warm-up nothing counts
            self.trail.drop(min(due_ns, self.steady[0]), len(self.trail))
            if len(self.trail) <= self.limit - self.limit // 8:
                return
        if not self._fits(due_ns) and 2 * self.limit <= self.most:  # a window needs more room
            self.limit *= 2
            return
        self._due_ns = max(self._due_ns, due_ns)
        look = self._look()
        left = deque(look.outages)
        known_ns = sure_ns = self._sure_ns(due_ns)
        if self._held is None and self.steady[1] <= sure_ns:
            while left and left[0].is_over and left[0].settled_ns < sure_ns:
                self._close(left.popleft(), look.judged)
        if left and left[0].miss_ns is not None:
            known_ns = min(known_ns, left[0].miss_ns)
        if self._held is None and self._is_begun(known_ns, look.judged) and self._fits(known_ns):
            self._leave(known_ns, self._begin_ns(known_ns), look.judged)
        else:
            self._estimate(due_ns, left, look)

    def _sure_ns(self, due_ns: int) -> int:
        """Before when every sample is judged for good, if all that was scheduled before a moment has come in.

        What a recorder was due to do while a sample was under way may change what the sample says.
        """
        rows = self.trail.rows
        is_open = (rows["scheduled_ns"] < due_ns) & (rows["done_ns"] >= due_ns)
        if not self.goodness.is_probed:
            is_open &= (rows["flags"] & SKIPPED) != 0
        return int(rows["scheduled_ns"][is_open].min(initial=due_ns))

    def _is_begun(self, known_ns: int, judged: Judged) -> bool:
        """Whether the first window is over, which is filled up."""
        if self._cut_ns is not None or not len(judged):
            return True
        return known_ns >= int(judged.scheduled_ns[0]) + self.sli.window_ns

    def _begin_ns(self, known_ns: int) -> int:
        """Where the earliest window begins that is not known."""
        return known_ns - self.sli.window_ns + 1

    def _earliest_ns(self) -> int:
        """The earliest moment from which on there is room for everything."""
        return int(self.trail.rows["scheduled_ns"][self.limit // 8 - self.limit])

    def _fits(self, known_ns: int) -> bool:
        return self._begin_ns(known_ns) >= self._earliest_ns()

    def _close(self, outage: InView, judged: Judged) -> None:
        """An outage is over for good."""
        self._over.append(OutageSoFar(outage.impact_ns, outage.recovered_ns, self._held_until_ns))
        self._held, self._held_until_ns = None, 0
        self._floor = _place(judged.scheduled_ns, outage.after)
        if len(self._over) > MOST_OVER:
            self.estimates[MANY] = None
            *self._over, first, last = self._over
            until_ns = max(first.until_ns, last.until_ns)
            self._over.append(OutageSoFar(first.impact_ns, last.recovered_ns, until_ns))

    def _estimate(self, due_ns: int, left: deque[InView], look: _Look) -> None:
        """Make room: what an outage has been up to now is taken for granted."""
        while left and left[0].has_lasted(self.sustain_ns, due_ns):
            self.estimates[LONG_OUTAGE] = None
            self._close(left.popleft(), look.judged)
        known_ns = due_ns
        if left and look.search is not None and (left[0].miss_ns is None or left[0].miss_ns < due_ns):
            self.estimates[LONG_OUTAGE] = None
            known_ns = self._hold(left[0], due_ns, look.search)
        if not self._fits(known_ns):
            self.estimates[LONG_WINDOW] = None
        self._leave(known_ns, max(self._begin_ns(known_ns), self._earliest_ns()), look.judged)

    def _hold(self, outage: InView, due_ns: int, search: Search) -> int:
        """Keep an outage with too many samples as one that goes on; from when on windows are looked at."""
        times, bad = search.judged.scheduled_ns, search.windows.bad
        if outage.back is not None and outage.back.scheduled_ns < due_ns:
            # only time can tell whether it is over
            self._held, self._floor = Held(outage.impact_ns, outage.back), _place(times, outage.after)
            return due_ns
        if outage.core is not None:
            bad = bad[outage.core.first : outage.core.last + 1]
        bad = bad[times[bad] < due_ns]
        if not len(bad) and self._held is not None:  # what has missed since it is held came after that moment
            after = search.next_good(self._floor_in(times))
            if self._held.back is None and after is not None:
                self._held, self._floor = Held(outage.impact_ns, Back.at(search, after)), _place(times, after)
            return due_ns
        last = int(bad[-1])
        self._held, self._floor = Held(outage.impact_ns, None), _place(times, last + 1)
        return int(times[last])

    def _leave(self, known_ns: int, cut_ns: int, judged: Judged) -> None:
        """Drop what no window reaches any more that is not known."""
        self._known_ns = max(self._known_ns, known_ns)
        self._cut_ns = cut_ns if self._cut_ns is None else max(self._cut_ns, cut_ns)
        dropped = judged.between(0, self._cut_ns)
        self._bad, self._total = self._steady_counts(dropped)
        held = [] if self._held is None else [OutageSoFar(self._held.impact_ns, None, self._held_until_ns)]
        self._over = with_bad([*self._over, *held], dropped)
        if held:
            self._held_until_ns = self._over.pop().until_ns
        if self._floor is not None and self._floor[0] < self._cut_ns:
            self._floor = None
        self.trail.drop(self._cut_ns, self.limit)


def _place(scheduled_ns: Times, index: int) -> tuple[int, int]:
    """A moment and a number of samples: how an index is found again when earlier samples are gone."""
    at_ns = int(scheduled_ns[min(index, len(scheduled_ns) - 1)])
    return at_ns, index - int(np.searchsorted(scheduled_ns, at_ns))
