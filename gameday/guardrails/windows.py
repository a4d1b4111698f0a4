"""Forbidden windows: whether a run that starts now would fall into one."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from gameday.environment import of_child
from gameday.errors import GamedayError
from gameday.experiment.rules import DAYS, Window, zoned
from gameday.processes import python
from gameday.reading import Unreadable, read_bytes

LARGEST_BYTES = 5_000_000  # of a calendar
TOO_MANY = "there are too many events to look through; write fewer, and rules of days or longer"
COMPUTES_S = 2  # of processor time, for a calendar
LIMIT_S = 30.0  # on a busy machine


def overlap(window: Window, start: datetime, lasts: timedelta, folder: Path) -> str | None:
    """What of the window a run from `start` (with zone) meets, for people; None when it meets none of it.

    folder: what a calendar's path is relative to. Raises GamedayError when the calendar cannot be read:
    a freeze that nobody can read forbids.
    """
    if window.calendar is not None:
        return _in_calendar(folder / window.calendar, ZoneInfo(window.zone), start, lasts)
    for begins, ends in _spans(window, start, lasts):
        if begins < start + lasts + timedelta(microseconds=1) and start < ends:
            return f"{begins:%a %Y-%m-%d %H:%M} to {ends:%a %Y-%m-%d %H:%M} {window.zone}"
    return None


def _spans(window: Window, start: datetime, lasts: timedelta) -> list[tuple[datetime, datetime]]:
    """The window's spans around the run, in its own zone."""
    zone = ZoneInfo(window.zone)
    if isinstance(window.from_, datetime) and isinstance(window.until, datetime):
        return [(zoned(window.from_, zone), zoned(window.until, zone))]
    spans = []
    day = start.astimezone(zone).date() - timedelta(days=1)
    while day <= (start + lasts).astimezone(zone).date():
        if DAYS[day.weekday()] in window.days:
            midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
            begins, ends = (midnight + timedelta(minutes=int(m)) for m in (window.from_, window.until))  # type: ignore[arg-type]
            spans.append((begins, ends if ends > begins else ends + timedelta(days=1)))
        day += timedelta(days=1)
    return spans


def _in_calendar(path: Path, zone: ZoneInfo, start: datetime, lasts: timedelta) -> str | None:
    """Ask a process of its own: a rule may have more events than anybody can wait for."""
    # at least a moment long: an empty span meets no event
    ends = start + max(lasts, timedelta(seconds=1))
    span = [start.astimezone(zone).isoformat(), ends.astimezone(zone).isoformat(), zone.key, str(COMPUTES_S)]
    command = python("gameday.guardrails.calendar", *span)
    try:
        text = read_bytes(path, LARGEST_BYTES)
        done = subprocess.run(
            command, input=text, capture_output=True, timeout=LIMIT_S, check=False, env=of_child()
        )
        answer = json.loads(done.stdout) if done.stdout else {"wrong": TOO_MANY}
    except FileNotFoundError:
        raise GamedayError(f"the calendar {path} cannot be read: there is no such file") from None
    except (Unreadable, ValueError) as error:
        raise GamedayError(f"the calendar {path} cannot be read: {error}") from None
    except subprocess.TimeoutExpired:
        raise GamedayError(f"the calendar {path} cannot be read within {LIMIT_S:g} s") from None
    if "wrong" in answer:
        raise GamedayError(f"the calendar {path} cannot be read: {answer['wrong']}")
    return f"'{answer['event']}' of {path.name}" if answer["event"] is not None else None


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)
