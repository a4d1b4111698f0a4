"""Errors that people read: what is wrong, where, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass

MOST_SHOWN = 50  # problems of one input
LONGEST_SHOWN = 500  # characters of one problem


class GamedayError(Exception):
    """An error with a message for people. `exit_code` is what the command ends with."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input. `line` and `column` count from 1; 0 means the whole file."""

    path: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        is_long = len(self.message) > LONGEST_SHOWN
        return f"{place}: {self.message[:LONGEST_SHOWN]}{'…' if is_long else ''}"


class InvalidInput(GamedayError):
    """The input is wrong: every problem found, in the file's order. Nothing was touched."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem.path, problem.line, problem.column))
        super().__init__("\n".join(self.shown))

    @property
    def shown(self) -> list[str]:
        """The first problems, a text each, and how many more there are."""
        shown = [str(problem) for problem in self.problems[:MOST_SHOWN]]
        if len(self.problems) > MOST_SHOWN:
            shown.append(f"… and {len(self.problems) - MOST_SHOWN:,} more problems")
        return shown


class Unreachable(GamedayError):
    """Something that the run needs did not answer before the run began. Nothing was touched."""


class NotRecorded(GamedayError):
    """A run came to its end, and its folder takes no record. It waits for `gameday recover`."""

    exit_code = 5


class FaultError(GamedayError):
    """A fault could not act: its target is missing, ambiguous or refuses."""
