"""A run's folder, held open: found again when somebody renames it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gameday.evidence.pack import Pack


class Held:
    """A descriptor of a run's folder, which outlasts its name."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self._folder: int | None = None
        with suppress(OSError):
            self._folder = os.open(pack.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def pack(self) -> Pack:
        """The run's folder where it is now; where it was when it is gone."""
        if self._folder is None or _is(self._folder, self._pack.folder):
            return self._pack
        with suppress(OSError):
            found = Path(os.readlink(f"/proc/{os.getpid()}/fd/{self._folder}"))  # noqa: PTH115 - one way to the kernel
            if _is(self._folder, found):
                return Pack(found)
        return self._pack

    def close(self) -> None:
        """Let go."""
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None


def _is(descriptor: int, path: Path) -> bool:
    """Whether the path names what is open."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False
