"""Other people's code, asked with patience that ends: what hangs or fails is told as such, and no more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from gameday.errors import GamedayError
from gameday.hosts import Unclear

LONGEST_SAID = 200  # characters of an error of other people's

T = TypeVar("T")


class Unanswered(GamedayError):
    """Somebody's code failed, or did not answer in time."""


class Patience:
    """Waits so long for each answer, and so long for all of them. Who does not answer is left behind."""

    def __init__(self, each_s: float, all_s: float) -> None:
        self.each_s = each_s
        self.until_s = time.monotonic() + all_s

    def answer(self, ask: Callable[..., T], *arguments: Any) -> T:
        """What it returns. Raises Unanswered when it raises, or does not answer in time."""
        within_s = min(self.each_s, self.until_s - time.monotonic())
        if within_s <= 0:
            raise Unanswered("the time for looking is over")
        said: list[T] = []
        raised: list[BaseException] = []

        def attempt() -> None:
            try:
                said.append(ask(*arguments))
            except BaseException as error:  # noqa: BLE001 - whatever other people's code raises
                raised.append(error)

        thread = threading.Thread(target=attempt, daemon=True)
        thread.start()
        thread.join(within_s)
        if raised:
            raise Unanswered(_in_words(raised[0])) from None
        if not said:
            raise Unanswered(f"no answer within {within_s:.3g} s")
        return said[0]


def _in_words(error: BaseException) -> str:
    words = " ".join(str(error).split())
    if isinstance(error, (GamedayError, Unclear)) and words:
        return words
    return f"{type(error).__name__}: {words[:LONGEST_SAID]}" if words else type(error).__name__
