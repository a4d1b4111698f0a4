"""A disk that may lose its power: what it would keep, by what it was told to put on disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest


class Disk:
    """One folder of a disk. fsync of a file keeps its content, fsync of the folder the names in it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._contents: dict[int, bytes] = {}
        self._names: dict[str, int] = {}
        self._possible: list[dict[str, bytes]] = []
        fsync, replace = os.fsync, os.replace

        def noted_fsync(descriptor: int) -> None:
            fsync(descriptor)
            self._keep(descriptor)
            self._look()

        def noted_replace(source: Path, target: Path) -> None:
            replace(source, target)
            self._look()

        monkeypatch.setattr(os, "fsync", noted_fsync)
        monkeypatch.setattr(os, "replace", noted_replace)

    def kept(self, name: str) -> bytes | None:
        """What a power cut now would leave of a file; None when it would be gone."""
        return self._under(self._names).get(name)

    def possible(self, name: str) -> set[bytes | None]:
        """Everything that a power cut could have left of a file, at any moment until now.

        A name may reach the disk before it is told to.
        """
        return {view.get(name) for view in self._possible}

    def _keep(self, descriptor: int) -> None:
        about = os.fstat(descriptor)
        if not stat.S_ISDIR(about.st_mode):
            self._contents[about.st_ino] = Path(f"/proc/self/fd/{descriptor}").read_bytes()
        elif about.st_ino == self.folder.stat().st_ino:
            self._names = self._now()

    def _look(self) -> None:
        self._possible += [self._under(self._names), self._under(self._now())]

    def _now(self) -> dict[str, int]:
        return {entry.name: entry.inode() for entry in os.scandir(self.folder)}

    def _under(self, names: dict[str, int]) -> dict[str, bytes]:
        return {name: self._contents.get(inode, b"") for name, inode in names.items()}


def open_files() -> set[str]:
    """The descriptors that this process has open."""
    return {path.name for path in list(Path("/proc/self/fd").iterdir()) if path.exists()}


def writing_in_part(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """From now on the disk takes so many bytes of each write, as a full one does; the rest is lost."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:most]))
