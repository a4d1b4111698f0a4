"""Forbidden windows: whether a run that starts now would fall into one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from gameday.errors import GamedayError
from gameday.experiment.rules import DAYS, Window


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
        return [(_zoned(window.from_, zone), _zoned(window.until, zone))]
    spans = []
    day = start.astimezone(zone).date() - timedelta(days=1)
    while day <= (start + lasts).astimezone(zone).date():
        if DAYS[day.weekday()] in window.days:
            midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
            begins, ends = (midnight + timedelta(minutes=int(m)) for m in (window.from_, window.until))  # type: ignore[arg-type]
            spans.append((begins, ends if ends > begins else ends + timedelta(days=1)))
        day += timedelta(days=1)
    return spans


def _zoned(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _in_calendar(path: Path, zone: ZoneInfo, start: datetime, lasts: timedelta) -> str | None:
    import icalendar
    import recurring_ical_events

    try:
        calendar = icalendar.Calendar.from_ical(path.read_bytes())
        # at least a moment long: an empty span meets no event
        ends = start + max(lasts, timedelta(seconds=1))
        events = recurring_ical_events.of(calendar).between(start.astimezone(zone), ends.astimezone(zone))
    except (OSError, ValueError, KeyError) as error:
        raise GamedayError(f"the calendar {path} cannot be read: {error}") from None
    return f"'{events[0].get('SUMMARY', 'an event')}' of {path.name}" if events else None


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)
