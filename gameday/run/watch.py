"""Watch the samples as they grow: what the SLIs are now, and whether service is back.

However long the run, what is kept is bounded and so is what a tick takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from gameday.clock import NS_PER_S
from gameday.measure.fold import LIMIT, LONG_WINDOW, Fold
from gameday.measure.plan import Plan, SliPlan
from gameday.measure.samples import from_rows, merge
from gameday.measure.sli import judge
from gameday.measure.sofar import OutageSoFar
from gameday.measure.steady import Steadiness
from gameday.run.tail import NOTHING, Tail
from gameday.samples import LOAD, OK

QUIET_NS = NS_PER_S // 2
# rows read at a tick: eight seconds of a large load, in some milliseconds
ROWS_A_TICK = 16_384
# of one recorder file at least
ROWS_A_FILE = 256
# samples kept of all SLIs, and of one at least
LIMIT_OF_ALL = 2 * LIMIT
LEAST_LIMIT = 16_384
RATES_OVER_NS = NS_PER_S


@dataclass(frozen=True, slots=True)
class SliNow:
    """An SLI at this moment: its good share in the last window, None without samples."""

    name: str
    objective: Fraction
    share: Fraction | None

    @property
    def is_met(self) -> bool:
        """Whether the objective holds now."""
        return self.share is not None and self.share >= self.objective


@dataclass(frozen=True, slots=True)
class Downtime:
    """From the first bad sample to the newest one that is known."""

    since_ns: int
    until_ns: int

    def is_over(self, at_ns: int) -> bool:
        """Whether nothing bad was seen for a while; only the measuring afterwards knows for sure."""
        return at_ns - self.until_ns > QUIET_NS


class Watch:
    """All recorders of a run, as they grow."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self.plan = plan
        self.tails: dict[str, Tail] = {}
        limit = max(LEAST_LIMIT, min(LIMIT, LIMIT_OF_ALL // max(1, len(plan.slis))))
        self.folds = [Fold(sli, plan.sustain_ns, limit) for sli in plan.slis]
        self._told: set[tuple[str, str]] = set()

    def move(self, folder: Path) -> None:
        """Go on with the same files in a folder of another name."""
        self.folder = folder
        for tail in self.tails.values():
            tail.move(folder / tail.stem.name)

    def read_on(self, steady: tuple[int, int]) -> None:
        """Read what every recorder has written since, as much as there is time for.

        steady: the span of the steady state, which lasts until now before the method has begun.
        """
        for fold in self.folds:
            fold.steady = steady
        for path in self.folder.glob("*.samples"):
            if path.stem not in self.tails:
                self.tails[path.stem] = self._tail(path.with_suffix(""))
            self._read(path.name, self.tails[path.stem])

    def _tail(self, stem: Path) -> Tail:
        recorder = recorder_of(stem.name)
        slis = [sli for sli in self.plan.slis if sli.recorder == recorder]
        match = frozenset(sli.match for sli in slis if sli.match is not None)
        return Tail(stem, match, max([RATES_OVER_NS, *(sli.window_ns for sli in slis)]))

    def _read(self, name: str, tail: Tail) -> None:
        folds = [fold for fold in self.folds if fold.sli.recorder == recorder_of(tail.stem.name)]
        if later_ns := tail.read_clock():
            for fold in folds:
                fold.move(name, later_ns)
        new = tail.on_run_clock(tail.read_on(max(ROWS_A_FILE, ROWS_A_TICK // len(self.tails))))
        for fold in folds:
            fold.take(tail.of_series(new, fold.sli.match), name)

    @property
    def is_behind(self) -> bool:
        """Whether more is written than was read."""
        return any(tail.is_behind for tail in self.tails.values())

    def estimates(self) -> Iterator[str]:
        """Why what is known live may differ from what will be measured, each reason once."""
        for fold in self.folds:
            tails = self._tails(fold.sli.recorder)
            reasons = {**fold.estimates, **({LONG_WINDOW: None} if any(t.has_dropped for t in tails) else {})}
            for reason in reasons:
                if (fold.sli.name, reason) not in self._told:
                    self._told.add((fold.sli.name, reason))
                    yield f"'{fold.sli.name}': {reason}"

    def now(self, at_ns: int) -> list[SliNow]:
        """Every SLI over its last window."""
        return [SliNow(sli.name, sli.share, self._share_now(sli, at_ns)) for sli in self.plan.slis]

    def _share_now(self, sli: SliPlan, at_ns: int) -> Fraction | None:
        # by completion: of a service that hangs, the newest probes are still waiting
        since_ns = at_ns - sli.window_ns
        parts = [
            from_rows(tail.of_series(tail.recent(since_ns), sli.match)) for tail in self._tails(sli.recorder)
        ]
        return judge(merge(parts), replace(sli.goodness, match=None)).share()

    def _tails(self, recorder: str) -> list[Tail]:
        return [tail for stem, tail in self.tails.items() if recorder_of(stem) == recorder]

    def steadiness(self) -> list[Steadiness]:
        """Every SLI since the baseline began, before anything is broken."""
        return [fold.steadiness() for fold in self.folds]

    def outages(self, inject_ns: int) -> list[OutageSoFar]:
        """Every outage so far that was not over when the fault came, of the SLIs that the RTO counts."""
        counted = [fold.outages() for fold in self.folds if fold.sli.is_first_hand]
        return [outage for found in counted for outage in found if not outage.is_over_by(inject_ns)]

    def is_away(self) -> bool:
        """Whether an outage of any SLI lasts, or may still go on."""
        return any(outage.recovered_ns is None for fold in self.folds for outage in fold.outages())

    def downtime(self, inject_ns: int) -> Downtime | None:
        """How long service has been away since the fault, as far as is known; None when no SLI missed."""
        found = self.outages(inject_ns)
        if not found:
            return None
        return Downtime(min(each.impact_ns for each in found), max(each.until_ns for each in found))

    def rates(self, at_ns: int) -> tuple[float, float]:
        """Requests and failures of the load per second, just now."""
        parts = [tail.recent(at_ns - RATES_OVER_NS) for tail in self._tails(LOAD)]
        load = np.concatenate(parts or [NOTHING])
        over_s = RATES_OVER_NS / NS_PER_S
        return len(load) / over_s, float(np.count_nonzero((load["flags"] & OK) == 0) / over_s)


def recorder_of(stem: str) -> str:
    """Which recorder wrote a file: a load has one file a process."""
    return stem.partition(".")[0]
