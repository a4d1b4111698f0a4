"""RPO: every ledger write, what the system said of it, and whether it is there afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from gameday.clock import NS_PER_S
from gameday.measure.samples import Times


class Outcome(IntEnum):
    """What the system said of a write."""

    UNKNOWN = 0
    ACKNOWLEDGED = 1
    REFUSED = 2


class Found(IntEnum):
    """What the read-back found of a write."""

    NOT_READ = 0
    ABSENT = 1
    PRESENT = 2
    CORRUPT = 3


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
