"""What people and alarms said while a run lasted, each with when it was said and when it was heard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gameday.clock import NS_PER_S, Tie
from gameday.events import SAID, Event

FIRING = "firing"


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody said; times on the run clock. asked: what it answers, None for what nobody had asked."""

    what: str
    by: str
    said_ns: int
    heard_ns: int
    text: str = ""
    asked: str | None = None


@dataclass(frozen=True, slots=True)
class AlarmTold:
    """An alarm; received (said) and heard on the run clock. started_ns: its own start, None if not known."""

    name: str
    status: str
    said_ns: int
    heard_ns: int
    started_ns: int | None = None
    starts_at: str = ""
    fingerprint: str = ""
    summary: str = ""
    labels: dict[str, str] = field(default_factory=dict)


def said_in(events: Iterable[dict[str, Any]]) -> tuple[Said, ...]:
    """What people said, in the order in which it was heard; a message that is chained twice was said once."""
    known = (*SAID, Event.ANSWERED)
    return tuple(
        Said(
            what=str(event["event"]),
            by=str(event["by"]),
            said_ns=int(event["said_ns"]),
            heard_ns=int(event["t_ns"]),
            text=str(event["text"]),
            asked=str(event["what"]) if event["event"] == Event.ANSWERED else None,
        )
        for event in _once(event for event in events if event["event"] in known)
    )


def alarms_in(events: Iterable[dict[str, Any]], tie: Tie) -> tuple[AlarmTold, ...]:
    """The alarms, in the order in which they were heard. tie: what brings UTC to the run clock."""
    return tuple(
        AlarmTold(
            name=str(event["name"]),
            status=str(event["status"]),
            said_ns=int(event["said_ns"]),
            heard_ns=int(event["t_ns"]),
            started_ns=_on_run_clock(str(event["starts_at"]), tie),
            starts_at=str(event["starts_at"]),
            fingerprint=str(event["fingerprint"]),
            summary=str(event["summary"]),
            labels={str(key): str(value) for key, value in dict(event["labels"]).items()},
        )
        for event in _once(event for event in events if event["event"] == Event.ALARM)
    )


def first_said(said: Iterable[Said], what: str, since_ns: int | None = None) -> int | None:
    """When this was first said, by when it was said; since a moment, None for at any time."""
    found = [each.said_ns for each in said if each.what == what]
    return min((at_ns for at_ns in found if since_ns is None or at_ns >= since_ns), default=None)


def first_alarm(alarms: Iterable[AlarmTold], since_ns: int) -> int | None:
    """When the first alarm was received that began to fire no earlier than a moment."""
    found = [each for each in alarms if each.status == FIRING and each.said_ns >= since_ns]
    new = [each for each in found if each.started_ns is None or each.started_ns >= since_ns]
    return min((each.said_ns for each in new), default=None)


def _once(events: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    known: set[str] = set()
    for event in events:
        if str(event["message"]) not in known:
            known.add(str(event["message"]))
            yield event


def _on_run_clock(moment: str, tie: Tie) -> int | None:
    try:
        at = datetime.fromisoformat(moment)
        return tie.monotonic_ns + round(at.timestamp() * NS_PER_S) - tie.utc_ns if at.tzinfo else None
    except (ValueError, OverflowError):
        return None
