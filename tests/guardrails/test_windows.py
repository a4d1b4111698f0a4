"""Forbidden windows: what falls into one, in its own time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.errors import GamedayError
from gameday.experiment.rules import Window
from gameday.guardrails.windows import overlap

AT_ONCE = timedelta(0)
FREEZE = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:1
DTSTAMP:20260101T000000Z
SUMMARY:Month-end close
DTSTART;TZID=Europe/Berlin:20260131T180000
DTEND;TZID=Europe/Berlin:20260131T230000
RRULE:FREQ=MONTHLY;BYMONTHDAY=-1
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTAMP:20260101T000000Z
SUMMARY:Christmas
DTSTART;VALUE=DATE:20261224
DTEND;VALUE=DATE:20261227
END:VEVENT
END:VCALENDAR
"""


def window(**keys: object) -> Window:
    return Window.model_validate(keys)


def is_forbidden(rule: Window, when: str, lasts: timedelta = AT_ONCE, folder: Path = Path()) -> bool:
    return overlap(rule, datetime.fromisoformat(when).astimezone(UTC), lasts, folder) is not None


WEEKEND = window(**{"from": "16:00", "until": "06:00", "days": ["fri"], "zone": "Europe/Berlin"})


@pytest.mark.parametrize(
    ("when", "forbidden"),
    [
        ("2026-11-27T14:59:59+00:00", False),
        ("2026-11-27T15:00:00+00:00", True),  # 16:00 in Berlin
        ("2026-11-28T04:59:59+00:00", True),  # Saturday, in the window that began on Friday
        ("2026-11-28T05:00:00+00:00", False),
        ("2026-11-28T16:00:00+00:00", False),  # no window begins on a Saturday
        ("2026-07-03T14:00:00+00:00", True),  # summer time: 16:00 is 14:00 UTC
        ("2026-07-03T13:59:59+00:00", False),
    ],
)
def test_a_daily_window_follows_its_zone_past_midnight_and_summer_time(when: str, forbidden: bool) -> None:
    assert is_forbidden(WEEKEND, when) is forbidden


@pytest.mark.parametrize(
    ("when", "forbidden"),
    [
        ("2026-12-19T22:59:59+00:00", False),
        ("2026-12-19T23:00:00+00:00", True),
        ("2027-01-03T22:59:59+00:00", True),
        ("2027-01-03T23:00:00+00:00", False),
    ],
)
def test_a_freeze_begins_and_ends_at_midnight_there(when: str, forbidden: bool) -> None:
    freeze = window(**{"from": "2026-12-20", "until": "2027-01-04", "zone": "Europe/Berlin"})
    assert is_forbidden(freeze, when) is forbidden


def test_a_run_that_could_last_into_a_window_is_forbidden() -> None:
    assert not is_forbidden(WEEKEND, "2026-11-27T14:00:00+00:00", timedelta(minutes=59))
    assert is_forbidden(WEEKEND, "2026-11-27T14:00:00+00:00", timedelta(minutes=61))


@pytest.mark.parametrize(
    ("when", "forbidden"),
    [
        ("2026-11-30T16:59:00+00:00", False),
        ("2026-11-30T17:00:01+00:00", True),  # the last day of November, by the rule
        ("2026-12-25T12:00:00+00:00", True),
        ("2026-12-28T12:00:00+00:00", False),
    ],
)
def test_events_of_a_calendar_are_forbidden_also_repeated_ones(
    when: str, forbidden: bool, tmp_path: Path
) -> None:
    (tmp_path / "freeze.ics").write_text(FREEZE)
    rule = window(calendar="freeze.ics", zone="Europe/Berlin")
    assert is_forbidden(rule, when, folder=tmp_path) is forbidden


@pytest.mark.parametrize("content", [None, "not a calendar"])
def test_a_calendar_that_cannot_be_read_is_no_permission(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "freeze.ics").write_text(content)
    with pytest.raises(GamedayError, match=r"freeze\.ics cannot be read"):
        is_forbidden(window(calendar="freeze.ics"), "2026-11-30T12:00:00+00:00", folder=tmp_path)


@given(
    begins=st.integers(0, 1439),
    length=st.integers(1, 1439),
    minute=st.integers(0, 7 * 1440 - 1),
)
def test_a_daily_window_forbids_exactly_its_minutes(begins: int, length: int, minute: int) -> None:
    rule = window(**{"from": begins, "until": (begins + length) % 1440})
    when = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(minutes=minute)
    is_inside = (minute - begins) % 1440 < length
    assert (overlap(rule, when, AT_ONCE, Path()) is not None) is is_inside
