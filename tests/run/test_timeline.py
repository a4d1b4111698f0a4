"""The timeline: on disk as it happens, and what the disk did not take as soon as it does."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

from gameday.chain import first_broken
from gameday.evidence.pack import Pack
from gameday.files import append_line
from gameday.run.timeline import Timeline


def test_what_a_full_disk_did_not_take_is_recorded_once_there_is_room(tmp_path: Path) -> None:
    def is_torn(path: Path, entry: dict[str, Any]) -> None:
        with path.open("ab") as file:
            file.write(b'{"t_ns": 1, "eve')
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    pack = Pack(tmp_path)
    timeline = Timeline(pack.timeline)
    timeline.add("run")
    with patch("gameday.chain.append_line", is_torn):
        timeline.add("halted", reason="the disk is full")
        timeline.add("phase", name="undo")
    assert timeline.trouble is not None and "No space left" in timeline.trouble
    with patch("gameday.chain.append_line", append_line):
        timeline.add("clock")
    assert [event["event"] for event in pack.events()] == ["run", "halted", "phase", "clock"]
    assert first_broken(pack.timeline.read_bytes()) is None
