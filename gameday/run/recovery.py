"""Finish a run that was cut off: stop what it left running, undo what it owes, judge what it recorded.

The guardian does this when the runner disappears, and `gameday recover` when both did, or after a reboot.
Doing it twice is safe; two at once exclude each other by the run's lock. It is undone first: whatever else is
wrong is said afterwards.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gameday import clock, redact
from gameday.errors import GamedayError
from gameday.events import PLAYED, Event
from gameday.evidence.pack import SEAL, Pack
from gameday.evidence.record import SEALED_SINCE, version_of
from gameday.evidence.seal import Sealing
from gameday.evidence.shelf import packs
from gameday.faults import context
from gameday.faults.undolog import Entry
from gameday.files import read_lines
from gameday.guardrails import gate
from gameday.phases import METHOD, UNDO
from gameday.run import logs, reserve
from gameday.run.crew import end_left_over, undoer
from gameday.run.custody import Custody, custodies
from gameday.run.inbox import Inbox, folder_of
from gameday.run.launch import AS_PROCESSES, Launch
from gameday.run.rollbacks import Rollbacks
from gameday.run.timeline import Listener, Timeline

LOCK_WITHIN_S = 5.0
# what a file raises that is not what it should be
ODD = (ValueError, TypeError, KeyError, AttributeError)


class StillRunning(Exception):
    """Somebody works on this run: its own runner, or another recovery."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that has not come to its end: it owes undos, or it has no record or no seal."""

    custody: Custody
    owed: tuple[Entry, ...]

    @classmethod
    def of(cls, custody: Custody) -> Unfinished:
        """With what it owes. Raises OSError or one of ODD when its log is no undo log."""
        return cls(custody, tuple(custody.undo_log.owed()))

    @property
    def is_running(self) -> bool:
        """Whether somebody works on it now."""
        lock = self.custody.lock
        is_free = lock.take()
        lock.release()
        return not is_free


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of a run: the undos that it still owes, the rollbacks that are not played or failed.

    trouble: why it has no record, or no seal.
    """

    owed: tuple[Entry, ...] = ()
    failed: tuple[str, ...] = ()
    trouble: str | None = None

    @property
    def is_put_back(self) -> bool:
        """Whether everything is put back."""
        return not self.owed and not self.failed


def unfinished(results: Path) -> Iterator[Unfinished]:
    """Every unfinished run under `results`, oldest first, then those whose folder is gone from everywhere."""
    known = set()
    for pack in packs(results):
        try:
            left = Unfinished.of(Custody.of(pack))
        except (OSError, *ODD):
            continue  # a folder that no gameday wrote: nobody can say what it owes
        known.add(left.custody.folder)
        if left.owed or (left.custody.pack.plan.exists() and not is_recorded(left.custody.pack)):
            yield left
    for custody in custodies():
        if custody.folder not in known and not custody.pack.folder.exists():
            yield Unfinished.of(custody)


def is_recorded(pack: Pack) -> bool:
    """Whether a run has a record and its seal; a gameday of old did not seal."""
    if (pack.folder / SEAL).exists():
        return pack.record.exists()
    try:
        record = json.loads(pack.record.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and version_of(record) < SEALED_SINCE


def lacks(custody: Custody) -> Iterator[str]:
    """What undos of a run need and nobody has here, a line each: they stay owed, the others are played."""
    for entry in custody.undo_log.owed():
        if missing := context.missing(entry.call, os.environ):
            what = f"'{entry.step or entry.fault}' will not be undone; missing: {', '.join(missing)}"
            yield f"{what}; put that in place and recover again"


def has_ended(custody: Custody) -> bool:
    """Whether a run has come to its end: it is recorded, and owes nothing."""
    return is_recorded(custody.pack) and not custody.undo_log.owed()


def recover(
    custody: Custody,
    reason: str,
    sealing: Callable[[], Sealing],
    rollbacks: Rollbacks | None,
    tell: Listener = lambda entry: None,
    launch: Launch = AS_PROCESSES,
    tick: Callable[[], None] = lambda: None,
) -> Recovered:
    """Finish a run. Raises StillRunning when somebody is at it.

    One that has come to its end, perhaps only just, is left as it is. sealing: asked once everything is put
    back. tick: called again and again until then.
    """
    pack, lock = custody.pack, custody.lock
    if custody.is_foreign and has_ended(custody):
        return Recovered()
    try:
        if not _within(LOCK_WITHIN_S, lock.take):
            raise StillRunning(pack.run_id)
    except FileNotFoundError:  # somebody has just brought it to its end
        return Recovered()
    try:
        end_left_over(custody)
        if has_ended(custody):
            custody.end()
            return Recovered()
        with contextlib.suppress(OSError):
            (pack.folder / reserve.NAME).unlink(missing_ok=True)
            (pack.folder / SEAL).unlink(missing_ok=True)  # what it seals is about to change
        timeline = Timeline.resumed(pack.timeline)
        timeline.listeners.append(tell)
        if not custody.is_foreign:
            Inbox(folder_of(custody), timeline).take_in_left()
        timeline.add(Event.ABORTED, reason=reason)
        made = put_back(custody, timeline, rollbacks, launch, tick)
        timeline.tie_clocks()
        logs.finish()
        if pack.folder.exists():  # else there is nothing to judge, and nowhere to say so
            made = replace(made, trouble=judged(custody, sealing))
        if not made.owed and made.trouble is None:
            custody.end()
    finally:
        lock.release()
    return made


def judged(custody: Custody, sealing: Callable[[], Sealing]) -> str | None:
    """Judge and seal a run; why that could not be."""
    # only now: measuring imports much, and the undo must not wait for it
    from gameday.run.judge import judge

    try:
        judge(custody, sealing())
    except GamedayError as error:
        return str(error)
    return None


def recover_from_disk(
    custody: Custody,
    variables: tuple[str, ...],
    sealing: Callable[[], Sealing],
    launch: Launch = AS_PROCESSES,
) -> Recovered:
    """Finish a run from what is on disk, as after a reboot. variables: instead of those that it was given."""
    from gameday.experiment.given import Given
    from gameday.experiment.names import names_of
    from gameday.experiment.secrets import secrets_of
    from gameday.run.foreign import rollbacks_of
    from gameday.run.view import Plain

    about = custody.about
    known = Rollbacks.of(about, variables) if about is not None else rollbacks_of(custody.pack, variables)
    document = known.document if known is not None else {}
    values = values_of(known.variables) if known is not None else {}
    given = known.values() if known is not None else Given()
    secrets = secrets_of(document, {**given.configuration, **values}, given=given.secrets)
    redact.learn(secrets, names_of(document, values))
    gate.recall(custody.folder)
    reason = "the run was cut off; gameday recover put everything back"
    with working_in(custody):
        return recover(custody, reason, sealing, known, Plain().event, launch)


def values_of(variables: tuple[str, ...]) -> dict[str, Any]:
    """`KEY=VALUE` as Chaos Toolkit reads them; nothing of what it cannot."""
    from chaoslib import convert_vars

    try:
        return dict(convert_vars(list(variables)) or {})
    except ValueError:
        return {}


@contextlib.contextmanager
def working_in(custody: Custody) -> Iterator[None]:
    """Work in the folder that the run was started in, as its rollbacks expect it; here, if that is gone."""
    here = os.getcwd()  # noqa: PTH109 - to come back to
    with contextlib.suppress(OSError):
        os.chdir(custody.about.cwd if custody.about is not None else here)
    try:
        yield
    finally:
        os.chdir(here)


def put_back(
    custody: Custody,
    timeline: Timeline,
    rollbacks: Rollbacks | None,
    launch: Launch,
    tick: Callable[[], None],
) -> Recovered:
    """Undo, then play the rollbacks if the method had begun and its engine did not end, then undo again."""
    log = custody.undo_log
    player = undoer(custody, launch)
    events = list(read_lines(timeline.path))
    if not any(event.get("event") == Event.PHASE and event.get("name") == UNDO for event in events):
        timeline.add(Event.PHASE, name=UNDO)

    def hear(event: str, message: dict[str, Any]) -> None:
        if event in PLAYED:
            timeline.add(Event(event), **message)

    failed: tuple[str, ...] = ()
    try:
        owed = player.play(log, timeline.undo, tick)
        has_begun = any(event.get("name") == METHOD for event in events)
        has_ended = any(event.get("event") == Event.ENGINE_ENDED for event in events)
        if has_begun and not has_ended:
            if rollbacks is None:
                failed = ("the rollbacks, as the experiment cannot be read",)
            else:
                failed = rollbacks.play(custody, launch, hear, tick)
                owed = player.play(log, timeline.undo, tick)
    finally:
        player.dismiss()
    return Recovered(tuple(owed), failed)


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    end_ns = clock.now_ns() + round(seconds * clock.NS_PER_S)
    while not condition():
        if clock.now_ns() > end_ns:
            return False
        clock.pause(0.02)
    return True
