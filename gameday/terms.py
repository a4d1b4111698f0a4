"""On which terms an undo is played: how long it may take, how it is read back, what it needs around it.

They stand in the undo log beside the call, and only where they differ: a line of a gameday that knew none of
them is played on the terms that were the only ones.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gameday.errors import FaultError
from gameday.units import spoken

WITHIN_S = 30.0
LEAST_WITHIN_S, MOST_WITHIN_S = 1.0, 4 * 3600.0
LEAST_POLL_S = 0.05
MOST_NEEDS = 32
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
LONGEST_PATH = 1024


@dataclass(frozen=True, slots=True)
class Terms:
    """How an undo is played.

    within_s: how long one attempt may take, its verification included. poll_s: how often the verification is
    asked until it holds; None asks once, and an undo that does not hold then is played again at once.
    settles: while its verification is polled, other undos may begin. needs: environment variables by name,
    and files by their absolute paths.
    """

    within_s: float = WITHIN_S
    poll_s: float | None = None
    settles: bool = False
    needs: tuple[str, ...] = ()

    @classmethod
    def agreed(cls, within_s: float, poll_s: float | None, needs: Sequence[str], *, settles: bool) -> Terms:
        """Those that a fault asks for. Raises FaultError when they cannot be kept."""
        made = cls(_number(within_s), None if poll_s is None else _number(poll_s), settles, tuple(needs))
        if trouble := made.trouble():
            raise FaultError(f"an undo cannot be played so: {trouble}")
        return made

    @classmethod
    def of(cls, call: dict[str, Any]) -> Terms:
        """Those of a line of the undo log; what makes no sense there counts as not said."""
        within_s, poll_s = _number(call.get("within_s", WITHIN_S)), _number(call.get("poll_s", math.nan))
        sensible_s = within_s if LEAST_WITHIN_S <= within_s <= MOST_WITHIN_S else WITHIN_S
        is_polled = LEAST_POLL_S <= poll_s <= sensible_s
        return cls(sensible_s, poll_s if is_polled else None, is_polled and call.get("settles") is True)

    def trouble(self) -> str | None:
        """Why nobody could keep them; None when they can be kept."""
        if not LEAST_WITHIN_S <= self.within_s <= MOST_WITHIN_S:
            return f"it takes from {spoken(LEAST_WITHIN_S)} to {spoken(MOST_WITHIN_S)}"
        if self.poll_s is not None and not LEAST_POLL_S <= self.poll_s <= self.within_s:
            return f"it is read back every {spoken(LEAST_POLL_S)} at the most, and once within its time"
        if self.settles and self.poll_s is None:
            return "it settles while it is read back, so say how often that is"
        if len(self.needs) > MOST_NEEDS:
            return f"it needs {len(self.needs)} things; {MOST_NEEDS} are the most"
        odd = next((need for need in self.needs if not (NAME.fullmatch(need) or _is_absolute(need))), None)
        return None if odd is None else f"{odd!r} is no name of a variable, and no absolute path"

    def as_data(self) -> dict[str, Any]:
        """What of them the undo log has to say: what it needs stands there as it is found."""
        said = {"within_s": self.within_s, "poll_s": self.poll_s, "settles": self.settles}
        return {key: value for key, value in said.items() if value != getattr(Terms(), key)}


def _is_absolute(path: str) -> bool:
    return path.startswith("/") and len(path) <= LONGEST_PATH and "\0" not in path


def _number(value: Any) -> float:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_one and abs(value) <= MOST_WITHIN_S else math.nan
