"""Who works on a run: one process at a time, and the kernel knows when it is gone."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

NAME = ".lock"


class Lock:
    """An advisory lock in a folder, let go by the kernel when its holders end, however they end.

    descriptor: what a child inherits that shall hold it too; None while it is not held.
    """

    def __init__(self, folder: Path, name: str = NAME) -> None:
        self.path = folder / name
        self.descriptor: int | None = None

    def take(self) -> bool:
        """Take the lock; whether nobody else has it. Raises FileNotFoundError when its folder is gone."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:  # a disk that can only be read, from which a run may still have to be undone
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self.descriptor = descriptor
        return True

    def release(self) -> None:
        """Let go."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
