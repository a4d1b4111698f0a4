"""An activity asks people something and waits for their answer; without one in time it fails.

Several may be open at once, each with an id; people answer with `gameday say answer TEXT --ask ID`. The
engine installs the way to the runner; anywhere else, as in an undo or under `chaos run`, nobody can be asked.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gameday.errors import GamedayError
from gameday.units import duration_s

# what an experiment may call; `ask` is for activities of third parties
__all__ = ["confirm"]

LONGEST_TEXT = 500  # characters of what is asked
LONGEST_CHOICE, MOST_CHOICES = 80, 20
LONGEST_WAIT_S = 24 * 3600.0
USUAL_WAIT = "10m"
YES, NO = "yes", "no"


class NotAnswered(GamedayError):
    """Nobody has answered in time, or nobody could be asked."""


class Refused(GamedayError):
    """Somebody has answered no."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked. choices: the only answers, empty for any text. within_s: how long it stays open."""

    id: str
    what: str
    choices: tuple[str, ...] = ()
    within_s: float = 600.0

    def __post_init__(self) -> None:
        """Raises ValueError for what people could not read, answer, or wait for."""
        texts = (self.id, self.what, *self.choices)
        if not all(isinstance(text, str) and text.strip() for text in texts):
            raise ValueError("what is asked, and each choice, must be a text")
        if len(self.what) > LONGEST_TEXT:
            raise ValueError(f"what is asked has more than {LONGEST_TEXT} characters")
        if len(self.choices) > MOST_CHOICES or any(len(choice) > LONGEST_CHOICE for choice in self.choices):
            raise ValueError(f"{MOST_CHOICES} choices of {LONGEST_CHOICE} characters at most")
        if not 0 < self.within_s <= LONGEST_WAIT_S:
            raise ValueError("an answer is waited for at least a moment, and 24 h at most")


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody answered, and who."""

    text: str
    by: str


Asker = Callable[[Ask], Answer]
_askers: list[Asker] = []


def install(asker: Asker) -> None:
    """Let this process ask through `asker`, which blocks until there is an answer or raises NotAnswered."""
    _askers[:] = [asker]


def ask(what: str, choices: Sequence[str] = (), within: str | float = USUAL_WAIT) -> Answer:
    """Ask, and wait for the answer. within: a duration such as `10m`, or seconds.

    Raises NotAnswered without an answer in time, ValueError for what cannot be asked.
    """
    within_s = duration_s(within) if isinstance(within, str) else float(within)
    asked = Ask(uuid.uuid4().hex[:6], what, tuple(choices), within_s)
    if not _askers:
        raise NotAnswered(f"nobody can be asked here: {what}; only a step of `gameday run` can ask")
    return _askers[0](asked)


def confirm(what: str, within: str | float = USUAL_WAIT) -> dict[str, Any]:
    """Ask people to confirm something, and go on once they say yes.

    Raises Refused when they say no, NotAnswered when nobody answers in time: the activity fails.
    """
    answer = ask(what, (YES, NO), within)
    if answer.text != YES:
        raise Refused(f"{answer.by} said {answer.text}: {what}")
    return {"answer": answer.text, "by": answer.by}
