"""One undo being tried: in a disposable child an attempt, until it works or may not be tried again."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from gameday import clock
from gameday.faults import context
from gameday.faults.undolog import Entry
from gameday.run.children import Undoing
from gameday.terms import Terms
from gameday.units import spoken

ATTEMPTS = 4
# for how long new attempts begin; one that may take longer is tried twice
TRIED_FOR_S = 120.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """How an undo went: whether it was undone, whether that was read back, and what was said last."""

    is_undone: bool
    is_verified: bool
    said: str

    @classmethod
    def of(cls, answers: list[dict[str, Any]], within_s: float) -> Answer:
        """From what the child said: of the undo, then of its verification."""
        if not answers:
            return cls(False, False, f"no answer within {spoken(within_s)}")
        said = [str(answer["said"]) for answer in answers]
        seen = answers[1]["ok"] if len(answers) > 1 else None
        if answers[0]["ok"] and len(answers) == 1:  # whether it is so nobody has said
            said.append(f"it was not read back within {spoken(within_s)}")
        # read back and not as it was: it is not undone, whatever the undo says of itself
        is_undone = bool(answers[0]["ok"]) and len(answers) > 1 and seen is not False
        return cls(is_undone, bool(seen), said[0] if seen else "; ".join(said))


@dataclass
class Trial:
    """An undo under way. child: what plays it now; None before an attempt and between two.

    first_ns: when the first attempt began; due_ns: when the next one may; until_ns: when this one is over (on
    the run clock). answer: how the last attempt went.
    """

    entry: Entry
    child: Undoing | None = None
    attempts: int = 0
    first_ns: int = 0
    due_ns: int = 0
    until_ns: int = 0
    answer: Answer | None = None
    answers: list[dict[str, Any]] = field(default_factory=list)

    @property
    def terms(self) -> Terms:
        """On which terms it is played."""
        return Terms.of(self.entry.call)

    @property
    def lacks(self) -> str:
        """What it needs and nobody has here, in words; empty when it may be played."""
        return ", ".join(context.missing(self.entry.call, os.environ))

    @property
    def is_settling(self) -> bool:
        """Whether it has acted and is only read back, so that another undo may begin."""
        has_acted = self.child is not None and [bool(answer["ok"]) for answer in self.answers] == [True]
        return has_acted and self.terms.settles

    @property
    def is_due(self) -> bool:
        """Whether an attempt may begin now."""
        return self.child is None and clock.now_ns() >= self.due_ns

    def begin(self, child: Undoing | None) -> None:
        """Begin an attempt in a child; one for which no process could be started has failed."""
        if self.attempts == 0:
            self.first_ns = clock.now_ns()
        self.attempts += 1
        self.child, self.answers = child, []
        self.until_ns = clock.now_ns() + round(self.terms.within_s * clock.NS_PER_S)
        if child is None:
            self._has_gone(Answer(False, False, "no process could be started for it"))
        else:
            child.send(self.entry.call)

    def hear(self) -> None:
        """Take in what the child says. One that has said all, or takes too long, is ended."""
        if self.child is None:
            return
        self.answers += self.child.messages()
        if self.child.has_said_all or clock.now_ns() >= self.until_ns:
            self.end()
            self._has_gone(Answer.of(self.answers, self.terms.within_s))

    def end(self) -> None:
        """End its child, if it has one."""
        if self.child is not None:
            self.child.kill()
            self.child = None

    @property
    def is_over(self) -> bool:
        """Whether it worked, or may not be tried again."""
        if self.answer is None or self.child is not None:
            return False
        longest_s = max(TRIED_FOR_S, 2 * self.terms.within_s)
        has_time = self.due_ns - self.first_ns < longest_s * clock.NS_PER_S
        return self.answer.is_undone or self.attempts >= ATTEMPTS or not has_time

    def _has_gone(self, answer: Answer) -> None:
        self.answer = answer
        pause_s = min(FIRST_PAUSE_S * 2 ** (self.attempts - 1), LONGEST_PAUSE_S)
        self.due_ns = clock.now_ns() + round(pause_s * clock.NS_PER_S)
