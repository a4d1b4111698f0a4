"""The signals that a run hears."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def heard(hear: Callable[[str], None]) -> Iterator[None]:
    """Tell of Ctrl-C and SIGTERM by name. SIGHUP is survived."""

    def handle(number: int, frame: FrameType | None) -> None:
        hear(signal.Signals(number).name)

    old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    old[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
