"""Lines that are on disk when the call returns, or an error."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gameday.files import append_line, read_lines


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """As on a disk that is nearly full: the kernel takes a part of a write, and says how much."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


def test_a_line_that_the_disk_takes_in_part_is_an_error_and_swallows_no_other(tmp_path: Path) -> None:
    path = tmp_path / "undo.jsonl"
    append_line(path, {"number": 1})
    with files_end_at(path.stat().st_size + 5), pytest.raises(OSError, match="No space left"):
        append_line(path, {"number": 2})
    assert path.read_bytes() == b'{"number": 1}\n{"num'
    append_line(path, {"number": 3})
    assert [line["number"] for line in read_lines(path)] == [1, 3]
