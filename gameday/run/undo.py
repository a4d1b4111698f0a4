"""Play the undo log: last in, first out, each undo in a disposable child with its own time limit."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenacity import RetryError, Retrying, retry_if_result, stop_after_attempt, wait_exponential

from gameday import clock
from gameday.events import Event
from gameday.faults.undolog import Entry, UndoLog
from gameday.run.children import Undoing

LIMIT_S = 30.0
ATTEMPTS = 4
FIRST_PAUSE_S = 0.2
# what the attempts at one undo and their pauses take at the most
LONGEST_S = ATTEMPTS * (LIMIT_S + 5.0)

Tell = Callable[[Event, Entry, str], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """How an undo went: whether it was undone, whether that was read back, and what was said last."""

    is_undone: bool
    is_verified: bool
    said: str

    @classmethod
    def of(cls, answers: list[dict[str, Any]]) -> Answer:
        """From what the child said: of the undo, then of its verification."""
        if not answers:
            return cls(False, False, f"no answer within {LIMIT_S:g} s")
        said = [str(answer["said"]) for answer in answers]
        seen = answers[1]["ok"] if len(answers) > 1 else None
        if answers[0]["ok"] and len(answers) == 1:  # whether it is so nobody has said
            said.append(f"it was not read back within {LIMIT_S:g} s")
        # read back and not as it was: it is not undone, whatever the undo says of itself
        is_undone = bool(answers[0]["ok"]) and len(answers) > 1 and seen is not False
        return cls(is_undone, bool(seen), said[0] if seen else "; ".join(said))


class Undoer:
    """Plays undos. A warm child stands ready, so that the first undo begins at once.

    remember: writes down each child's pid. One that outlives its player could undo again what the next player
    has undone, and out of turn, so that one ends it first.
    """

    def __init__(
        self,
        modules: Iterable[str] = (),
        start: Callable[[list[str]], Undoing] = lambda warm: Undoing.start(warm, Path(os.devnull)),
        remember: Callable[[int], None] = lambda pid: None,
    ) -> None:
        self.modules = sorted(set(modules))
        self.start = start
        self.remember = remember
        self.spare: Undoing | None = None
        self.warm_up()

    def warm_up(self) -> None:
        """Start the next child ahead of its need; a machine that can start none may be able to then."""
        self.spare = None
        with contextlib.suppress(OSError):
            self.spare = self.start(self.modules)
            self.remember(self.spare.pid)

    def dismiss(self) -> None:
        """End the child that was not needed."""
        if self.spare is not None:
            self.spare.kill()
            self.spare = None

    def play(self, log: UndoLog, tell: Tell = lambda *_: None) -> list[Entry]:
        """Undo everything still owed; returns what still is. An undo that fails stops no other."""
        tried: set[str] = set()
        while left := [entry for entry in log.owed() if entry.id not in tried]:
            entry = left[0]
            tried.add(entry.id)
            tell(Event.UNDOING, entry, "")
            note(log, entry, "undoing")
            answer = self.try_hard(entry.call)
            if not answer.is_undone:
                note(log, entry, "undo-failed", answer.said)
                tell(Event.UNDO_FAILED, entry, answer.said)
                continue
            note(log, entry, "undone", answer.said)
            if answer.is_verified:
                note(log, entry, "verified", answer.said)
            tell(Event.UNDONE, entry, answer.said + ("" if answer.is_verified else " (not verified)"))
        return log.owed()

    def try_hard(self, call: dict[str, Any]) -> Answer:
        """Try an undo until it works, four times at most, with growing pauses."""
        retrying = Retrying(
            retry=retry_if_result(lambda answer: not answer.is_undone),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=FIRST_PAUSE_S, max=5),
            sleep=clock.pause,
        )
        try:
            answer: Answer = retrying(self.try_once, call)
        except RetryError as error:
            answer = error.last_attempt.result()
        return answer

    def try_once(self, call: dict[str, Any]) -> Answer:
        """One undo and its verification in one child, which is killed when it takes too long."""
        if self.spare is None or not self.spare.is_alive:
            self.warm_up()
        if self.spare is None:
            return Answer(False, False, "no process could be started for it")
        answers = self.spare.exchange(call, LIMIT_S)
        self.spare.kill()
        self.warm_up()
        return Answer.of(answers)


def note(log: UndoLog, entry: Entry, event: str, detail: str = "") -> None:
    """Write down how an undo goes. A full disk must not stop the undoing."""
    with contextlib.suppress(OSError):
        log.note(entry.id, event, detail)
