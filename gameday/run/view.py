"""What people see while a run lasts: one line an event, or a live page on a terminal."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TextIO

from gameday import clean, events
from gameday.clock import NS_PER_S
from gameday.evidence.pack import Pack
from gameday.evidence.record import Record, RpoPart, RtoPart
from gameday.evidence.seal import Sealed
from gameday.measure.plan import Plan
from gameday.run.patient import Patient
from gameday.run.watch import Watch
from gameday.units import spoken


@dataclass(frozen=True, slots=True)
class Now:
    """A moment of a run, as the view needs it."""

    at_ns: int
    phase: str
    inject_ns: int | None
    watch: Watch
    plan: Plan


class View:
    """Shows nothing; the base of the views."""

    def __enter__(self) -> View:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def event(self, entry: dict[str, Any]) -> None:
        """Something happened, as on the timeline."""

    def tick(self, now: Now) -> None:
        """Some time has passed."""

    def end(self, pack: Pack, record: Record, sealed: Sealed) -> None:
        """The run is over, judged and sealed."""

    def drain(self) -> None:
        """Wait until all that was said is shown."""


class Unfailing(View):
    """Another view, whose failures change nothing of the run: a closed terminal, a reader that has gone."""

    def __init__(self, view: View) -> None:
        self.view = view

    def __enter__(self) -> View:
        with suppress(Exception):
            self.view.__enter__()
        return self

    def __exit__(self, *how: object) -> None:
        with suppress(Exception):
            self.view.__exit__(*how)

    def event(self, entry: dict[str, Any]) -> None:
        """Something happened, as on the timeline."""
        with suppress(Exception):
            self.view.event(entry)

    def tick(self, now: Now) -> None:
        """Some time has passed."""
        with suppress(Exception):
            self.view.tick(now)

    def end(self, pack: Pack, record: Record, sealed: Sealed) -> None:
        """The run is over, judged and sealed."""
        with suppress(Exception):
            self.view.end(pack, record, sealed)

    def drain(self) -> None:
        """Wait until all that was said is shown."""
        with suppress(Exception):
            self.view.drain()


class Plain(View):
    """One line an event, for logs and CI."""

    def __init__(self, out: TextIO | Patient | None = None) -> None:
        self.out = out or sys.stderr
        self.first_ns: int | None = None

    def event(self, entry: dict[str, Any]) -> None:
        """Print the event with the seconds since the run began."""
        line = said(entry)
        if self.first_ns is None:
            self.first_ns = int(entry["t_ns"])
        if line:
            seconds = (entry["t_ns"] - self.first_ns) / NS_PER_S
            print(f"{seconds:8.2f} s  {line}", file=self.out, flush=True)

    def end(self, pack: Pack, record: Record, sealed: Sealed) -> None:
        """Print the verdict."""
        for line in verdict_lines(record):
            print(line, file=self.out)
        for line in sealing_lines(pack, sealed):
            print(clean.line(line), file=self.out, flush=True)
        self.drain()

    def drain(self) -> None:
        """Wait until all that was said is shown."""
        if isinstance(self.out, Patient):
            self.out.drain()


def said(entry: dict[str, Any]) -> str | None:
    """An event in words; None for what only the machine needs."""
    words = events.told(entry)
    return clean.line(words).rstrip() if words is not None else None


def sealing_lines(pack: Pack, sealed: Sealed) -> list[str]:
    """What became of the seal, and where the report is."""
    report = [f"report: {pack.report}"] if pack.report.exists() else []
    return [*sealed.troubles, str(sealed), *report]


def verdict_lines(record: Record) -> list[str]:
    """The verdict, RTO and RPO against their objectives, and every reason."""
    lines = ["", f"{record.verdict.upper()}: {record.experiment.title}"]
    if record.rto is not None:
        is_cut_short = record.verdict in ("halted", "aborted") and not record.rto.recovered
        lines.append(f"  RTO  {'not known, the run was stopped' if is_cut_short else rto_words(record.rto)}")
    if record.rpo is not None:
        lines.append(f"  RPO  {rpo_words(record.rpo)}")
    lines += [*(f"  • {reason}" for reason in record.reasons), ""]
    return [clean.line(line) for line in lines]


def rto_words(rto: RtoPart) -> str:
    """RTO in words, with its interval and objective."""
    goal = "" if rto.objective is None else f" (objective {spoken(rto.objective)})"
    if not rto.impact_seen:
        return f"no impact seen{goal}"
    if rto.recovered and rto.seconds is None:
        return f"not known: it counts from '{rto.from_}', see below{goal}"
    if rto.seconds is None or rto.low is None or rto.high is None:
        return f"> {spoken(rto.deadline or 0)}, service did not come back{goal}"
    return f"{rto.seconds:.3f} s, between {rto.low:.3f} and {rto.high:.3f} s{goal}"


def rpo_words(rpo: RpoPart) -> str:
    """RPO in words, with its count and objective."""
    goal = "" if rpo.objective is None else f" (objective {spoken(rpo.objective)})"
    if rpo.seconds is None:
        return f"not known: {rpo.not_read} writes could not be read back{goal}"
    return f"{spoken(rpo.seconds)}, {rpo.lost} of {rpo.acknowledged} acknowledged writes lost{goal}"


def view_of(plain: bool) -> View:
    """What shows a run on standard error: plain lines when asked for, else what suits it."""
    out = Patient(sys.stderr)
    if plain:
        return Plain(out)
    from gameday.run.live import view_on  # with rich, which plain lines need not wait for

    return view_on(out)
