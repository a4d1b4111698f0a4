"""The timeline: everything that happens in a run, in order, on one clock, on disk as it happens."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from gameday import clock, redact
from gameday.chain import Chain
from gameday.events import Event
from gameday.faults.undolog import Entry
from gameday.files import is_full, read_lines, storable
from gameday.processes import boot

Listener = Callable[[dict[str, Any]], None]


class Timeline:
    """Appends events to `timeline.jsonl` and tells listeners, such as the live view.

    A disk that takes no more does not stop what is being recorded: `trouble` says what is wrong, and what
    could not be written is written once there is room.
    """

    def __init__(self, path: Path, read_clocks: Callable[[], clock.Tie] = clock.Tie.take) -> None:
        self.path = path
        self.chain = Chain(path)
        self.read_clocks = read_clocks
        self.boot = boot()
        self.tie = read_clocks()
        # what the run clock is ahead of this boot's
        self.ahead_ns = 0
        self.listeners: list[Listener] = []
        self.trouble: str | None = None
        self._unwritten: list[dict[str, Any]] = []

    @classmethod
    def resumed(cls, path: Path, read_clocks: Callable[[], clock.Tie] = clock.Tie.take) -> Timeline:
        """The timeline of a run that somebody else began, perhaps before a reboot.

        The run clock goes on for as long as the boot does. After a reboot UTC says, once, how late it is.
        """
        timeline = cls(path, read_clocks)
        entries = list(read_lines(path))
        first = next((entry for entry in entries if entry.get("event") == Event.CLOCK), None)
        if first is None:
            return timeline
        now, tie = timeline.tie, clock.Tie(first["monotonic_ns"], first["utc_ns"])
        timeline.tie = tie
        if first.get("boot") != timeline.boot:
            at_ns = tie.monotonic_ns + now.utc_ns - tie.utc_ns
            # nothing happens before what has happened, whatever UTC says
            last_ns = max(int(entry.get("t_ns", 0)) for entry in entries)
            timeline.ahead_ns = max(at_ns, last_ns) - now.monotonic_ns
        return timeline

    def add(self, event: Event, *, t_ns: int | None = None, **more: Any) -> None:
        """Record an event; `t_ns` is its moment on the clock of this boot, now by default."""
        at_ns = (self.read_clocks().monotonic_ns if t_ns is None else t_ns) + self.ahead_ns
        entry = redact.event(
            storable({"t_ns": at_ns, "at": self.tie.utc(at_ns), "event": str(event), **more})
        )
        self._unwritten.append(entry)
        try:
            while self._unwritten:
                self.chain.append(self._unwritten[0])
                del self._unwritten[0]
        except OSError as error:
            self._cannot(str(error.strerror))
        for listener in self.listeners:
            with suppress(Exception):  # what is shown to people, or is not, changes nothing of the run
                listener(entry)

    def moment(self, tie: clock.Tie) -> int:
        """A moment on the run clock: by the clock of this boot where it was read, else by UTC."""
        if tie.boot in (None, self.boot):
            return tie.monotonic_ns + self.ahead_ns
        return self.tie.monotonic_ns + tie.utc_ns - self.tie.utc_ns

    def move(self, path: Path) -> None:
        """Go on in the same file under another name. What its old name did not take is written now."""
        self.path = self.chain.path = path
        self.trouble = None

    def check(self) -> str | None:
        """Why nothing can be recorded, seen before there is something to record; None while all is well."""
        if self.trouble is None and not os.access(self.path, os.W_OK):
            self._cannot("it is read-only, or gone")
        elif self.trouble is None and is_full(self.path.parent):
            self._cannot("the disk is full")
        return self.trouble

    def _cannot(self, why: str) -> None:
        self.trouble = f"{self.path.parent} cannot be written: {why}"

    def undo(self, event: Event, entry: Entry, detail: str) -> None:
        """Record how an undo goes."""
        self.add(event, step=entry.step, fault=entry.fault, detail=detail)

    def tie_clocks(self) -> None:
        """Record one moment on both clocks, at the start and at the end of the run."""
        now = self.read_clocks()
        told = {"monotonic_ns": now.monotonic_ns + self.ahead_ns, "utc_ns": now.utc_ns, "boot": self.boot}
        self.add(Event.CLOCK, t_ns=now.monotonic_ns, **told)
