"""A run's inbox: what people, alarms and boards say is a file dropped into a folder, heard at the next tick.

The folder lies in the run's custody, where only this user can write. What is taken in is chained into the
timeline with when it was said and when it was heard. Nothing that lies there can stop the run.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gameday.events import Event
from gameday.files import read_lines, write_atomically
from gameday.processes import Identity
from gameday.run.custody import Custody
from gameday.run.desk import Desk
from gameday.run.messages import Message, Odd
from gameday.run.timeline import Timeline

NAME, CLOSED, READER, SET_ASIDE = "inbox", "inbox-closed", ".reader", ".set-aside"
# files looked at, and messages taken in, at one tick; the rest waits for the next
LOOKED_AT, AT_ONCE = 2_000, 10
MOST_OF_PEOPLE, MOST_ALARMS, MOST_ODD = 1_000, 1_000, 100


def folder_of(custody: Custody) -> Path:
    """Where the inbox of a run lies."""
    return custody.folder / NAME


class Inbox:
    """The inbox of a run, as whoever takes in its messages sees it. heard: the messages that are chained."""

    def __init__(self, folder: Path, timeline: Timeline, desk: Desk | None = None) -> None:
        self.folder = folder
        self.timeline = timeline
        self.desk = desk
        self.heard: set[str] = set()
        self.counts = {Event.NOTE: 0, Event.ALARM: 0, Event.MESSAGE_REFUSED: 0}

    def open(self) -> None:
        """Let messages come, and say that this process hears them; without a folder nobody can."""
        reader = Identity.of("runner", os.getpid())
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, exist_ok=True)
            if reader is not None:
                write_atomically(self.folder / READER, json.dumps(asdict(reader)))

    def take_in(self) -> None:
        """Take in what has come. Whatever is wrong with the folder or a file changes nothing of the run."""
        with suppress(OSError):
            for path in list(itertools.islice(self._waiting(), AT_ONCE)):
                self._take(path)

    def close(self) -> None:
        """Let nothing more come, and take in what has come until then."""
        closed = self.folder.with_name(CLOSED)
        with suppress(OSError):  # whoever is about to drop something is told that nobody hears it
            self.folder.rename(closed)
        self.folder = closed
        for _ in range(LOOKED_AT // AT_ONCE):
            before = len(self.heard)
            self.take_in()
            if len(self.heard) == before:
                break
        if self.timeline.trouble is None:
            shutil.rmtree(closed, ignore_errors=True)

    def take_in_left(self) -> None:
        """Take in what somebody else's run has left, but for what it has chained already."""
        self.heard |= {
            str(event["message"]) for event in read_lines(self.timeline.path) if "message" in event
        }
        opened, self.folder = self.folder, self.folder.with_name(CLOSED)
        self.take_in()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = opened
        self.close()

    def _waiting(self) -> Iterator[Path]:
        """What has come, people's words first, the oldest first."""
        with os.scandir(self.folder) as found:
            names = [each.name for each in itertools.islice(found, LOOKED_AT) if each.name[0] != "."]
        return (self.folder / name for name in sorted(names) if name not in self.heard)

    def _take(self, path: Path) -> None:
        try:
            message = Message.read(path)
            told = self._told(message)
        except FileNotFoundError:
            return
        except Odd as odd:
            self._set_aside(path, str(odd))
            return
        if self._is_one_too_many(Event.ALARM if message.what is Event.ALARM else Event.NOTE):
            self._remove(path)
            return
        self.timeline.add(message.what, message=path.name, **told)
        if message.what is Event.ANSWERED and self.desk is not None:
            self.desk.answer(str(message.ask), message.text, message.by)
        self._remove(path)

    def _told(self, message: Message) -> dict[str, Any]:
        """What the timeline says of it. Raises Odd when it cannot have been said, or answers nothing."""
        heard = self.timeline.read_clocks()
        at_ns = min(self.timeline.moment(message.said), self.timeline.moment(heard))
        if at_ns < self.timeline.tie.monotonic_ns:
            raise Odd(f"'{message.what}' would have been said before the run began")
        told: dict[str, Any] = {"by": message.by, "said_ns": at_ns, "said_at": self.timeline.tie.utc(at_ns)}
        if message.alarm is not None:
            return {**told, **asdict(message.alarm)}
        if message.what is Event.ANSWERED:
            why = (
                "nobody asks any more" if self.desk is None else self.desk.why_not(message.ask, message.text)
            )
            if why is not None:
                raise Odd(why)
            told["id"] = message.ask
            told["what"] = self.desk.open[str(message.ask)].ask.what if self.desk is not None else ""
        return {**told, "text": message.text}

    def _set_aside(self, path: Path, reason: str) -> None:
        """Keep what is no message out of the way, for whoever looks; it goes with the run."""
        if not self._is_one_too_many(Event.MESSAGE_REFUSED):
            self.timeline.add(Event.MESSAGE_REFUSED, message=path.name, reason=reason)
        self.heard.add(path.name)
        with suppress(OSError):
            aside = self.folder / SET_ASIDE
            aside.mkdir(mode=0o700, exist_ok=True)
            path.rename(aside / path.name)

    def _is_one_too_many(self, kind: Event) -> bool:
        """Count one; the first that is too many of its kind is an event."""
        most = {Event.NOTE: MOST_OF_PEOPLE, Event.ALARM: MOST_ALARMS, Event.MESSAGE_REFUSED: MOST_ODD}[kind]
        self.counts[kind] += 1
        if self.counts[kind] == most + 1:
            what = {Event.NOTE: "messages of people", Event.ALARM: "alarms"}.get(kind, "odd files")
            self.timeline.add(Event.INBOX_FULL, reason=f"more than {most:,} {what}; no more are taken in")
        return self.counts[kind] > most

    def _remove(self, path: Path) -> None:
        """Let go of a message that is chained, and on disk."""
        self.heard.add(path.name)
        if self.timeline.trouble is None:
            path.unlink(missing_ok=True)
