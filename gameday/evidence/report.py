"""The report: one self-contained page, made from a pack and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gameday.clock import NS_PER_S
from gameday.errors import GamedayError
from gameday.evidence import afterwards, columns, frameworks, plots, testrecord
from gameday.evidence.afterwards import Afterwards
from gameday.evidence.bar import Bar, bar
from gameday.evidence.frameworks import DISCLAIMER, Clause
from gameday.evidence.losses import LostWrite, is_lost, matrix, matrix_of_counts
from gameday.evidence.pack import Pack
from gameday.evidence.record import LatencyPart, OutagePart, Record, SliPart, StepPart
from gameday.evidence.testrecord import Section
from gameday.evidence.wording import (
    above,
    below,
    brief,
    fixed,
    number,
    percent,
    plain,
    rpo_words,
    rto_words,
    utc_ns,
)
from gameday.files import write_atomically
from gameday.measure.loss import Found, Ledger, Outcome
from gameday.measure.plan import Plan, SliPlan
from gameday.measure.samples import Samples
from gameday.measure.sli import judge, shares_over_time
from gameday.units import spoken

TEMPLATES = Path(__file__).parent / "templates"
GRID_POINTS = 1500
MAX_MARKS = 40
MAX_DOTS = 2500
MAX_LOST = 60
MAX_EVENTS = 400

# a moment and the step that is the same thing
ROLE_OF_MOMENT = {"inject": "fault", "failover": "failover", "failback": "failback"}
KIND_OF_MOMENT = ROLE_OF_MOMENT | {
    "impact": "fault",
    "takeover": "failover",
    "detect": "signal",
    "declare": "signal",
    "recovered": "recovered",
    "verified": "recovered",
}


def write(pack: Pack) -> Path:
    """Render the report into the pack; a reader sees the old one or the new one, never half of it."""
    write_atomically(pack.report, render(pack))
    return pack.report


def render(pack: Pack) -> str:
    """The report as HTML: a pure function of the pack's files, with nothing to fetch and nothing to run."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"spoken": spoken, "percent": percent, "fixed": fixed, "number": number}
    environment.filters |= {"below": below, "above": above, "plain": plain}
    run = Run(pack)
    css = (TEMPLATES / "report.css").read_text()
    return environment.get_template("report.html").render(
        run=run, record=run.record, css=css, disclaimer=DISCLAIMER
    )


@dataclass(frozen=True, slots=True)
class Ruler:
    """Seconds of the run, from the start of the baseline; on UTC, and on the run clock if it was tied."""

    zero_utc_ns: int
    zero_ns: int | None

    def of(self, moment: str) -> float:
        """Seconds of an RFC 3339 moment."""
        return (utc_ns(moment) - self.zero_utc_ns) / NS_PER_S

    def of_ns(self, at_ns: Any) -> Any:
        """Seconds of moments on the run clock."""
        return (at_ns - (self.zero_ns or 0)) / NS_PER_S

    def at_ns(self, at_s: Any) -> Any:
        """Moments on the run clock of seconds."""
        return np.asarray(np.round(np.asarray(at_s) * NS_PER_S), dtype=np.int64) + (self.zero_ns or 0)


