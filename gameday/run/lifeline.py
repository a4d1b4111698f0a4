"""What a guardian hears of its runner, and how it makes sure that that one does nothing more.

Here it is a pipe whose other end only the runner has. A line there is a heartbeat: for how many seconds the
runner may be silent. The line `done` is a clean end, and `left` one that leaves work behind; the end of
the pipe without any is the runner's.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from enum import Enum
from typing import BinaryIO, Protocol

from gameday.processes import Identity

DONE, LEFT = "done", "left"
READ_AT_ONCE = 65_536
BEAT_EVERY_S = 1.0
# how long a runner may be silent, unless it has said otherwise; a busy host and a slow disk take their time
SILENT_S = 60.0


class End(Enum):
    """How a lifeline ends."""

    DONE = "the run has come to its end"
    GONE = "the runner disappeared"
    LEFT = "the runner failed, and has left the run"


class Lifeline(Protocol):
    """The guardian's end."""

    def heard(self, within_s: float) -> list[float | End]:
        """What has come, waiting for it for so long: heartbeats, each for how long there may be silence."""

    @property
    def is_stopped(self) -> bool:
        """Whether the runner is held by a signal; False where nobody can see that."""

    def cut(self) -> None:
        """Make sure that the runner does nothing more, before its run is recovered."""


class Heart(Protocol):
    """The runner's end."""

    def beat(self, within_s: float = SILENT_S) -> None:
        """Tell that the runner runs, and for how long it may be silent; `inf` when nothing is broken."""

    def done(self) -> None:
        """Tell that the run has come to its end."""

    def leave(self) -> None:
        """Tell that the runner will do nothing more for the run, though its process may live on."""


class PipeHeart:
    """The runner's end of a pipe; whoever has gone at its other end hears nothing."""

    def __init__(self, pipe: BinaryIO) -> None:
        self.pipe = pipe
        self.last_beat_s = 0.0
        os.set_blocking(pipe.fileno(), False)

    def beat(self, within_s: float = SILENT_S) -> None:
        """Tell it once a second, and another length at once."""
        now_s = time.monotonic()
        if within_s != SILENT_S or now_s - self.last_beat_s > BEAT_EVERY_S:
            self.last_beat_s = now_s
            self._say(f"{within_s:g}")

    def done(self) -> None:
        """Tell it, and close the pipe."""
        self._say(DONE)
        with contextlib.suppress(BrokenPipeError):
            self.pipe.close()

    def leave(self) -> None:
        """Tell it. The pipe stays open: its end would mean that the runner is gone."""
        self._say(LEFT)

    def _say(self, word: str) -> None:
        with contextlib.suppress(BrokenPipeError, BlockingIOError):
            os.write(self.pipe.fileno(), f"{word}\n".encode())


class PipeLifeline:
    """The guardian's end of a pipe, and the runner as the kernel knows it.

    said: what has been read of the pipe already.
    """

    def __init__(self, pipe: BinaryIO, runner: Identity, said: bytes = b"") -> None:
        self.pipe = pipe
        self.runner = runner
        self.said = said

    def heard(self, within_s: float) -> list[float | End]:
        """The words that have come."""
        words = self._words()
        if not words and select.select([self.pipe], [], [], within_s)[0]:
            piece = self.pipe.read(READ_AT_ONCE)
            self.said += piece
            words = self._words() if piece else [End.GONE]
        return words

    def _words(self) -> list[float | End]:
        *lines, self.said = self.said.split(b"\n")
        ends = {DONE.encode(): End.DONE, LEFT.encode(): End.LEFT}
        return [ends.get(line) or float(line) for line in lines]

    @property
    def is_stopped(self) -> bool:
        """Whether SIGSTOP or Ctrl-Z holds it."""
        return self.runner.is_stopped

    def cut(self) -> None:
        """Kill it: one that is stopped has the run's lock, and may be woken."""
        self.runner.kill()
