"""Play the undo log: last in, first out, each undo in a disposable child with its own time limit.

Nothing waits for an undo but the next one: while it works, whoever plays the log is called again and again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from gameday import clock
from gameday.events import Event
from gameday.faults.undolog import Entry, UndoLog
from gameday.run.children import Undoing, wait_for_words
from gameday.run.trial import Answer, Trial

TICK_S = 0.1
MOST_AT_ONCE = 16  # undos that settle while others begin

Tell = Callable[[Event, Entry, str], None]


class Undoer:
    """Plays undos. A warm child stands ready, so that the first undo begins at once.

    remember: writes down each child's pid. One that outlives its player could undo again what the next player
    has undone, and out of turn, so that one ends it first. wait: returns once a child says something, or
    after so many seconds.
    """

    def __init__(
        self,
        modules: Iterable[str] = (),
        start: Callable[[list[str]], Undoing] = lambda warm: Undoing.start(warm, Path(os.devnull)),
        remember: Callable[[int], None] = lambda pid: None,
        wait: Callable[[Sequence[Undoing], float], None] = wait_for_words,
    ) -> None:
        self.modules = sorted(set(modules))
        self.start = start
        self.remember = remember
        self.wait = wait
        self.spare: Undoing | None = None
        self.under_way: list[Trial] = []
        self.warm_up()

    def warm_up(self) -> None:
        """Start the next child ahead of its need; a machine that can start none may be able to then."""
        self.spare = None
        with contextlib.suppress(OSError):
            self.spare = self.start(self.modules)
            self.remember(self.spare.pid)

    def dismiss(self) -> None:
        """End the child that was not needed, and what is under way."""
        for trial in self.under_way:
            trial.end()
        self.under_way = []
        if self.spare is not None:
            self.spare.kill()
            self.spare = None

    def play(
        self, log: UndoLog, tell: Tell = lambda *_: None, tick: Callable[[], None] = lambda: None
    ) -> list[Entry]:
        """Undo everything still owed; returns what still is. An undo that fails stops no other.

        tick: called while undos are under way. When it raises, they go on, and so does the next call of this.
        """
        tried = {trial.entry.id for trial in self.under_way}
        while self._begin(log, tell, tried) or self.under_way:
            self._hear(log, tell)
            for trial in [trial for trial in self.under_way if trial.is_over]:
                self.under_way.remove(trial)
                if trial.answer is not None:
                    conclude(log, trial.entry, trial.answer, tell)
            if self.under_way:
                tick()
        return log.owed()

    def _begin(self, log: UndoLog, tell: Tell, tried: set[str]) -> bool:
        """Begin what may begin: one at a time, but for those that settle. Whether there was one."""
        if any(trial.child is not None and not trial.is_settling for trial in self.under_way):
            return False
        again = next((trial for trial in self.under_way if trial.is_due), None)
        if again is not None:
            again.begin(self._child())
            return True
        is_held_up = any(trial.child is None for trial in self.under_way)
        if is_held_up or len(self.under_way) >= MOST_AT_ONCE:
            return False
        entry = next((entry for entry in log.owed() if entry.id not in tried), None)
        if entry is None:
            return False
        tried.add(entry.id)
        tell(Event.UNDOING, entry, "")
        note(log, entry, "undoing")
        trial = Trial(entry)
        if trial.lacks:
            conclude(log, entry, Answer(False, False, f"missing: {trial.lacks}"), tell)
        else:
            trial.begin(self._child())
            self.under_way.append(trial)
        return True

    def _hear(self, log: UndoLog, tell: Tell) -> None:
        """Wait for what they say, and take it in."""
        children = [trial.child for trial in self.under_way if trial.child is not None]
        if children or self.under_way:
            self.wait(children, self._patience_s())
        for trial in self.under_way:
            was_settling = trial.is_settling
            trial.hear()
            if trial.child is None and self.spare is None and children:
                self.warm_up()
            if trial.is_settling and not was_settling:
                said = str(trial.answers[0]["said"])
                note(log, trial.entry, "settling", said)
                tell(Event.SETTLING, trial.entry, said)

    def _patience_s(self) -> float:
        """How long to wait for words: until something else is due, but no longer than a tick."""
        now_ns = clock.now_ns()
        moments = [trial.due_ns if trial.child is None else trial.until_ns for trial in self.under_way]
        return min(TICK_S, max(0.0, (min(moments) - now_ns) / clock.NS_PER_S))

    def _child(self) -> Undoing | None:
        """The warm child; None when none can be started."""
        if self.spare is None or not self.spare.is_alive:
            self.warm_up()
        child, self.spare = self.spare, None
        return child


def conclude(log: UndoLog, entry: Entry, answer: Answer, tell: Tell) -> None:
    """Write down how an undo went, and say so."""
    if not answer.is_undone:
        note(log, entry, "undo-failed", answer.said)
        tell(Event.UNDO_FAILED, entry, answer.said)
        return
    note(log, entry, "undone", answer.said)
    if answer.is_verified:
        note(log, entry, "verified", answer.said)
    tell(Event.UNDONE, entry, answer.said + ("" if answer.is_verified else " (not verified)"))


def note(log: UndoLog, entry: Entry, event: str, detail: str = "") -> None:
    """Write down how an undo goes. A full disk must not stop the undoing."""
    with contextlib.suppress(OSError):
        log.note(entry.id, event, detail)
