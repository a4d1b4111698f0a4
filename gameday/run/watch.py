"""Watch the samples as they grow: what the SLIs are now, and whether service is back."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gameday import clock
from gameday.clock import NS_PER_S
from gameday.measure.figures import FOREVER_NS, outages_of
from gameday.measure.outage import Outage
from gameday.measure.plan import Plan, SliPlan
from gameday.measure.rto import Seen, incident
from gameday.measure.samples import ROW_TYPE, Samples, from_rows, merge, read_clock, read_names
from gameday.measure.sli import Judged, judge
from gameday.measure.steady import Steadiness

ROWS_AT_FIRST = 4096
QUIET_NS = NS_PER_S // 2


class Tail:
    """One recorder file, read as it grows. `reads`: when rows were read (run clock), and from which on."""

    def __init__(self, stem: Path) -> None:
        self.stem = stem
        self.rows = np.empty(ROWS_AT_FIRST, dtype=ROW_TYPE)
        self.count = 0
        self.reads: list[tuple[int, int]] = []
        self.names: tuple[str, ...] = ("",)
        self.names_size = -1

    def read_on(self) -> int:
        """Read what is new; how many samples that was."""
        with self.stem.with_name(self.stem.name + ".samples").open("rb") as file:
            file.seek(self.count * ROW_TYPE.itemsize)
            data = file.read()
        new = np.frombuffer(data, dtype=ROW_TYPE, count=len(data) // ROW_TYPE.itemsize)
        if len(new):
            self.reads.append((clock.now_ns(), self.count))
            self._append(new)
        return len(new)

    def _append(self, new: npt.NDArray[np.void]) -> None:
        """Keep rows; the room doubles, so that keeping costs what is new."""
        if self.count + len(new) > len(self.rows):
            self.rows = np.resize(self.rows, 2 * (self.count + len(new)))
        self.rows[self.count : self.count + len(new)] = new
        self.count += len(new)

    def samples(self) -> Samples:
        """Everything so far."""
        return self._as_samples(self.rows[: self.count])

    def recent(self, since_ns: int) -> Samples:
        """What was done since a moment, in whatever order it was written; costs what it finds.

        Nothing that was read before that moment can have been done after it.
        """
        clock_of_file = read_clock(self.stem)
        since_ns -= int(clock_of_file.get("uncertainty_ns", 0))
        place = bisect_left(self.reads, (since_ns, 0))
        first = self.reads[place][1] if place < len(self.reads) else self.count
        rows = self.rows[first : self.count]
        return self._as_samples(rows[rows["done_ns"] >= since_ns - int(clock_of_file.get("offset_ns", 0))])

    def _as_samples(self, rows: npt.NDArray[np.void]) -> Samples:
        return from_rows(rows, self._names(), self._offset_ns())

    def _names(self) -> tuple[str, ...]:
        """The names so far, read again only when there are more."""
        size = self.stem.with_name(self.stem.name + ".names").stat().st_size
        if size != self.names_size:
            self.names, self.names_size = read_names(self.stem), size
        return self.names

    def _offset_ns(self) -> int:
        return int(read_clock(self.stem).get("offset_ns", 0))


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


@dataclass
class Watch:
    """All recorders of a run, as they grow."""

    folder: Path
    plan: Plan
    tails: dict[str, Tail] = field(default_factory=dict)

    def move(self, folder: Path) -> None:
        """Go on with the same files in a folder of another name."""
        self.folder = folder
        for tail in self.tails.values():
            tail.stem = folder / tail.stem.name

    def read_on(self) -> None:
        """Read what every recorder has written since."""
        for path in self.folder.glob("*.samples"):
            tail = self.tails.setdefault(path.stem, Tail(path.with_suffix("")))
            tail.read_on()

    def samples(self, recorder: str) -> Samples:
        """Everything so far of one recorder."""
        return merge([tail.samples() for stem, tail in self.tails.items() if stem.split(".")[0] == recorder])

    def judged(self, sli: SliPlan) -> Judged:
        """The samples of an SLI so far."""
        return judge(self.samples(sli.recorder), sli.goodness)

    def now(self, at_ns: int) -> list[SliNow]:
        """Every SLI over its last window."""
        return [SliNow(sli.name, sli.share, self._share_now(sli, at_ns)) for sli in self.plan.slis]

    def _share_now(self, sli: SliPlan, at_ns: int) -> Fraction | None:
        # by completion: of a service that hangs, the newest probes are still waiting
        return judge(self.recent(sli.recorder, at_ns - sli.window_ns), sli.goodness).share()

    def recent(self, recorder: str, since_ns: int) -> Samples:
        """What one recorder has done since a moment."""
        tails = [tail for stem, tail in self.tails.items() if stem.split(".")[0] == recorder]
        return merge([tail.recent(since_ns) for tail in tails])

    def steadiness(self, start_ns: int, end_ns: int) -> list[Steadiness]:
        """Every SLI between two moments, before anything is broken."""
        found = []
        for sli in self.plan.slis:
            judged = self.judged(sli).between(start_ns, end_ns)
            outages = outages_of(sli, self.plan, judged, (start_ns, end_ns))
            found.append(Steadiness(sli, judged.share(), bool(outages)))
        return found

    def outages(self, steady: tuple[int, int], inject_ns: int | None) -> list[Outage]:
        """Every outage so far that the RTO counts; without a fault every outage since the baseline."""
        seen = [Seen(sli.period is not None, self._since(sli, steady)[1]) for sli in self.plan.slis]
        return incident(seen, steady[0] if inject_ns is None else inject_ns, FOREVER_NS)

    def downtime(self, steady: tuple[int, int], inject_ns: int) -> Downtime | None:
        """How long service has been away since the fault, as far as is known; None when no SLI missed."""
        since: list[int] = []
        until: list[int] = []
        for sli in self.plan.slis:
            judged, outages = self._since(sli, steady)
            found = [outage for outage in outages if not outage.is_over_by(inject_ns)]
            if found:
                bad = ~judged.good & (judged.scheduled_ns >= found[0].impact_ns)
                since.append(found[0].impact_ns)
                until.append(int(judged.done_ns[bad].max()))
        return Downtime(min(since), max(until)) if since else None

    def _since(self, sli: SliPlan, steady: tuple[int, int]) -> tuple[Judged, tuple[Outage, ...]]:
        """The samples of an SLI since the baseline began, and their outages."""
        judged = self.judged(sli).between(steady[0], FOREVER_NS)
        return judged, outages_of(sli, self.plan, judged, steady)

    def rates(self, at_ns: int, over_s: float = 1.0) -> tuple[float, float]:
        """Requests and failures of the load per second, just now."""
        load = self.recent("load", at_ns - round(over_s * NS_PER_S))
        return len(load) / over_s, float(np.count_nonzero(~load.ok) / over_s)
