"""The signals that a run hears on the command line."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gameday.run.clockwork import Clockwork


@contextmanager
def heard(game: Clockwork) -> Iterator[None]:
    """Ctrl-C and SIGTERM halt the run; a second one hands it to the guardian. SIGHUP is survived."""

    def handle(number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if game.stop.why is not None:
            hand_over(game, name)
        game.stop(f"{name} was received")

    old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    old[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def hand_over(game: Clockwork, name: str) -> None:
    """Leave the run to the guardian, which goes on as soon as this process ends."""
    from gameday.run.outcome import UNDO_OWED

    try:
        game.hand_over(name)
        sys.stdout.write(f"{game.pack.folder}\n")
        sys.stdout.flush()
        game.view.drain()
    finally:
        os._exit(UNDO_OWED)
