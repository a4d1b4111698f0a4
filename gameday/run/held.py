"""A run's folder, held open: found again when somebody renames it; its undo log also when it is deleted."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gameday.evidence.pack import Pack


class Held:
    """Descriptors of a run's folder and of its undo log, which outlast their names."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self._folder = self._log = None
        with suppress(OSError):
            self._folder = os.open(pack.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._log = os.open(pack.undo_log, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def pack(self) -> Pack:
        """The run's folder where it is now; where it was when it is gone."""
        if self._folder is None or _is(self._folder, self._pack.folder):
            return self._pack
        with suppress(OSError):
            found = Path(os.readlink(_link(self._folder)))  # noqa: PTH115 - one way to the kernel
            if _is(self._folder, found):
                return Pack(found)
        return self._pack

    def undo_log(self) -> Path:
        """The undo log: by its name, or by the descriptor once its name is gone."""
        named = self.pack().undo_log
        return named if self._log is None or _is(self._log, named) else Path(_link(self._log))

    def close(self) -> None:
        """Let go."""
        for descriptor in (self._folder, self._log):
            if descriptor is not None:
                os.close(descriptor)
        self._folder = self._log = None


def _link(descriptor: int) -> str:
    return f"/proc/{os.getpid()}/fd/{descriptor}"


def _is(descriptor: int, path: Path) -> bool:
    """Whether the path names what is open."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False
