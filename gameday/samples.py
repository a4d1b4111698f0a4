"""The binary layout that every recorder writes and the measuring reads.

A recorder appends fixed-size rows to `<name>.samples` as they happen, so that a killed recorder loses
nothing, and names to `<name>.names`, one JSON line each. This module needs the standard library only: the
recorder inside Locust imports nothing heavy.

Row (little-endian, 40 bytes):

| field        | type | meaning                                                            |
|--------------|------|--------------------------------------------------------------------|
| scheduled_ns | i64  | when the sample was due, on the recorder's CLOCK_MONOTONIC          |
| sent_ns      | i64  | when it was sent                                                   |
| done_ns      | i64  | when the answer was complete, or the failure known                 |
| value        | f64  | a measured value, NaN for a request                                |
| series       | u16  | name number of what was asked, e.g. `POST /orders`                 |
| error        | u16  | name number of the error, 0 for none                               |
| status       | u16  | protocol status such as 200, 0 for none                            |
| flags        | u16  | OK, TIMED_OUT, SKIPPED                                             |

A sample that is SKIPPED was due, but the recorder itself did not send it: it says nothing of the service.
"""

from __future__ import annotations

import json
import math
import os
import struct
from pathlib import Path

from gameday import redact
from gameday.files import without_surrogates, write_whole

ROW = struct.Struct("<qqqdHHHH")
FIELDS = ("scheduled_ns", "sent_ns", "done_ns", "value", "series", "error", "status", "flags")
OK, TIMED_OUT, SKIPPED = 1, 2, 4
MAX_NAMES = 65_535
OTHER = "(other)"
LOAD, LEDGER = "load", "ledger"  # the recorders of those blocks of an experiment


class SampleWriter:
    """Appends samples to `<folder>/<name>.samples`; every row is with the kernel when `write` returns."""

    def __init__(self, folder: Path | str, name: str) -> None:
        stem = Path(folder) / name
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        # the names first: whoever finds rows looks for their names
        self._names = os.open(f"{stem}.names", flags, 0o644)
        self._rows = os.open(f"{stem}.samples", flags, 0o644)
        self._numbers: dict[str, int] = {"": 0}

    def write(
        self,
        scheduled_ns: int,
        sent_ns: int,
        done_ns: int,
        *,
        series: str,
        ok: bool,
        timed_out: bool = False,
        skipped: bool = False,
        status: int = 0,
        error: str = "",
        value: float = math.nan,
    ) -> None:
        """Append one sample; times are nanoseconds on this process's CLOCK_MONOTONIC."""
        flags = ok * OK | timed_out * TIMED_OUT | skipped * SKIPPED
        row = ROW.pack(
            scheduled_ns,
            sent_ns,
            done_ns,
            value,
            self._number(series),
            self._number(error),
            status if 0 <= status <= 0xFFFF else 0,
            flags,
        )
        write_whole(self._rows, row)  # after half a row, every later one would be misread

    def _number(self, name: str) -> int:
        number = self._numbers.get(name)
        if number is None:
            if len(self._numbers) >= MAX_NAMES:
                return self._number_of_other()
            number = self._numbers[name] = len(self._numbers)
            self._note(number, name)
        return number

    def _note(self, number: int, name: str) -> None:
        line = {"number": number, "name": redact.name(without_surrogates(name))}
        write_whole(self._names, json.dumps(line).encode() + b"\n")

    def _number_of_other(self) -> int:
        """A locustfile that puts ids into names cannot end the recording; the last number takes the rest."""
        if OTHER not in self._numbers:
            self._numbers[OTHER] = MAX_NAMES
            self._note(MAX_NAMES, OTHER)
        return self._numbers[OTHER]

    def close(self) -> None:
        """Put the rows on disk and close the files."""
        for descriptor in (self._rows, self._names):
            os.fsync(descriptor)
            os.close(descriptor)
