"""The ledger as its files tell it, whatever a crash has left of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameday.measure.loss import Found, Outcome, read
from gameday.writes import ACKNOWLEDGED, PRESENT, WRITE_ROW, WriteLog, write_found


@pytest.mark.parametrize(
    ("rows", "outcomes"),
    [
        (6, [Outcome.ACKNOWLEDGED] * 3),
        (5, [Outcome.ACKNOWLEDGED, Outcome.ACKNOWLEDGED, Outcome.UNKNOWN]),
        (2, [Outcome.ACKNOWLEDGED]),
        (0, []),
    ],
)
def test_what_a_power_cut_took_of_the_writes_is_not_missed_by_what_was_found(
    tmp_path: Path, rows: int, outcomes: list[Outcome]
) -> None:
    log = WriteLog(tmp_path)
    for sequence in range(3):
        log.sent(sequence, sequence)
        log.outcome(sequence, sequence, ACKNOWLEDGED)
        log.put_on_disk(log.gathered())
    log.close()
    write_found(tmp_path, dict.fromkeys(range(3), (PRESENT, 1)))
    path = tmp_path / "ledger.writes"
    path.write_bytes(path.read_bytes()[: rows * WRITE_ROW.size])
    ledger = read(tmp_path)
    assert list(ledger.outcome) == outcomes
    assert list(ledger.found) == [Found.PRESENT] * len(outcomes)
