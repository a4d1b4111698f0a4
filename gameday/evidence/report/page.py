"""The report: one self-contained page, made from a pack and nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gameday.errors import GamedayError
from gameday.evidence import afterwards
from gameday.evidence.afterwards import Afterwards
from gameday.evidence.pack import Pack
from gameday.evidence.plots.scenes import Scenes
from gameday.evidence.record import LatencyPart, OutagePart, Record, SliPart
from gameday.evidence.report import facts, frameworks, testrecord
from gameday.evidence.report.bar import Bar, bar
from gameday.evidence.report.frameworks import DISCLAIMER, Clause
from gameday.evidence.report.losses import LostWrite, is_lost, matrix, matrix_of_counts
from gameday.evidence.report.ruler import Ruler, ruler_of
from gameday.evidence.report.testrecord import Section
from gameday.evidence.report.wording import plain, rpo_words, rto_words
from gameday.files import write_atomically
from gameday.measure.loss import Found, Ledger
from gameday.measure.plan import Plan
from gameday.samples import LOAD

MAX_LOST = 60
MAX_EVENTS = 400


def write(pack: Pack) -> Path:
    """Render the report into the pack; a reader sees the old one or the new one, never half of it."""
    write_atomically(pack.report, render(pack))
    return pack.report


def render(pack: Pack) -> str:
    """The report as HTML: a pure function of the pack's files, with nothing to fetch and nothing to run."""
    from gameday.evidence.report import template

    run = Run(pack)
    return template.page(run=run, record=run.record, disclaimer=DISCLAIMER)


@dataclass(frozen=True)
class Run:
    """Everything that the template asks for."""

    pack: Pack

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
        return ruler_of(self.record)

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
        return facts.duration_s(self.record)

    @property
    def meaning(self) -> str:
        """The verdict in a sentence."""
        return facts.meaning(self.record)

    @property
    def was_cut_short(self) -> bool:
        """Whether the run ended early, so that nobody waited for the deadline."""
        return facts.was_cut_short(self.record)

    @property
    def not_measured(self) -> list[str]:
        """What this run says nothing about."""
        return facts.not_measured(self.record)

    @property
    def outages(self) -> list[tuple[SliPart, OutagePart]]:
        """Every outage with its SLI, by start."""
        return facts.outages(self.record)

    @property
    def told(self) -> list[facts.Told]:
        """What people and alarms said."""
        return facts.told(self.record)

    @cached_property
    def ledger(self) -> Ledger | None:
        """The ledger, if the run had one."""
        if not self.pack.ledger.exists():
            return None
        from gameday.evidence import columns  # with what it imports a tenth of a second

        return columns.read_ledger(self.pack.ledger)

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
    def rpo_words(self) -> str:
        """The RPO in words."""
        return rpo_words(self.record.rpo)

    @property
    def latency(self) -> dict[tuple[str, str], list[LatencyPart]]:
        """Latency by source and series, the load first, in the order of the phases."""
        rows = sorted(self.record.latency, key=lambda row: row.source != LOAD)
        found: dict[tuple[str, str], list[LatencyPart]] = {}
        for row in rows:
            found.setdefault((row.source, row.series), []).append(row)
        return found

    # the plots

    @cached_property
    def scenes(self) -> Scenes:
        """What the plots show."""
        return Scenes(self.pack, self.record, self.plan, self.ruler, self.ledger)

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
