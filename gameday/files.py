"""Files that survive a crash: whole or not there, and lines that are on disk when the call returns."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace `path` with `content`: a reader sees the old file or the new one, never half of it."""
    data = content.encode() if isinstance(content, str) else content
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(data)
        put_in_place(draft, path)
    finally:  # half a draft on a full disk would keep its room and be sealed
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)  # noqa: PTH108 - one way to the disk, which tests stand in


def put_in_place(draft: Path, path: Path) -> None:
    """Let a finished draft be `path`, on disk when the call returns."""
    descriptor = os.open(draft, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on disk; a new file is only there after a power cut if its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_full(folder: Path) -> bool:
    """Whether the disk has no block left for this user; a file system that does not count is never full."""
    disk = os.statvfs(folder)
    free = disk.f_bfree if os.geteuid() == 0 else disk.f_bavail
    return disk.f_blocks > 0 and free == 0


def write_whole(descriptor: int, data: bytes) -> None:
    """Write all of it in one go, or raise OSError: what is written in part must not pass for written."""
    if os.write(descriptor, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def without_surrogates(text: str) -> str:
    """The text with a replacement character for every half of a pair, which no file in UTF-8 can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def storable(value: Any) -> Any:
    """Data, of JSON, without halves of a surrogate pair."""
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    return [storable(item) for item in value] if isinstance(value, list | tuple) else value


def append_line(path: Path, entry: dict[str, Any]) -> None:
    """Append one JSON line and wait until it is on disk, as `append` does."""
    append(path, as_line(entry))


def as_line(entry: dict[str, Any]) -> bytes:
    """A line of JSON, without its end."""
    return json.dumps(entry, default=str).encode()


def append(path: Path, line: bytes) -> None:
    """Append one line and wait until it is on disk. Safe from several processes: one write each.

    A line that a crash or a full disk left torn is closed first, so that it cannot swallow this one. Raises
    OSError when the line is not on disk as a whole.
    """
    line += b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        if size == 0:  # before there is a line in it, so that no line is in a file that a power cut can lose
            sync_folder(path.parent)
        is_torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        write_whole(descriptor, b"\n" + line if is_torn else line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON lines of a file, oldest first. A torn last line (a crash while writing) is dropped."""
    return entries_in(lines_of(path))


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file, without their ends; none when there is no file."""
    if path.exists():
        yield from filter(None, path.read_bytes().split(b"\n"))


def entries_in(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """What lines of JSON say; those that are none, such as torn ones, are dropped."""
    for line in lines:
        if line.lstrip()[:1] != b"{":
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            yield entry
