"""When a service is asked too often it says so, and is asked again later, ever later, and not for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    wait_random_exponential,
)

from gameday import clock
from gameday.errors import FaultError

ATTEMPTS = 10
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
TOO_MANY_REQUESTS = 429
# what services say to whoever asks too often, whosever they are
WORDS = (
    "throttl",
    "too many requests",
    "toomanyrequests",
    "rate exceeded",
    "request limit exceeded",
    "slow down",
)

T = TypeVar("T")


class Throttled(FaultError):
    """Raised by an undo or a verification that was told to come back later; it is called again then."""

    is_throttled = True


def is_throttled(error: BaseException) -> bool:
    """Whether an error, or what led to it, says to come back later.

    By its own word, `is_throttled`; by the status of HTTP; or by what the service said.
    """
    return any(_says_so(each) for each in _with_causes(error))


def patiently(do: Callable[[], T], until_ns: int) -> T:
    """Call something until it is not told to come back later. Raises what it raises the last time.

    until_ns: no call begins after this moment (run clock).
    """

    def is_over(state: RetryCallState) -> bool:
        if state.attempt_number >= ATTEMPTS:
            return True
        return clock.now_ns() + round(state.upcoming_sleep * clock.NS_PER_S) >= until_ns

    retrying = Retrying(
        retry=retry_if_exception(is_throttled),
        wait=wait_random_exponential(multiplier=FIRST_PAUSE_S, max=LONGEST_PAUSE_S),
        stop=is_over,
        sleep=clock.pause,
        reraise=True,
    )
    return retrying(do)


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__


def _says_so(error: BaseException) -> bool:
    said: Any = getattr(error, "is_throttled", None)
    if isinstance(said, bool):
        return said
    statuses = (
        getattr(error, "status", None),
        getattr(getattr(error, "response", None), "status_code", None),
    )
    return TOO_MANY_REQUESTS in statuses or any(word in str(error).lower() for word in WORDS)
