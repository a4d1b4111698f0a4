"""Play the undo log: last in, first out, each undo in a disposable child with its own time limit."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from gameday.faults.undolog import Entry, UndoLog

LIMIT_S = 30.0
PAUSES_S = (0.2, 1.0, 3.0)

Tell = Callable[[str, Entry, str], None]


def play(log: UndoLog, tell: Tell = lambda *_: None) -> list[Entry]:
    """Undo everything still owed; returns what still is. An undo that fails stops no other."""
    for entry in log.owed():
        _play_one(log, entry, tell)
    return log.owed()


def _play_one(log: UndoLog, entry: Entry, tell: Tell) -> None:
    tell("undoing", entry, "")
    log.note(entry.id, "undoing")
    for pause_s in (*PAUSES_S, None):
        ok, detail = _in_a_child("undo", entry.call)
        if ok:
            break
        if pause_s is None:
            log.note(entry.id, "undo-failed", detail)
            tell("undo-failed", entry, detail)
            return
        time.sleep(pause_s)
    log.note(entry.id, "undone", detail)
    verified, proof = _in_a_child("verify", entry.call)
    if verified:
        log.note(entry.id, "verified", detail)
    tell("undone", entry, detail if verified else f"{detail}; not verified: {proof}")


def _in_a_child(what: str, call: dict[str, Any]) -> tuple[bool, str]:
    """Whether an undo or its verification worked, and what it says."""
    command = [sys.executable, "-m", "gameday.run.undoing", what]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(call).encode(),
            capture_output=True,
            timeout=LIMIT_S,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"no end within {LIMIT_S:g} s"
    said = (done.stdout or done.stderr).decode(errors="replace").strip().splitlines()
    return done.returncode == 0, said[-1] if said else ""
