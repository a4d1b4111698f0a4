"""What became of the ledger's writes, and the RPO, from literal writes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from gameday.measure.loss import Found, Ledger, Outcome, classify, read
from gameday.writes import WRITE_ROW, WriteLog, write_found

S = 1_000_000_000
ACKNOWLEDGED, REFUSED, UNKNOWN = Outcome.ACKNOWLEDGED, Outcome.REFUSED, Outcome.UNKNOWN
PRESENT, ABSENT, CORRUPT, NOT_READ = Found.PRESENT, Found.ABSENT, Found.CORRUPT, Found.NOT_READ
NOTHING = {
    "acknowledged": 0,
    "survived": 0,
    "lost": 0,
    "unknown": 0,
    "unknown_survived": 0,
    "refused": 0,
    "phantom": 0,
    "corrupt": 0,
    "duplicated": 0,
    "split_brain": 0,
    "not_read": 0,
    "first_lost_ns": None,
    "last_lost_ns": None,
    "lost_sequences": (),
}


def ledger(*writes: tuple[Outcome, Found], copies: tuple[int, ...] = ()) -> Ledger:
    """Writes number 10, 11, 12 …, sent at 0 s, 1 s, 2 s … and answered half a second later."""
    sent_ns = np.arange(len(writes), dtype=np.int64) * S
    return Ledger(
        sequence=np.arange(len(writes), dtype=np.int64) + 10,
        sent_ns=sent_ns,
        done_ns=sent_ns + S // 2,
        outcome=np.array([outcome for outcome, _ in writes], dtype=np.uint8),
        found=np.array([found for _, found in writes], dtype=np.uint8),
        copies=np.array(copies or [0] * len(writes), dtype=np.uint16),
    )


@pytest.mark.parametrize(
    ("outcome", "found", "counts"),
    [
        (ACKNOWLEDGED, PRESENT, {"acknowledged": 1, "survived": 1}),
        (ACKNOWLEDGED, NOT_READ, {"acknowledged": 1, "not_read": 1}),
        (REFUSED, PRESENT, {"refused": 1, "phantom": 1}),
        (REFUSED, CORRUPT, {"refused": 1, "phantom": 1, "corrupt": 1}),
        (REFUSED, ABSENT, {"refused": 1}),
        (REFUSED, NOT_READ, {"refused": 1, "not_read": 1}),
        (UNKNOWN, PRESENT, {"unknown": 1, "unknown_survived": 1}),
        (UNKNOWN, CORRUPT, {"unknown": 1, "corrupt": 1}),
        (UNKNOWN, ABSENT, {"unknown": 1}),
        (UNKNOWN, NOT_READ, {"unknown": 1, "not_read": 1}),
    ],
)
def test_a_write_is_counted_by_what_the_system_said_and_by_what_was_found(
    outcome: Outcome, found: Found, counts: dict[str, int]
) -> None:
    assert asdict(classify(ledger((outcome, found)), takeover_ns=-1)) == {**NOTHING, **counts}


@pytest.mark.parametrize(("found", "corrupt"), [(ABSENT, 0), (CORRUPT, 1)])
def test_an_acknowledged_write_that_is_absent_or_corrupt_is_lost(found: Found, corrupt: int) -> None:
    loss = classify(ledger((ACKNOWLEDGED, found)))
    lost = {"acknowledged": 1, "lost": 1, "corrupt": corrupt, "lost_sequences": (10,)}
    assert asdict(loss) == {**NOTHING, **lost, "first_lost_ns": S // 2, "last_lost_ns": S // 2}


def test_no_writes_are_no_loss() -> None:
    loss = classify(ledger())
    assert asdict(loss) == NOTHING
    assert loss.rpo_s(None) == loss.rpo_s(5 * S) == 0.0


def test_a_write_that_is_present_more_than_once_is_duplicated() -> None:
    loss = classify(ledger(*[(ACKNOWLEDGED, PRESENT)] * 4, copies=(0, 1, 2, 3)))
    assert (loss.duplicated, loss.survived) == (2, 4)


def test_a_lost_write_that_was_sent_after_the_takeover_is_split_brain() -> None:
    writes = ledger(
        (ACKNOWLEDGED, ABSENT), (ACKNOWLEDGED, ABSENT), (ACKNOWLEDGED, ABSENT), (ACKNOWLEDGED, PRESENT)
    )
    assert classify(writes, takeover_ns=1 * S).split_brain == 1
    assert classify(writes, takeover_ns=1 * S - 1).split_brain == 2
    assert classify(writes).split_brain == 0


def test_the_rpo_is_from_the_oldest_lost_acknowledgement_to_the_impact() -> None:
    kept, lost = (ACKNOWLEDGED, PRESENT), (ACKNOWLEDGED, ABSENT)
    loss = classify(ledger(kept, lost, kept, lost, kept))
    assert (loss.first_lost_ns, loss.last_lost_ns) == (1.5 * S, 3.5 * S)
    assert loss.lost_sequences == (11, 13)
    assert loss.rpo_s(impact_ns=5 * S) == 3.5
    # an impact before the newest lost write, or none that was seen: to the newest lost write
    assert loss.rpo_s(impact_ns=2 * S) == loss.rpo_s(None) == 2.0


def test_one_lost_write_at_the_impact_is_an_rpo_of_0_and_still_a_loss() -> None:
    loss = classify(ledger((ACKNOWLEDGED, ABSENT)))
    assert (loss.lost, loss.rpo_s(None)) == (1, 0.0)


def test_a_ledger_is_read_from_its_files(tmp_path: Path) -> None:
    log = WriteLog(tmp_path)
    for sequence, sent_ns in ((3, 1 * S), (4, 2 * S), (5, 3 * S), (7, 4 * S)):
        log.sent(sequence, sent_ns)
    log.outcome(7, 6 * S, REFUSED)  # answers come in any order
    log.outcome(3, 5 * S, ACKNOWLEDGED)
    log.outcome(5, 7 * S, UNKNOWN)
    log.close()
    write_found(tmp_path, {7: (ABSENT, 0), 3: (PRESENT, 70_000), 4: (CORRUPT, 1)})
    writes = read(tmp_path)
    assert len(writes) == 4
    assert writes.sequence.tolist() == [3, 4, 5, 7]
    assert writes.sent_ns.tolist() == [1 * S, 2 * S, 3 * S, 4 * S]
    assert writes.done_ns.tolist() == [5 * S, 2 * S, 7 * S, 6 * S]
    assert writes.outcome.tolist() == [ACKNOWLEDGED, UNKNOWN, UNKNOWN, REFUSED]
    assert writes.found.tolist() == [PRESENT, CORRUPT, NOT_READ, ABSENT]
    assert writes.copies.tolist() == [65_535, 1, 0, 0]


def test_the_columns_of_a_ledger_have_the_types_that_they_say(tmp_path: Path) -> None:
    writes = read(tmp_path)
    columns = (writes.sequence, writes.sent_ns, writes.done_ns, writes.outcome, writes.found, writes.copies)
    types = "int64 int64 int64 uint8 uint8 uint16".split()
    assert [column.dtype.name for column in columns] == types


def test_a_run_without_a_ledger_has_no_writes(tmp_path: Path) -> None:
    assert len(read(tmp_path)) == 0


def test_a_row_that_a_crash_left_torn_is_left_out(tmp_path: Path) -> None:
    log = WriteLog(tmp_path)
    log.sent(0, 1 * S)
    log.outcome(0, 2 * S, ACKNOWLEDGED)
    log.close()
    write_found(tmp_path, {0: (PRESENT, 1)})
    for name in ("ledger.writes", "ledger.found"):
        with (tmp_path / name).open("ab") as file:
            file.write(WRITE_ROW.pack(1, 3 * S, 3)[:15])
    writes = read(tmp_path)
    assert (writes.sequence.tolist(), writes.outcome.tolist()) == ([0], [ACKNOWLEDGED])
    assert (writes.found.tolist(), writes.copies.tolist()) == ([PRESENT], [1])


def test_a_write_that_is_sent_again_counts_from_its_first_send(tmp_path: Path) -> None:
    log = WriteLog(tmp_path)
    for sent_ns in (1 * S, 2 * S):
        log.sent(0, sent_ns)
    log.close()
    assert read(tmp_path).sent_ns.tolist() == [1 * S]


@pytest.mark.parametrize(
    ("rows", "outcomes"),
    [
        (6, [ACKNOWLEDGED] * 3),
        (5, [ACKNOWLEDGED, ACKNOWLEDGED, UNKNOWN]),
        (2, [ACKNOWLEDGED]),
        (0, []),
    ],
)
def test_what_a_power_cut_took_of_the_writes_is_not_missed_by_what_was_found(
    tmp_path: Path, rows: int, outcomes: list[Outcome]
) -> None:
    log = WriteLog(tmp_path)
    for sequence in range(3):
        log.sent(sequence, sequence)
        log.outcome(sequence, sequence, int(ACKNOWLEDGED))
        log.put_on_disk(log.gathered())
    log.close()
    write_found(tmp_path, dict.fromkeys(range(3), (int(PRESENT), 1)))
    path = tmp_path / "ledger.writes"
    path.write_bytes(path.read_bytes()[: rows * WRITE_ROW.size])
    ledger = read(tmp_path)
    assert list(ledger.outcome) == outcomes
    assert list(ledger.found) == [PRESENT] * len(outcomes)
