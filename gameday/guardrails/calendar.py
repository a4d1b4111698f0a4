"""Look for an event in a calendar, in a process of its own that may compute only so long.

`python -m gameday.guardrails.calendar FROM UNTIL ZONE SECONDS` reads iCalendar on standard input and prints
`{"event": …}`, its summary or null, or `{"wrong": …}`. The kernel ends it once it has computed for SECONDS.
"""

from __future__ import annotations

import json
import resource
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

LARGEST_MEMORY_BYTES = 2_000_000_000
LONGEST_SUMMARY = 200  # characters


def main() -> None:
    """Look, and print."""
    begins, ends, zone, limit_s = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_CPU, (int(limit_s), int(limit_s)))
    resource.setrlimit(resource.RLIMIT_AS, (LARGEST_MEMORY_BYTES, LARGEST_MEMORY_BYTES))
    try:
        event = first(sys.stdin.buffer.read(), begins, ends, ZoneInfo(zone))
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody can read that calendar
        sys.stdout.write(json.dumps({"wrong": f"{error or type(error).__name__}"[:LONGEST_SUMMARY]}))
        return
    sys.stdout.write(json.dumps({"event": event}))


def first(calendar: bytes, begins: str, ends: str, zone: ZoneInfo) -> str | None:
    """The summary of an event between two moments (ISO 8601), None when there is none."""
    import icalendar
    import recurring_ical_events

    span = [datetime.fromisoformat(moment).astimezone(zone) for moment in (begins, ends)]
    events = recurring_ical_events.of(icalendar.Calendar.from_ical(calendar)).between(*span)
    return str(events[0].get("SUMMARY", "an event"))[:LONGEST_SUMMARY] if events else None


if __name__ == "__main__":
    main()
