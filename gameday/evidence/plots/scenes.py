"""The scenes of a run: its samples, ledger and moments as the plots show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gameday import clean
from gameday.errors import GamedayError
from gameday.evidence.pack import Pack
from gameday.evidence.plots.colours import BAD, GOOD, INFO, WARN
from gameday.evidence.plots.drawing import draw
from gameday.evidence.plots.marks import marks
from gameday.evidence.plots.scene import Band, Mark, Rate, Requests, Scene, Shade, Trace
from gameday.evidence.record import Record, SliPart
from gameday.evidence.report.facts import outages
from gameday.evidence.report.losses import is_lost
from gameday.evidence.report.ruler import Ruler
from gameday.evidence.report.wording import brief
from gameday.measure.loss import Ledger, Outcome
from gameday.measure.plan import Plan, SliPlan
from gameday.measure.samples import Samples
from gameday.measure.sli import judge, shares_over_time
from gameday.samples import LOAD
from gameday.units import spoken

GRID_POINTS = 1500
MAX_DOTS = 2500


@dataclass(frozen=True)
class Scenes:
    """What a run has to show in plots."""

    pack: Pack
    record: Record
    plan: Plan
    ruler: Ruler
    ledger: Ledger | None
    _samples: dict[str, Samples] = field(default_factory=dict)

    @cached_property
    def marks(self) -> list[Mark]:
        """The moments and the steps that act, in order and numbered."""
        found = [(self.ruler.of(at), label, kind) for at, label, kind in marks(self.record)]
        found.sort(key=lambda mark: mark[0])
        return [Mark(place, label, at_s, kind) for place, (at_s, label, kind) in enumerate(found, 1)]

    @cached_property
    def bands(self) -> list[Band]:
        """The phases, in seconds."""
        return [
            Band(
                clean.line(phase.name),
                self.ruler.of(phase.started),
                self.ruler.of(phase.ended or self.record.ended),
            )
            for phase in self.record.phases
        ]

    @cached_property
    def timeline(self) -> str | None:
        """The plot of the whole run; None without samples to show."""
        start_s, end_s = self._extent()
        if end_s <= start_s or not self._can_place_samples():
            return None
        load = self._requests(LOAD, "Load")
        latency = load or self._latency_without_load()
        traces = tuple(self._traces(start_s, end_s))
        rates = tuple(self._rates(load))
        if not (traces or rates or latency):
            return None
        names = ", ".join(trace.name for trace in traces) or "no SLI"
        return draw(
            Scene(
                "timeline",
                "The run on one clock",
                f"Good share of {names}; load and latency, with {len(self.marks)} numbered moments.",
                start_s,
                end_s,
                tuple(self.bands),
                tuple(self.marks),
                traces,
                rates,
                latency,
            )
        )

    @cached_property
    def closeup(self) -> str | None:
        """The plot of every single sample around the longest outage that a probe saw."""
        seen = [pair for pair in outages(self.record) if pair[1].end is not None and self._is_clock(pair[0])]
        if not seen or not self._can_place_samples():
            return None
        sli, outage = max(seen, key=lambda pair: pair[1].seconds or 0.0)
        start_s, end_s = self.ruler.of(outage.start), self.ruler.of(outage.end or outage.start)
        aside_s = max(0.4 * (end_s - start_s), 0.5)
        planned = self._planned(sli)
        if planned is None:
            return None
        dots = self._requests(planned.recorder, sli.name, tuple(self._shades(sli)))
        if dots is None or len(dots.between(start_s - aside_s, end_s + aside_s).sent_s) > MAX_DOTS:
            return None
        inside = (mark for mark in self.marks if start_s - aside_s <= mark.at_s <= end_s + aside_s)
        return draw(
            Scene(
                "closeup",
                f"The longest outage that '{clean.line(sli.name)}' saw, sample by sample",
                "Each sample at its scheduled send, as high as its latency; failed samples are crosses.",
                start_s - aside_s,
                end_s + aside_s,
                marks=tuple(inside),
                dots=(dots,),
            )
        )

    def _extent(self) -> tuple[float, float]:
        """From the first phase to the end of the last, or the whole record without phases."""
        if not self.bands:
            return self.ruler.of(self.record.started), self.ruler.of(self.record.ended)
        return min(band.start_s for band in self.bands), max(band.end_s for band in self.bands)

    def _can_place_samples(self) -> bool:
        return self.pack.samples.exists() and self.ruler.zero_ns is not None

    def _samples_of(self, recorder: str) -> Samples:
        if recorder not in self._samples:
            from gameday.evidence import columns  # with what it imports a tenth of a second

            try:
                self._samples[recorder] = columns.read_samples(self.pack.samples, recorder)
            except (OSError, ValueError, KeyError) as error:
                raise GamedayError(f"cannot read {self.pack.samples}: {error}") from None
        return self._samples[recorder]

    def _is_clock(self, sli: SliPart) -> bool:
        planned = self._planned(sli)
        return planned is not None and planned.may_be_clock

    def _planned(self, sli: SliPart) -> SliPlan | None:
        """How the SLI was judged; None when the plan is not in the pack."""
        return next((planned for planned in self.plan.slis if planned.name == sli.name), None)

    def _traces(self, start_s: float, end_s: float) -> Iterator[Trace]:
        for sli in self.record.slis:
            planned = self._planned(sli)
            if planned is None:
                continue
            samples = self._samples_of(planned.recorder)
            judged = judge(samples, planned.goodness)
            shades = tuple(self._shades(sli))
            edges_s = [at_s for shade in shades for at_s in (shade.start_s, shade.end_s) if at_s is not None]
            even_s = np.linspace(start_s, end_s, max(2, GRID_POINTS - len(edges_s)))
            at_s = np.union1d(even_s, edges_s)
            shares = shares_over_time(judged, planned.window_ns, self.ruler.at_ns(at_s))
            note = f"objective {sli.objective} good in each {spoken(planned.window)}"
            yield Trace(clean.line(sli.name), float(planned.share), note, at_s, shares, shades)

    def _rates(self, load: Requests | None) -> Iterator[Rate]:
        """How often the load and the ledger asked, and what came of it."""
        if load is not None:
            failed_s = load.sent_s[load.failed]
            asked = (("requests", INFO, load.sent_s), ("failures", BAD, failed_s))
            yield Rate("Load: requests and failures per second", asked)
        ledger = self.ledger
        if ledger is not None and len(ledger):
            sent_s = self.ruler.of_ns(ledger.sent_ns)
            is_acknowledged = ledger.outcome == Outcome.ACKNOWLEDGED
            kinds = (
                ("acknowledged", GOOD, sent_s[is_acknowledged]),
                ("refused or unknown", WARN, sent_s[~is_acknowledged]),
                ("acknowledged and lost", BAD, sent_s[is_lost(ledger)]),
            )
            yield Rate("Ledger: writes per second", tuple(kind for kind in kinds if len(kind[2])))

    def _shades(self, sli: SliPart) -> Iterator[Shade]:
        for outage in sli.outages:
            end_s = None if outage.end is None else self.ruler.of(outage.end)
            label = "not ended" if outage.seconds is None else brief(outage.seconds)
            yield Shade(self.ruler.of(outage.start), end_s, outage.low, outage.high, label)

    def _requests(self, recorder: str, name: str, outages: tuple[Shade, ...] = ()) -> Requests | None:
        if not self._can_place_samples():
            return None
        samples = self._samples_of(recorder)
        if not len(samples):
            return None
        sent_s, latency_ms = self.ruler.of_ns(samples.scheduled_ns), samples.latency_ns / 1e6
        return Requests(clean.line(name), sent_s, ~samples.ok, latency_ms, outages)

    def _latency_without_load(self) -> Requests | None:
        found = (
            self._requests(planned.recorder, planned.name)
            for planned in self.plan.slis
            if planned.wanted is None
        )
        return next((requests for requests in found if requests is not None), None)
