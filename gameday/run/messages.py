"""Messages to a run: what people, alarms and boards say, a file each, dropped into its inbox in one step."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gameday import clean
from gameday.clock import Tie
from gameday.events import SAID, Event
from gameday.files import storable
from gameday.processes import boot
from gameday.reading import Unreadable, read_bytes

LARGEST_BYTES = 16_384
LONGEST_TEXT, LONGEST_NAME = 2_000, 200
MOST_LABELS = 12
# what can be dropped, and what of an alarm is kept
WORDS = (*SAID, Event.ANSWERED, Event.ALARM)
STATUSES = ("firing", "resolved")
# people's files sort before alarms', so that a flood of those keeps nobody waiting
BY_PEOPLE, BY_MACHINES = "0", "1"


class Odd(ValueError):
    """A file in an inbox that is no message: why."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm as somebody's alerting told it. starts_at: as it came, RFC 3339; another host's clock."""

    name: str
    status: str
    starts_at: str = ""
    fingerprint: str = ""
    summary: str = ""
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """What was said. said: when, on the clocks of the host where it was said. ask: the id that it answers."""

    what: Event
    by: str
    said: Tie
    text: str = ""
    ask: str | None = None
    alarm: Alarm | None = None

    @classmethod
    def now(cls, what: Event, by: str, text: str = "", ago_ns: int = 0, **more: Any) -> Message:
        """Said at this moment, or so long ago."""
        tie = Tie.take()
        said = Tie(tie.monotonic_ns - ago_ns, tie.utc_ns - ago_ns, boot())
        return cls(what, by, said, text, **more)

    @classmethod
    def read(cls, path: Path) -> Message:
        """The message in a file. Raises Odd for whatever else is there, FileNotFoundError when it is gone."""
        try:
            found = json.loads(read_bytes(path, LARGEST_BYTES))
            said = found["said"]
            tie = Tie(_number(said["monotonic_ns"]), _number(said["utc_ns"]), str(said["boot"]))
            alarm = None if found.get("alarm") is None else _alarm(found["alarm"])
            ask = None if found.get("ask") is None else _text(found["ask"], LONGEST_NAME)
            what, by = Event(found["what"]), _text(found["by"], LONGEST_NAME)
            text = _text(found["text"], LONGEST_TEXT)
        except Unreadable as error:
            raise Odd(str(error)) from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Odd(f"it is no message: {type(error).__name__}: {str(error)[:LONGEST_NAME]}") from None
        if what not in WORDS or (what is Event.ALARM) != (alarm is not None):
            raise Odd(f"it is no message: nobody says '{what}'")
        return cls(what, by or "?", tie, text, ask, alarm)


def drop(inbox: Path, message: Message) -> Path:
    """Drop a message into an inbox: a reader sees all of it or nothing. Raises OSError."""
    first = BY_MACHINES if message.what is Event.ALARM else BY_PEOPLE
    path = inbox / f"{first}-{message.said.utc_ns:020d}-{secrets.token_hex(4)}.json"
    draft = path.with_name(f".{path.name}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(storable(asdict(message)), file)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**62:
        raise TypeError("a moment is a number of nanoseconds")
    return value


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is needed")
    return clean.line(value).strip()[:longest]


def _alarm(found: Any) -> Alarm:
    if found["status"] not in STATUSES:
        raise ValueError("an alarm is firing or resolved")
    texts = {
        name: _text(found[name], LONGEST_NAME) for name in ("name", "starts_at", "fingerprint", "summary")
    }
    labels = list(found["labels"].items())[:MOST_LABELS]
    kept = {_text(key, LONGEST_NAME): _text(value, LONGEST_NAME) for key, value in labels}
    return Alarm(**texts, status=str(found["status"]), labels=kept)
