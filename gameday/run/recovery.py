"""Finish a run that was cut off: stop what it left running, undo what it owes, judge what it recorded.

The guardian does this when the runner disappears, and `gameday recover` when both did, or after a reboot.
Doing it twice is safe; two at once exclude each other by the run's lock.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday import clock, redact
from gameday.evidence.pack import SEAL, Pack, digest, packs
from gameday.evidence.record import SEALED_SINCE, version_of
from gameday.evidence.seal import Sealing
from gameday.faults.undolog import Entry, UndoLog
from gameday.files import read_lines
from gameday.phases import METHOD, UNDO
from gameday.run import logs, reserve
from gameday.run.crew import end_left_over, undoer
from gameday.run.launch import AS_PROCESSES, Launch
from gameday.run.lock import Lock
from gameday.run.rollbacks import Rollbacks
from gameday.run.timeline import Listener, Timeline

LOCK_WITHIN_S = 5.0
TOLD = ("step-started", "step-ended", "engine-error", "engine-ended")


class StillRunning(Exception):
    """Somebody works on this run: its own runner, or another recovery."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that has not come to its end: it owes undos, or it has no record or no seal."""

    pack: Pack
    owed: tuple[Entry, ...]

    @property
    def is_running(self) -> bool:
        """Whether somebody works on it now."""
        lock = Lock(self.pack.folder)
        is_free = lock.take()
        lock.release()
        return not is_free


def unfinished(results: Path) -> Iterator[Unfinished]:
    """Every unfinished run under `results`, oldest first."""
    for pack in packs(results):
        owed = tuple(UndoLog(pack.undo_log).owed())
        if owed or (pack.plan.exists() and not is_recorded(pack)):
            yield Unfinished(pack, owed)


def is_recorded(pack: Pack) -> bool:
    """Whether a run has a record and its seal; a gameday of old did not seal."""
    if (pack.folder / SEAL).exists():
        return pack.record.exists()
    try:
        record = json.loads(pack.record.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return isinstance(record, dict) and version_of(record) < SEALED_SINCE


def recover(
    pack: Pack,
    rollbacks: Rollbacks | None,
    reason: str,
    sealing: Sealing,
    tell: Listener = lambda entry: None,
    launch: Launch = AS_PROCESSES,
) -> list[Entry]:
    """Finish a run; returns the undos that are still owed. Raises StillRunning when somebody is at it.

    One that has come to its end, perhaps only just, is left as it is.
    """
    lock = Lock(pack.folder)
    if not _within(LOCK_WITHIN_S, lock.take):
        raise StillRunning(pack.run_id)
    try:
        end_left_over(pack)
        if is_recorded(pack) and not UndoLog(pack.undo_log).owed():
            return []
        with contextlib.suppress(OSError):
            (pack.folder / reserve.NAME).unlink(missing_ok=True)
            (pack.folder / SEAL).unlink(missing_ok=True)  # what it seals is about to change
        timeline = Timeline.resumed(pack.timeline)
        timeline.listeners.append(tell)
        timeline.add("aborted", reason=reason)
        owed = put_back(pack, timeline, rollbacks, launch)
        timeline.tie_clocks()
        logs.finish()
        # only now: measuring imports much, and the undo must not wait for it
        from gameday.run.judge import judge

        judge(pack, sealing)
    finally:
        lock.release()
    return owed


def recover_from_disk(
    pack: Pack, variables: tuple[str, ...], sealing: Sealing, launch: Launch = AS_PROCESSES
) -> list[Entry]:
    """Finish a run from what its folder holds, as after a reboot. Values of `--var` are not on disk."""
    from gameday.experiment.names import names_of
    from gameday.experiment.secrets import secrets_of
    from gameday.run.view import Plain

    document = _experiment_of(pack)
    rollbacks = Rollbacks(document, variables) if document else None
    redact.learn(secrets_of(document or {}, {}), names_of(document or {}, {}))
    reason = "the run was cut off; gameday recover put everything back"
    return recover(pack, rollbacks, reason, sealing, Plain().event, launch)


def _experiment_of(pack: Pack) -> dict[str, Any] | None:
    """The experiment of a run: the file itself while it is unchanged, else the copy without secrets."""
    from gameday.experiment.positions import parse

    copies = list(pack.folder.glob("experiment.*"))
    about = pack.about()
    original = Path(about["experiment"]) if about["experiment"] else None
    if original is not None and original.is_file() and digest(original) == about["sha256"]:
        copies.insert(0, original)
    return parse(copies[0].name, copies[0].read_text())[0] if copies else None


def put_back(pack: Pack, timeline: Timeline, rollbacks: Rollbacks | None, launch: Launch) -> list[Entry]:
    """Undo, then play the rollbacks if the method had begun and its engine did not end, then undo again."""
    log = UndoLog(pack.undo_log)
    player = undoer(pack, launch)
    events = list(read_lines(pack.timeline))
    if not any(event.get("event") == "phase" and event.get("name") == UNDO for event in events):
        timeline.add("phase", name=UNDO)

    def hear(event: str, message: dict[str, Any]) -> None:
        if event in TOLD:
            timeline.add(event, **message)

    try:
        owed = player.play(log, timeline.undo)
        has_begun = any(event.get("name") == METHOD for event in events)
        has_ended = any(event.get("event") == "engine-ended" for event in events)
        if rollbacks is not None and has_begun and not has_ended:
            rollbacks.play(pack, launch, hear)
            owed = player.play(log, timeline.undo)
    finally:
        player.dismiss()
    return owed


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    end_ns = clock.now_ns() + round(seconds * clock.NS_PER_S)
    while not condition():
        if clock.now_ns() > end_ns:
            return False
        clock.pause(0.02)
    return True
