"""The ledger as the report shows it: a table of outcomes, and the writes that were lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gameday.evidence.record import RpoPart
from gameday.measure.loss import Found, Ledger, Outcome
from gameday.measure.samples import Flags


@dataclass(frozen=True, slots=True)
class LostWrite:
    """An acknowledged write that was not there afterwards. Seconds of the run."""

    sequence: int
    sent_s: float
    acknowledged_s: float
    found: str


def is_lost(ledger: Ledger) -> Flags:
    """The writes that were acknowledged and are not there, or not as they were written."""
    is_gone = np.isin(ledger.found, (Found.ABSENT, Found.CORRUPT))
    lost: Flags = is_gone & (ledger.outcome == Outcome.ACKNOWLEDGED)
    return lost


def matrix(ledger: Ledger) -> list[tuple[str, list[int]]]:
    """The ledger's writes counted by outcome and by what was found of them."""
    rows = []
    for outcome in (Outcome.ACKNOWLEDGED, Outcome.REFUSED, Outcome.UNKNOWN):
        found = ledger.found[ledger.outcome == outcome]
        states = (Found.PRESENT, Found.ABSENT, Found.CORRUPT, Found.NOT_READ)
        rows.append((outcome.name.lower(), [int(np.count_nonzero(found == state)) for state in states]))
    return rows


def matrix_of_counts(rpo: RpoPart) -> list[tuple[str, list[int]]]:
    """The same from the record's counts, when the ledger itself is not in the pack."""
    return [
        ("acknowledged", [rpo.survived, rpo.lost, 0, max(0, rpo.acknowledged - rpo.survived - rpo.lost)]),
        ("refused", [rpo.phantom, rpo.refused - rpo.phantom, 0, 0]),
        ("unknown", [rpo.unknown_survived, rpo.unknown - rpo.unknown_survived, 0, 0]),
    ]
