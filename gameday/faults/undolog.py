"""The undo log: the write-ahead file of every undo that is still owed.

One JSON line per event, on disk before the fault acts. The state of an undo is its last event, so any
prefix of the file, torn anywhere, says what is still owed.

    owed → landed → undoing → undone | undo-failed → verified
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gameday import clock, redact
from gameday.errors import FaultError
from gameday.files import append_line, read_lines

LOG_VARIABLE = "GAMEDAY_UNDO_LOG"


@dataclass(frozen=True, slots=True)
class Entry:
    """One undo and where it stands.

    `call` is data, never code: `{"module", "func", "arguments", "verify"}` for a fault of gameday, or
    `{"activity"}` for an undo that the experiment declares.
    """

    id: str
    step: str
    fault: str
    call: dict[str, Any]
    events: tuple[str, ...] = ("owed",)
    detail: str = ""
    at_ns: dict[str, int] = field(default_factory=dict)

    @property
    def is_owed(self) -> bool:
        """Whether the undo has still to be played, or played again."""
        return not {"undone", "verified"} & set(self.events)

    @property
    def is_verified(self) -> bool:
        """Whether the state was read back and is as it was."""
        return "verified" in self.events


class UndoLog:
    """An undo log on disk. Every method that writes returns after the line is on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of_this_run(cls) -> UndoLog | None:
        """The log of the run that this process belongs to; None outside a run, as under `chaos run`."""
        path = os.environ.get(LOG_VARIABLE)
        return cls(Path(path)) if path else None

    def owe(self, step: str, fault: str, call: dict[str, Any]) -> str:
        """Record an undo before its fault acts; returns its id."""
        identity = uuid.uuid4().hex[:12]
        self._append(identity, "owed", step=step, fault=fault, call=call)
        return identity

    def note(self, identity: str, event: str, detail: str = "") -> None:
        """Record what became of an undo: `landed`, `undoing`, `undone`, `undo-failed` or `verified`."""
        self._append(identity, event, detail=detail)

    def entries(self) -> list[Entry]:
        """Every undo with its events so far, oldest first."""
        found: dict[str, Entry] = {}
        for line in read_lines(self.path):
            identity, event = str(line.get("id")), str(line.get("event"))
            at = {event: int(line.get("t_ns", 0))}
            if event == "owed":
                found[identity] = Entry(identity, line["step"], line["fault"], line["call"], at_ns=at)
            elif identity in found:
                old = found[identity]
                found[identity] = Entry(
                    identity,
                    old.step,
                    old.fault,
                    old.call,
                    (*old.events, event),
                    str(line.get("detail", "")) or old.detail,
                    {**old.at_ns, **at},
                )
        return list(found.values())

    def owed(self) -> list[Entry]:
        """The undos still owed in the order to play them: last in, first out."""
        return [entry for entry in reversed(self.entries()) if entry.is_owed]

    def _append(self, identity: str, event: str, **more: Any) -> None:
        call = {"call": more.pop("call")} if "call" in more else {}
        if redact.holds_known(json.dumps(call, default=str)):
            raise FaultError(
                "the undo of this action would put a secret on disk, so it is not played: "
                "hand the secret over by the environment or a file"
            )
        entry = redact.event({"id": identity, "event": event, "t_ns": clock.now_ns(), **more})
        append_line(self.path, {**entry, **call})
