"""Files that somebody else wrote, read with a bound: a regular file, not too large, in UTF-8."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gameday.errors import GamedayError

KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


class Unreadable(GamedayError):
    """A file that cannot be read: why, and where in it; line 0 means all of it."""

    def __init__(self, why: str, line: int = 0, column: int = 0) -> None:
        super().__init__(why)
        self.line = line
        self.column = column


def read_bytes(path: Path, at_most: int) -> bytes:
    """What the file holds, `at_most` so many bytes. A pipe or a device is never waited for.

    Raises FileNotFoundError, and Unreadable for whatever else is wrong with it.
    """
    try:
        # a pipe without a writer would be waited for
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from None
    try:
        kind = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(kind):
            raise Unreadable(f"it is {KINDS.get(stat.S_IFMT(kind), 'a device')}, not a file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(at_most + 1)
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from None
    finally:
        os.close(descriptor)
    if len(data) > at_most:
        raise Unreadable(f"it is larger than {at_most:,} bytes, the most that is read")
    return data


def read_text(path: Path, at_most: int) -> str:
    """The text of the file, `at_most` so many bytes in UTF-8. Raises as `read_bytes` does."""
    data = read_bytes(path, at_most)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line_begins = before.rfind(b"\n") + 1
        raise Unreadable(
            f"byte 0x{data[error.start]:02x} is no UTF-8; save the file as UTF-8",
            before.count(b"\n") + 1,
            len(before[line_begins:].decode()) + 1,
        ) from None
