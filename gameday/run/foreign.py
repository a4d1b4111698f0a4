"""Runs that this user's gameday did not write here: copied from elsewhere, of another user, or forged.

Whoever wrote the folder chose what a recovery would play. So it is shown first, and needs a word.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gameday.errors import GamedayError
from gameday.evidence.pack import Pack
from gameday.experiment.positions import parse
from gameday.redact import REDACTED
from gameday.run.custody import Custody
from gameday.run.rollbacks import Rollbacks


def would_play(custody: Custody) -> Iterator[str]:
    """What a recovery would do, a line each, in plain ASCII; nothing when it would only judge."""
    for identity in custody.left_over():
        yield f"end process {identity.pid} and its group, which it calls {_said(identity.name)}"
    for entry in custody.undo_log.owed():
        yield f"undo {_said(entry.step)}: {_call(entry.call)}"
    rollbacks = rollbacks_of(custody.pack, ())
    for rollback in (rollbacks.document.get("rollbacks") or []) if rollbacks is not None else []:
        yield f"roll back: {_said(rollback)}"


def rollbacks_of(pack: Pack, variables: tuple[str, ...]) -> Rollbacks | None:
    """The rollbacks that the copy of the experiment has; None when it cannot be read.

    What was taken out of the copy is gone: with a piece missing they would do something else.
    """
    for path in sorted(pack.folder.glob("experiment.*")):
        try:
            document = parse(path.name, path.read_text(encoding="utf-8"))[0]
        except (GamedayError, OSError, ValueError):
            continue
        if isinstance(document, dict) and REDACTED not in json.dumps(_that_counts(document), default=str):
            return Rollbacks(document, variables)
    return None


def _that_counts(document: dict[str, Any]) -> list[Any]:
    return [document.get(part) for part in ("rollbacks", "configuration", "secrets", "controls")]


def _call(call: dict[str, Any]) -> str:
    context = f" with {_said(call['context'])}" if "context" in call else ""
    if "activity" in call:
        return f"{_said(call['activity'])}{context}"
    return f"{_said(call.get('module'))}.{_said(call.get('func'))}({_said(call.get('arguments'))}){context}"


def _said(value: Any) -> str:
    return json.dumps(value, default=str).strip('"')
