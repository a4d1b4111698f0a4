"""What somebody probably meant to write."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

CLOSE_ENOUGH = 0.75
LONGEST_WORD = 100  # characters; nobody mistypes a longer one, and looking would take long


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like `word`, if one is like it; underscores and hyphens count as the same."""
    by_form = {name.lower().replace("_", "-"): name for name in known if len(name) <= LONGEST_WORD}
    close = difflib.get_close_matches(word.lower().replace("_", "-"), by_form, n=1, cutoff=CLOSE_ENOUGH)
    return by_form[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """The tail of an error message: `; did you mean 'pause'?`, or what else to do."""
    near = nearest(word, known)
    if near is not None:
        return f"; did you mean '{near}'?"
    return f"; {otherwise}" if otherwise else ""
