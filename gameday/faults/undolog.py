"""The undo log: what is written ahead of every fault, so that it is never forgotten.

One JSON line per event, there to stay before the fault acts. The state of an undo is its last event, so any
prefix of the file, torn anywhere, says what is still owed.

    owed → landed → undoing (→ settling) → undone | undo-failed → verified

An undo may put back what its fault found, and so may that of a fault which came before it and was undone
while this one failed. Once this one works, that one is owed again.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gameday import clock, redact
from gameday.errors import FaultError
from gameday.faults.logbook import FileBook, Logbook, opened
from gameday.files import append, as_line, entries_in

LOG_VARIABLE, LOG_COPY_VARIABLE = "GAMEDAY_UNDO_LOG", "GAMEDAY_UNDO_LOG_COPY"


@dataclass(frozen=True, slots=True)
class Entry:
    """One undo and where it stands.

    `call` is data, never code: `{"module", "func", "arguments", "verify"}` for a fault of gameday, or
    `{"activity", "configuration", "secrets"}` for an undo that the experiment declares; `cwd` is the folder
    that relative paths in it mean; the rest are its terms (`terms.py`) and its context (`context.py`).
    owed_line, acted_line, undone_line: where the log says that it is owed, has acted, is undone; None until
    then. is_overtaken: undone, but before a later one that had failed was.
    """

    id: str
    step: str
    fault: str
    call: dict[str, Any]
    events: tuple[str, ...] = ("owed",)
    detail: str = ""
    at_ns: dict[str, int] = field(default_factory=dict)
    owed_line: int = 0
    acted_line: int | None = None
    undone_line: int | None = None
    is_overtaken: bool = False

    @property
    def is_owed(self) -> bool:
        """Whether the undo has still to be played, or played again."""
        return self.undone_line is None or self.is_overtaken

    @property
    def is_verified(self) -> bool:
        """Whether the state was read back, the last time that it was undone, and is as it was."""
        newest_first = self.events[::-1]
        since = newest_first.index("undone") if "undone" in newest_first else len(newest_first)
        return not self.is_owed and "verified" in newest_first[:since]

    def was_undone_before(self, later: Entry) -> bool:
        """Whether it was undone while a later one was owed, and that one only then."""
        if self.acted_line is None or later.acted_line is None or later.undone_line is None:
            return False
        return self.undone_line is not None and later.owed_line < self.acted_line < later.acted_line

    def then(self, event: str, detail: str, at_ns: int, line: int) -> Entry:
        """The entry once something more has become of it; line: where the log says so."""
        has_acted = event == "settling" or (event == "undone" and self.events[-1] != "settling")
        return replace(
            self,
            events=(*self.events, event),
            detail=detail or self.detail,
            at_ns={**self.at_ns, event: at_ns},
            acted_line=line if has_acted else self.acted_line,
            undone_line=line if event == "undone" else self.undone_line,
        )


class UndoLog:
    """An undo log. Every method that writes returns once the line stays, whatever dies.

    book: where it lies, or the path of its file. copy: a file that gets every line which the book takes, for
    the evidence; it is never read.
    """

    def __init__(self, book: Logbook | Path, copy: Path | None = None) -> None:
        self.book: Logbook = FileBook(book) if isinstance(book, Path) else book
        self.copy = copy

    @property
    def path(self) -> Path:
        """The file of a log that lies in one."""
        return Path(self.book.where)

    @classmethod
    def of_this_run(cls) -> UndoLog | None:
        """The log of the run that this process belongs to; None outside a run, as under `chaos run`."""
        where, copy = os.environ.get(LOG_VARIABLE), os.environ.get(LOG_COPY_VARIABLE)
        return cls(opened(where), Path(copy) if copy else None) if where else None

    def owe(self, step: str, fault: str, call: dict[str, Any]) -> str:
        """Record an undo before its fault acts, and the working folder; returns its id."""
        identity = uuid.uuid4().hex[:12]
        self._append(identity, "owed", step=step, fault=fault, call={**call, "cwd": _cwd()})
        return identity

    def note(self, identity: str, event: str, detail: str = "") -> None:
        """Record what became of an undo: `landed`, `undoing`, `settling`, `undone`, …"""
        self._append(identity, event, detail=detail)

    def entries(self) -> list[Entry]:
        """Every undo with its events so far, oldest first."""
        found: dict[str, Entry] = {}
        for number, line in enumerate(entries_in(self.book.lines())):
            identity, event = str(line.get("id")), str(line.get("event"))
            at_ns = int(line.get("t_ns", 0))
            if event == "owed":
                about = (line["step"], line["fault"], line["call"])
                found[identity] = Entry(identity, *about, at_ns={event: at_ns}, owed_line=number)
            elif identity in found:
                found[identity] = found[identity].then(event, str(line.get("detail", "")), at_ns, number)
        every = list(found.values())
        return [
            replace(entry, is_overtaken=any(map(entry.was_undone_before, every[number + 1 :])))
            for number, entry in enumerate(every)
        ]

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
        line = as_line({**entry, **call})
        self.book.append(line)
        if self.copy is not None:
            with contextlib.suppress(OSError):  # it gets the whole log before it is sealed
                append(self.copy, line)


def _cwd() -> str | None:
    """The working folder; None when it is gone."""
    try:
        return os.getcwd()  # noqa: PTH109 - a text
    except FileNotFoundError:
        return None
