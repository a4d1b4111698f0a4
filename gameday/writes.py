"""The ledger's files: what was sent and answered, and what was found afterwards.

`ledger.writes` has a row when a write is sent and another when its outcome is known, so that a ledger
killed between the two leaves an unknown, never a false acknowledgement:

| field    | type | meaning                                             |
|----------|------|-----------------------------------------------------|
| sequence | i64  | the write's number, from 0                          |
| at_ns    | i64  | when, on the run clock                              |
| event    | u64  | SENT, ACKNOWLEDGED, REFUSED or UNKNOWN              |

`ledger.found` has a row a write from the read-back: sequence i64, copies u32, found u32.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from gameday.files import write_whole

WRITE_ROW = struct.Struct("<qqQ")
FOUND_ROW = struct.Struct("<qII")
UNKNOWN, ACKNOWLEDGED, REFUSED, SENT = 0, 1, 2, 3
NOT_READ, ABSENT, PRESENT, CORRUPT = 0, 1, 2, 3


class WriteLog:
    """Appends to `ledger.writes`. Outcomes gather until they are put on disk together."""

    def __init__(self, folder: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._rows = os.open(folder / "ledger.writes", flags, 0o644)
        self._pending: list[bytes] = []

    def sent(self, sequence: int, at_ns: int) -> None:
        """Record a write before it is sent."""
        write_whole(self._rows, WRITE_ROW.pack(sequence, at_ns, SENT))

    def outcome(self, sequence: int, at_ns: int, outcome: int) -> None:
        """Record what the system said; it counts once it is on disk."""
        self._pending.append(WRITE_ROW.pack(sequence, at_ns, outcome))

    def gathered(self) -> bytes:
        """The outcomes not yet on disk, handed over to `put_on_disk`."""
        rows, self._pending = self._pending, []
        return b"".join(rows)

    def put_on_disk(self, rows: bytes) -> None:
        """Write gathered outcomes and wait for the disk; may run on another thread."""
        if rows:
            write_whole(self._rows, rows)
            os.fdatasync(self._rows)

    def close(self) -> None:
        """Put what is left on disk and close."""
        self.put_on_disk(self.gathered())
        os.close(self._rows)


def write_found(folder: Path, found: dict[int, tuple[int, int]]) -> None:
    """Write the read-back: for each sequence number, what was found and how many copies."""
    rows = (FOUND_ROW.pack(sequence, copies, state) for sequence, (state, copies) in found.items())
    (folder / "ledger.found").write_bytes(b"".join(rows))
