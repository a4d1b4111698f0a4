"""What a process prints before it has a log: kept aside, and printed once there is one."""

from __future__ import annotations

import os
import sys

KEPT = 1 << 20  # bytes, the last of them
STREAMS = (1, 2)


class Aside:
    """Takes standard output and error away, until `over`."""

    def __init__(self) -> None:
        self.kept = os.memfd_create("gameday-aside")
        self.streams = {number: os.dup(number) for number in STREAMS}
        for number in STREAMS:
            os.dup2(self.kept, number)

    def over(self) -> None:
        """Give them back, and print what has been kept."""
        sys.stdout.flush()
        sys.stderr.flush()
        for number, stream in self.streams.items():
            os.dup2(stream, number)
            os.close(stream)
        size = os.fstat(self.kept).st_size
        with os.fdopen(self.kept, "rb") as kept:
            kept.seek(max(0, size - KEPT))
            sys.stderr.buffer.write(kept.read())
            sys.stderr.flush()
