"""The runs of this user's that are going, as somebody sees them who has something to say to them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday import clock
from gameday.clock import Tie
from gameday.events import Event
from gameday.files import read_lines
from gameday.processes import Identity
from gameday.run.custody import Custody, custodies
from gameday.run.inbox import READER, folder_of

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Going:
    """A run that hears what is said to it."""

    custody: Custody

    @property
    def run_id(self) -> str:
        """Its name."""
        return self.custody.pack.run_id

    @property
    def inbox(self) -> Path:
        """Where to drop messages to it."""
        return folder_of(self.custody)

    def began(self) -> Tie | None:
        """When it began; None while it has only just."""
        entry = next((each for each in self._entries() if each.get("event") == Event.CLOCK), None)
        return None if entry is None else Tie(entry["monotonic_ns"], entry["utc_ns"], entry.get("boot"))

    def asks(self) -> list[Entry]:
        """What it asks that nobody has answered yet: entries with `id`, `what` and `choices`."""
        return open_asks(self._entries())

    def heard(self, message: str, within_s: float, every_s: float) -> Entry | None:
        """What the timeline says of a message, by its file's name; None when it is not heard in time."""
        end_ns = clock.now_ns() + round(within_s * clock.NS_PER_S)
        while clock.now_ns() < end_ns:
            if not (self.inbox / message).exists():
                found = [entry for entry in self._entries() if entry.get("message") == message]
                if found:
                    return found[0]
            clock.pause(every_s)
        return None

    def _entries(self) -> list[Entry]:
        return list(read_lines(self.custody.pack.timeline))


def going() -> list[Going]:
    """This user's runs that hear what is said to them, oldest first."""
    return [Going(custody) for custody in custodies() if _is_heard(folder_of(custody) / READER)]


def open_asks(entries: Iterable[Entry]) -> list[Entry]:
    """The asks of a timeline that are still open."""
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.get("event") == Event.ASKED:
            found[entry["id"]] = entry
        elif entry.get("event") in (Event.ANSWERED, Event.ASK_EXPIRED):
            found.pop(entry.get("id", ""), None)
    return list(found.values())


def _is_heard(reader: Path) -> bool:
    try:
        return Identity(**json.loads(reader.read_bytes())).is_alive
    except (OSError, ValueError, TypeError):
        return False
