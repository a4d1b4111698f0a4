"""The timeline: everything that happens in a run, in order, on one clock, on disk as it happens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gameday import clock
from gameday.files import append_line

Listener = Callable[[dict[str, Any]], None]


class Timeline:
    """Appends events to `timeline.jsonl` and tells listeners, such as the live view."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tie = clock.Tie.take()
        self.listeners: list[Listener] = []

    def add(self, event: str, *, t_ns: int | None = None, **more: Any) -> None:
        """Record an event; `t_ns` is its moment on the run clock, now by default."""
        at_ns = clock.now_ns() if t_ns is None else t_ns
        entry = {"t_ns": at_ns, "at": self.tie.utc(at_ns), "event": event, **more}
        append_line(self.path, entry)
        for listener in self.listeners:
            listener(entry)

    def tie_clocks(self) -> None:
        """Record one moment on both clocks, at the start and at the end of the run."""
        tie = clock.Tie.take()
        self.add("clock", monotonic_ns=tie.monotonic_ns, utc_ns=tie.utc_ns)
