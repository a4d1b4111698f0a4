"""A stream that never makes the run wait: a terminal may be closed, stopped by Ctrl-S, or a reader gone."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import TextIO

MOST_WAITING = 10_000  # pieces of text; what comes while so many wait is not shown
LAST_WORDS_S = 2.0


class Patient:
    """Writes to a stream from a thread of its own. What the stream does not take is not shown."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.encoding = stream.encoding
        self.errors = stream.errors
        # a signal's handler may say something while something is being said: this one takes both
        self._waiting: queue.SimpleQueue[str | threading.Event] = queue.SimpleQueue()
        threading.Thread(target=self._show, daemon=True).start()

    def write(self, text: str) -> int:
        """Hand it over."""
        if self._waiting.qsize() < MOST_WAITING:
            self._waiting.put(text)
        return len(text)

    def flush(self) -> None:
        """Nothing to do: the thread flushes."""

    def drain(self, within_s: float = LAST_WORDS_S) -> None:
        """Wait until all of it is shown, but not for a stream that takes nothing."""
        shown = threading.Event()
        self._waiting.put(shown)
        shown.wait(within_s)

    def isatty(self) -> bool:
        """Whether people see it."""
        return self.stream.isatty()

    def fileno(self) -> int:
        """The stream's descriptor."""
        return self.stream.fileno()

    def _show(self) -> None:
        while True:
            piece = self._waiting.get()
            if isinstance(piece, threading.Event):
                piece.set()
                continue
            with suppress(OSError, ValueError):
                self.stream.write(piece)
                self.stream.flush()
