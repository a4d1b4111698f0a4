"""What may lie where a file should be."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path


def fifo(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        before = Path.cwd()
        os.chdir(path.parent)  # the path of a socket is short
        made.bind(path.name)
        os.chdir(before)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100_000_000)


KINDS: list[tuple[Callable[[Path], None], str]] = [
    (Path.mkdir, "it is a folder, not a file"),
    (fifo, "it is a pipe, not a file"),
    (listening, "No such device or address"),
    (loop, "Too many levels of symbolic links"),
    (huge, "bytes, the most that is read"),
    (lambda path: path.symlink_to("/dev/zero"), "it is a device, not a file"),
]
