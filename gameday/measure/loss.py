"""RPO: every ledger write, what the system said of it, and whether it is there afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gameday import writes as layout
from gameday.clock import NS_PER_S
from gameday.measure.samples import Times
from gameday.writes import SENT


class Outcome(IntEnum):
    """What the system said of a write."""

    UNKNOWN = layout.UNKNOWN
    ACKNOWLEDGED = layout.ACKNOWLEDGED
    REFUSED = layout.REFUSED


class Found(IntEnum):
    """What the read-back found of a write."""

    NOT_READ = layout.NOT_READ
    ABSENT = layout.ABSENT
    PRESENT = layout.PRESENT
    CORRUPT = layout.CORRUPT


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every write by sequence number; all arrays have one length.

    sent_ns, done_ns: int64 nanoseconds on the run clock; done_ns is the acknowledgement, the refusal or
    the moment of giving up. outcome: `Outcome`. found: `Found`. copies: how many times it was found.
    """

    sequence: Times
    sent_ns: Times
    done_ns: Times
    outcome: npt.NDArray[np.uint8]
    found: npt.NDArray[np.uint8]
    copies: npt.NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.sequence)


@dataclass(frozen=True, slots=True)
class Loss:
    """What became of the ledger's writes. Counts are of writes; `lost_sequences` says which were lost."""

    acknowledged: int
    survived: int
    lost: int
    unknown: int
    unknown_survived: int
    refused: int
    phantom: int
    corrupt: int
    duplicated: int
    split_brain: int
    not_read: int
    first_lost_ns: int | None
    last_lost_ns: int | None
    lost_sequences: tuple[int, ...]

    def rpo_s(self, impact_ns: int | None) -> float:
        """Seconds of acknowledged writes lost: from the oldest lost one to the impact, or the newest lost.

        A corrupt write is a lost one: what was acknowledged is not there. 0.0 when nothing is lost.
        """
        if self.first_lost_ns is None or self.last_lost_ns is None:
            return 0.0
        end_ns = self.last_lost_ns if impact_ns is None else max(impact_ns, self.last_lost_ns)
        return (end_ns - self.first_lost_ns) / NS_PER_S


def classify(ledger: Ledger, takeover_ns: int | None = None) -> Loss:
    """Count what became of every write.

    takeover_ns: when the new primary took over; a lost write that was sent later was acknowledged by an
    old primary that still took writes (split brain).
    """
    acknowledged = ledger.outcome == Outcome.ACKNOWLEDGED
    unknown = ledger.outcome == Outcome.UNKNOWN
    refused = ledger.outcome == Outcome.REFUSED
    present = ledger.found == Found.PRESENT
    corrupt = ledger.found == Found.CORRUPT
    lost = acknowledged & ((ledger.found == Found.ABSENT) | corrupt)
    late = ledger.sent_ns > takeover_ns if takeover_ns is not None else np.zeros(len(ledger), dtype=bool)
    lost_ns = ledger.done_ns[lost]
    return Loss(
        acknowledged=_count(acknowledged),
        survived=_count(acknowledged & present),
        lost=_count(lost),
        unknown=_count(unknown),
        unknown_survived=_count(unknown & present),
        refused=_count(refused),
        phantom=_count(refused & (present | corrupt)),
        corrupt=_count(corrupt),
        duplicated=_count(ledger.copies > 1),
        split_brain=_count(lost & late),
        not_read=_count(ledger.found == Found.NOT_READ),
        first_lost_ns=int(lost_ns.min()) if len(lost_ns) else None,
        last_lost_ns=int(lost_ns.max()) if len(lost_ns) else None,
        lost_sequences=tuple(int(number) for number in ledger.sequence[lost]),
    )


def _count(mask: npt.NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(mask))


WRITE_TYPE = np.dtype([("sequence", "<i8"), ("at_ns", "<i8"), ("event", "<u8")])
FOUND_TYPE = np.dtype([("sequence", "<i8"), ("copies", "<u4"), ("found", "<u4")])


def read(folder: Path) -> Ledger:
    """The ledger from its files; torn last rows are left out, and what was not read back says so."""
    rows = _rows(folder / "ledger.writes", WRITE_TYPE)
    sent = rows[rows["event"] == SENT]
    sequence, first = np.unique(sent["sequence"], return_index=True)
    count = len(sequence)
    ledger = Ledger(
        sequence=sequence.astype(np.int64),
        sent_ns=sent["at_ns"][first].astype(np.int64),
        done_ns=sent["at_ns"][first].astype(np.int64),
        outcome=np.full(count, Outcome.UNKNOWN, dtype=np.uint8),
        found=np.full(count, Found.NOT_READ, dtype=np.uint8),
        copies=np.zeros(count, dtype=np.uint16),
    )
    answered = _of_known_writes(rows[rows["event"] != SENT], sequence)
    place = np.searchsorted(sequence, answered["sequence"])
    ledger.outcome[place] = answered["event"]
    ledger.done_ns[place] = answered["at_ns"]
    found = _of_known_writes(_rows(folder / "ledger.found", FOUND_TYPE), sequence)
    place = np.searchsorted(sequence, found["sequence"])
    ledger.found[place] = found["found"]
    ledger.copies[place] = np.minimum(found["copies"], 0xFFFF)
    return ledger


def _of_known_writes(rows: npt.NDArray[np.void], sequence: Times) -> npt.NDArray[np.void]:
    """A power cut may take the newest writes and leave what was found of them."""
    return rows[np.isin(rows["sequence"], sequence)]


def _rows(path: Path, row_type: np.dtype[np.void]) -> npt.NDArray[np.void]:
    data = path.read_bytes() if path.exists() else b""
    return np.frombuffer(data, dtype=row_type, count=len(data) // row_type.itemsize)
