"""A little disk kept back, so that a full disk still leaves room to undo and to record."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

NAME = ".reserve"
BYTES = 8 * 1024 * 1024


class Reserve:
    """A file that takes up room until it is needed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.take()

    def take(self) -> None:
        """Take up the room, if there is so much; a part of it would only fill the disk."""
        try:
            with self.path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, BYTES)
        except OSError:
            self.free()

    def free(self) -> None:
        """Give the room back."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
