"""The watch reads files that their recorders are only just making."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

from gameday.run.watch import Tail
from gameday.samples import SampleWriter


def test_the_watch_may_look_at_any_moment_while_a_recorder_begins(tmp_path: Path) -> None:
    real_open, looks = os.open, []

    def open_and_look(path: str, *more: Any) -> int:
        descriptor = real_open(path, *more)
        for found in tmp_path.glob("*.samples"):
            looks.append(len(Tail(found.with_suffix("")).recent(0)))
        return descriptor

    with patch("gameday.samples.os.open", open_and_look):
        SampleWriter(tmp_path, "probe-health").close()
    assert looks == [0]