@dataclass(frozen=True)
class Run:
    """Everything that the template asks for."""

    pack: Pack
    _samples: dict[str, Samples] = field(default_factory=dict)

    @cached_property
    def record(self) -> Record:
        """The result."""
        return self.pack.read_record()

    @cached_property
    def plan(self) -> Plan:
        """What the run was measured against; empty when the pack has no plan."""
        try:
            return Plan.from_json(json.loads(self.pack.plan.read_text()))
        except FileNotFoundError:
            return Plan()
        except (ValueError, KeyError, TypeError) as error:
            raise GamedayError(f"{self.pack.plan} is not a plan: {error}") from None

    @cached_property
    def ruler(self) -> Ruler:
        """Seconds of the run."""
        phases = self.record.phases
        first = next((phase for phase in phases if phase.name == "baseline"), phases[0] if phases else None)
        zero_utc_ns = utc_ns(first.started if first else self.record.started)
        clock = self.record.clock
        tied_ns, tied_utc_ns = clock.get("started_monotonic_ns"), clock.get("started_utc_ns")
        if tied_ns is None or tied_utc_ns is None:
            return Ruler(zero_utc_ns, None)
        return Ruler(zero_utc_ns, int(tied_ns) + zero_utc_ns - int(tied_utc_ns))

    @cached_property
    def added(self) -> Afterwards:
        """What people added after the seal."""
        return afterwards.read(self.pack)

    @cached_property
    def test_record(self) -> list[Section]:
        """The DR test record, section by section."""
        return testrecord.sections(self.record, self.added)

    @cached_property
    def not_recorded(self) -> list[str]:
        """What is asked for and nobody recorded."""
        return testrecord.not_recorded(self.record, self.added)

    @cached_property
    def clauses(self) -> list[Clause]:
        """What this run gives for the clauses of frameworks."""
        return frameworks.clauses(self.record, self.added)

    @property
    def duration_s(self) -> float:
        """How long the run took."""
        return (utc_ns(self.record.ended) - utc_ns(self.record.started)) / NS_PER_S

    @cached_property
    def ledger(self) -> Ledger | None:
        """The ledger, if the run had one."""
        return columns.read_ledger(self.pack.ledger) if self.pack.ledger.exists() else None

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """The timeline."""
        return self.pack.events()

    # what the objectives came to

    @property
    def rto_bar(self) -> Bar | None:
        """RTO against its objective."""
        rto = self.record.rto
        if rto is None or not rto.impact_seen:
            return None
        deadline_s = None if rto.recovered or self.was_cut_short else rto.deadline
        return bar(rto.seconds, rto.low, rto.high, rto.objective, deadline_s)

    @property
    def rpo_bar(self) -> Bar | None:
        """RPO against its objective."""
        rpo = self.record.rpo
        return None if rpo is None else bar(rpo.seconds, None, None, rpo.objective, None)

    @property
    def rto_words(self) -> str:
        """The RTO, in words that never make a number of what is not known."""
        return rto_words(self.record.rto, was_cut_short=self.was_cut_short)

    @property
    def was_cut_short(self) -> bool:
        """Whether the run ended early, so that nobody waited for the deadline."""
        return self.record.verdict in ("aborted", "halted")

    @property
    def rpo_words(self) -> str:
        """The RPO in words."""
        return rpo_words(self.record.rpo)

    @property
    def has_objectives(self) -> bool:
        """Whether the drill had to show anything beyond its steady state."""
        parts = (self.record.rto, self.record.rpo)
        return any(part is not None and part.objective is not None for part in parts)

    @property
    def not_measured(self) -> list[str]:
        """What this run says nothing about."""
        record = self.record
        missing = {
            "Customer experience: the experiment has no SLIs.": not record.slis,
            "RTO: nothing watched the service from outside.": record.rto is None,
            "RPO: the experiment has no ledger.": record.rpo is None,
            "Behaviour under load: the experiment has no load.": record.load is None,
        }
        return [text for text, is_missing in missing.items() if is_missing]

    @property
    def outages(self) -> list[tuple[SliPart, OutagePart]]:
        """Every outage with its SLI, by start."""
        found = [(sli, outage) for sli in self.record.slis for outage in sli.outages]
        return sorted(found, key=lambda pair: pair[1].start)

    @property
    def latency(self) -> dict[tuple[str, str], list[LatencyPart]]:
        """Latency by source and series, the load first, in the order of the phases."""
        rows = sorted(self.record.latency, key=lambda row: row.source != "load")
        found: dict[tuple[str, str], list[LatencyPart]] = {}
        for row in rows:
            found.setdefault((row.source, row.series), []).append(row)
        return found

    # the plots

    @cached_property
    def marks(self) -> list[plots.Mark]:
        """The moments and the steps that act, in order and numbered."""
        found = [(self.ruler.of(at), label, kind) for at, label, kind in marks(self.record)]
        found.sort(key=lambda mark: mark[0])
        return [plots.Mark(place, label, at_s, kind) for place, (at_s, label, kind) in enumerate(found, 1)]

    @cached_property
    def bands(self) -> list[plots.Band]:
        """The phases, in seconds."""
        return [
            plots.Band(
                phase.name, self.ruler.of(phase.started), self.ruler.of(phase.ended or self.record.ended)
            )
            for phase in self.record.phases
        ]

    @cached_property
    def timeline(self) -> str | None:
        """The plot of the whole run; None without samples to show."""
        start_s, end_s = self._extent()
        if end_s <= start_s or not self._can_place_samples():
            return None
        load = self._requests("load", "Load")
        latency = load or self._latency_without_load()
        traces = tuple(self._traces(start_s, end_s))
        rates = tuple(self._rates(load))
        if not (traces or rates or latency):
            return None
        names = ", ".join(trace.name for trace in traces) or "no SLI"
        return plots.draw(
            plots.Scene(
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
        seen = [pair for pair in self.outages if pair[1].end is not None and pair[0].source == "probe"]
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
        return plots.draw(
            plots.Scene(
                "closeup",
                f"The longest outage that '{sli.name}' saw, sample by sample",
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
            try:
                self._samples[recorder] = columns.read_samples(self.pack.samples, recorder)
            except (OSError, ValueError, KeyError) as error:
                raise GamedayError(f"cannot read {self.pack.samples}: {error}") from None
        return self._samples[recorder]

    def _planned(self, sli: SliPart) -> SliPlan | None:
        """How the SLI was judged; None when the plan is not in the pack."""
        return next((planned for planned in self.plan.slis if planned.name == sli.name), None)

    def _traces(self, start_s: float, end_s: float) -> Iterator[plots.Trace]:
        for sli in self.record.slis:
            planned = self._planned(sli)
            if planned is None:
                continue
            samples = self._samples_of(planned.recorder)
            judged = judge(samples, match=planned.match, good_within_ns=planned.good_within_ns)
            shades = tuple(self._shades(sli))
            edges_s = [at_s for shade in shades for at_s in (shade.start_s, shade.end_s) if at_s is not None]
            even_s = np.linspace(start_s, end_s, max(2, GRID_POINTS - len(edges_s)))
            at_s = np.union1d(even_s, edges_s)
            shares = shares_over_time(judged, round(planned.window * NS_PER_S), self.ruler.at_ns(at_s))
            note = f"objective {sli.objective} good in each {spoken(planned.window)}"
            yield plots.Trace(sli.name, float(planned.share), note, at_s, shares, shades)

    def _rates(self, load: plots.Requests | None) -> Iterator[plots.Rate]:
        """How often the load and the ledger asked, and what came of it."""
        if load is not None:
            failed_s = load.sent_s[load.failed]
            asked = (("requests", plots.INFO, load.sent_s), ("failures", plots.BAD, failed_s))
            yield plots.Rate("Load: requests and failures per second", asked)
        ledger = self.ledger
        if ledger is not None and len(ledger):
            sent_s = self.ruler.of_ns(ledger.sent_ns)
            is_acknowledged = ledger.outcome == Outcome.ACKNOWLEDGED
            kinds = (
                ("acknowledged", plots.GOOD, sent_s[is_acknowledged]),
                ("refused or unknown", plots.WARN, sent_s[~is_acknowledged]),
                ("acknowledged and lost", plots.BAD, sent_s[is_lost(ledger)]),
            )
            yield plots.Rate("Ledger: writes per second", tuple(kind for kind in kinds if len(kind[2])))

    def _shades(self, sli: SliPart) -> Iterator[plots.Shade]:
        for outage in sli.outages:
            end_s = None if outage.end is None else self.ruler.of(outage.end)
            label = "not ended" if outage.seconds is None else brief(outage.seconds)
            yield plots.Shade(self.ruler.of(outage.start), end_s, outage.low, outage.high, label)

    def _requests(
        self, recorder: str, name: str, outages: tuple[plots.Shade, ...] = ()
    ) -> plots.Requests | None:
        if not self._can_place_samples():
            return None
        samples = self._samples_of(recorder)
        if not len(samples):
            return None
        sent_s, latency_ms = self.ruler.of_ns(samples.scheduled_ns), samples.latency_ns / 1e6
        return plots.Requests(name, sent_s, ~samples.ok, latency_ms, outages)

    def _latency_without_load(self) -> plots.Requests | None:
        found = (self._requests(planned.recorder, planned.name) for planned in self.plan.slis)
        return next((requests for requests in found if requests is not None), None)

    # the ledger

    @property
    def matrix(self) -> list[tuple[str, list[int]]]:
        """What the system said of the writes, by what was found: present, absent, corrupt, not read back."""
        if self.ledger is not None:
            return matrix(self.ledger)
        return [] if self.record.rpo is None else matrix_of_counts(self.record.rpo)

    @property
    def lost_writes(self) -> list[LostWrite]:
        """The first lost writes, when the ledger is in the pack and the clocks are tied."""
        ledger = self.ledger
        if ledger is None or self.ruler.zero_ns is None:
            return []
        places = np.flatnonzero(is_lost(ledger))[:MAX_LOST]
        sent_s, done_s = self.ruler.of_ns(ledger.sent_ns), self.ruler.of_ns(ledger.done_ns)
        return [
            LostWrite(
                int(ledger.sequence[place]),
                float(sent_s[place]),
                float(done_s[place]),
                "corrupt" if ledger.found[place] == Found.CORRUPT else "absent",
            )
            for place in places
        ]

    # the appendix

    @property
    def told_events(self) -> list[tuple[float | None, str, str]]:
        """The timeline's first events: seconds, what, and the rest of the entry."""
        return [self._told(event) for event in self.events[:MAX_EVENTS]]

    def _told(self, event: dict[str, Any]) -> tuple[float | None, str, str]:
        rest = {key: value for key, value in event.items() if key not in ("t_ns", "at", "event")}
        moment = event.get("at")
        at_s = self.ruler.of(moment) if isinstance(moment, str) else None
        more = "; ".join(f"{key}: {plain(value)}" for key, value in rest.items() if value is not None)
        return at_s, str(event.get("event", "")), more


def marks(record: Record) -> Iterator[tuple[str, str, str]]:
    """Moments and acting steps as (moment, label, kind); a step that is a moment is told once."""
    told: set[int] = set()
    for name, moment in record.moments.items():
        if moment is None:
            continue
        place = _step_of(name, moment, record.steps)
        if place is not None:
            told.add(place)
        label = name if place is None else f"{name}: {record.steps[place].name}"
        yield moment, label, KIND_OF_MOMENT.get(name, "")
    others = (step for index, step in enumerate(record.steps) if index not in told)
    acting = [step for step in others if step.role is not None or step.kind == "action"]
    for step in acting[:MAX_MARKS]:
        yield step.started, step.name, step.role or ""


def _step_of(name: str, moment: str, steps: list[StepPart]) -> int | None:
    """The step whose start this moment is: of the moment's role, and within 50 ms."""
    role = ROLE_OF_MOMENT.get(name)
    for index, step in enumerate(steps):
        if step.role == role and role and abs(utc_ns(step.started) - utc_ns(moment)) <= 50_000_000:
            return index
    return None
