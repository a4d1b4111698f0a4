"""What a record says, as every form of the report needs it. Pure: nothing is read but the record."""

from __future__ import annotations

from dataclasses import dataclass

from gameday.clock import NS_PER_S
from gameday.evidence.record import AlarmPart, OutagePart, Record, SliPart
from gameday.evidence.report.wording import utc_ns


@dataclass(frozen=True, slots=True)
class Told:
    """Something that a person or an alarm said, as a row: when it was said and heard, RFC 3339."""

    at: str
    heard: str
    what: str
    by: str
    words: str
    more: str = ""


MEANINGS = {
    "failed": "An objective was missed, or the steady state did not hold.",
    "inconclusive": "The evidence does not decide. This run counts as no proof.",
    "halted": "A halt condition stopped the drill before its end.",
    "aborted": "The drill was stopped before its end.",
}


def meaning(record: Record) -> str:
    """The verdict in a sentence."""
    if record.verdict == "passed":
        held = "Every objective was met" if has_objectives(record) else "The steady state held"
        return f"{held} and everything that was broken is put back."
    return MEANINGS[record.verdict]


def told(record: Record) -> list[Told]:
    """What people and alarms said, by when it was said."""
    people = [
        Told(
            each.said, each.heard, each.what, each.by, each.text, f"asked: {each.asked}" if each.asked else ""
        )
        for each in record.said
    ]
    alarms = [
        Told(each.received, each.heard, f"alarm {each.status}", each.name, each.summary, _about(each))
        for each in record.alarms
    ]
    return sorted([*people, *alarms], key=lambda each: each.at)


def _about(alarm: AlarmPart) -> str:
    """Since when it fires by its own clock, and its labels."""
    labels = [f"{key}={value}" for key, value in alarm.labels.items() if key != "alertname"]
    return ", ".join(filter(None, [f"since {alarm.starts_at}" if alarm.starts_at else "", *labels]))


def duration_s(record: Record) -> float:
    """How long the run took."""
    return (utc_ns(record.ended) - utc_ns(record.started)) / NS_PER_S


def was_cut_short(record: Record) -> bool:
    """Whether the run ended early, so that nobody waited for the deadline."""
    return record.verdict in ("aborted", "halted")


def has_objectives(record: Record) -> bool:
    """Whether the drill had to show anything beyond its steady state."""
    parts = (record.rto, record.rpo)
    return any(part is not None and part.objective is not None for part in parts)


def not_measured(record: Record) -> list[str]:
    """What this run says nothing about."""
    missing = {
        "Customer experience: the experiment has no SLIs.": not record.slis,
        "RTO: nothing watched the service from outside.": record.rto is None,
        "RPO: the experiment has no ledger.": record.rpo is None,
        "Behaviour under load: the experiment has no load.": record.load is None,
    }
    return [text for text, is_missing in missing.items() if is_missing]


def outages(record: Record) -> list[tuple[SliPart, OutagePart]]:
    """Every outage with its SLI, by start."""
    found = [(sli, outage) for sli in record.slis for outage in sli.outages]
    return sorted(found, key=lambda pair: pair[1].start)
