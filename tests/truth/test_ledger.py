"""Fifty stores that lie: every count exact, every RPO within one write period of the truth."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.measure.loss import Found, Ledger, Loss, Outcome, classify, read
from tests.truth.children import child, line

pytestmark = pytest.mark.alone

AT_ONCE = 4
RATE_PER_S = 100
WRITES_FOR_S = 1.0
PERIOD_S = 1 / RATE_PER_S
FAULTS = ["drop", "duplicate", "corrupt", "late", "refuse", "refuse-apply", "hang-drop", "hang-apply"]
FAULTS += ["error-drop", "error-apply"]
PRESENT = {"", "late", "refuse-apply", "hang-apply", "error-apply", "duplicate"}


@dataclass(frozen=True)
class Scene:
    """A ledger, the store's own account of what happened, and the writes on their way before and after."""

    ledger: Ledger
    loss: Loss
    account: dict[int, dict[str, Any]]
    faults: dict[int, str]
    sent_before: set[int]
    sent_by_then: set[int]


def lies(number: int) -> dict[int, str]:
    """Which writes of a scenario go wrong: one kind alone, a burst of losses, or everything at once."""
    chance = random.Random(number)
    writes = range(int(RATE_PER_S * WRITES_FOR_S * 0.9))
    if number < len(FAULTS):
        return dict.fromkeys(chance.sample(writes, 10), FAULTS[number])
    if number < 2 * len(FAULTS):
        first = chance.randrange(20, 60)
        return dict.fromkeys(range(first, first + chance.randrange(1, 60)), "drop")
    return {sequence: chance.choice(FAULTS) for sequence in chance.sample(writes, chance.randrange(0, 60))}


@contextlib.contextmanager
def store(faults: dict[int, str]) -> Iterator[str]:
    script = str(Path(__file__).with_name("untrue_store.py"))
    with child([script], {"faults": {str(number): fault for number, fault in faults.items()}}) as process:
        yield f"http://127.0.0.1:{line(process).strip()}"


def ledger_orders(folder: Path, url: str) -> dict[str, Any]:
    block = {"http": f"{url}/writes", "rate": f"{RATE_PER_S}/s", "timeout": "2s"}
    return {"folder": str(folder), "run": "truth", "ledger": block}


def sent(folder: Path) -> set[int]:
    """The writes on their way by now: each is written down just before it is sent."""
    return set(read(folder).sequence.tolist())


def play(folder: Path, number: int) -> Scene:
    """Let the real ledger write to a lying store, read everything back, and ask the store what is true."""
    folder.mkdir()
    faults = lies(number)
    with store(faults) as url, child(["-m", "gameday.observe.ledger"], ledger_orders(folder, url)) as ledger:
        assert "ready" in line(ledger)
        time.sleep(WRITES_FOR_S * 0.6)
        sent_before = sent(folder)
        takeover_ns = time.monotonic_ns()
        sent_by_then = sent(folder)
        time.sleep(WRITES_FOR_S * 0.5)
        assert ledger.stdin is not None
        ledger.stdin.write("read-back\n")
        ledger.stdin.flush()
        while "read-back" not in line(ledger):
            pass
        with urlopen(f"{url}/account", timeout=5) as answer:
            account = {int(sequence): entry for sequence, entry in json.load(answer).items()}
    kept = read(folder)
    return Scene(kept, classify(kept, takeover_ns), account, faults, sent_before, sent_by_then)


def counts(scene: Scene) -> dict[str, int]:
    """The counts as the store knows them."""
    found: Counter[str] = Counter()
    for sequence, entry in scene.account.items():
        fault = scene.faults.get(sequence, "")
        is_present = fault in PRESENT
        is_acknowledged, is_refused = entry["acknowledged_ns"] is not None, entry["refused"]
        is_unknown = not is_acknowledged and not is_refused
        is_lost = is_acknowledged and not is_present
        found["acknowledged"] += is_acknowledged
        found["survived"] += is_acknowledged and is_present
        found["lost"] += is_lost
        found["unknown"] += is_unknown
        found["unknown_survived"] += is_unknown and is_present
        found["refused"] += is_refused
        found["phantom"] += is_refused and is_present
        found["corrupt"] += fault == "corrupt"
        found["duplicated"] += fault == "duplicate"
    return {**found, "not_read": 0}


def lost(scene: Scene) -> list[int]:
    """The writes that the store acknowledged and does not have."""
    return [
        sequence
        for sequence, entry in scene.account.items()
        if entry["acknowledged_ns"] is not None and scene.faults.get(sequence, "") not in PRESENT
    ]


def rpo_truth_s(scene: Scene) -> float:
    """From the oldest to the newest acknowledgement of a lost write, by the store's own clock."""
    given_ns = [scene.account[sequence]["acknowledged_ns"] for sequence in lost(scene)]
    return (max(given_ns) - min(given_ns)) / 1e9 if given_ns else 0.0


def slowest_answer_s(scene: Scene) -> float:
    """The longest that an acknowledgement of a lost write was under way, at most."""
    is_lost = np.isin(scene.ledger.sequence, lost(scene))
    return float(np.max((scene.ledger.done_ns - scene.ledger.sent_ns)[is_lost], initial=0) / 1e9)


@pytest.mark.parametrize("count", [30, pytest.param(200, marks=pytest.mark.soak)])
def test_lying_stores_are_counted_exactly(tmp_path: Path, count: int) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        scenes = list(pool.map(lambda number: play(tmp_path / str(number), number), range(count)))
    for scene in scenes:
        expected = counts(scene)
        assert {name: getattr(scene.loss, name) for name in expected} == expected
        within_s = max(PERIOD_S, slowest_answer_s(scene))
        assert scene.loss.rpo_s(None) == pytest.approx(rpo_truth_s(scene), abs=within_s)
        surely_late = len([sequence for sequence in lost(scene) if sequence not in scene.sent_by_then])
        maybe_late = len([sequence for sequence in lost(scene) if sequence not in scene.sent_before])
        # one more write may have taken its time before the takeover and been written down after it
        assert surely_late - 1 <= scene.loss.split_brain <= maybe_late
    assert sum(scene.loss.lost for scene in scenes) > 4 * count


def test_a_killed_ledger_never_claims_an_acknowledgement_that_was_not_given(tmp_path: Path) -> None:
    with store({}) as url, child(["-m", "gameday.observe.ledger"], ledger_orders(tmp_path, url)) as ledger:
        assert "ready" in line(ledger)
        while np.count_nonzero(read(tmp_path).outcome == Outcome.ACKNOWLEDGED) <= 50:
            time.sleep(0.01)
        ledger.kill()
        ledger.wait()
        time.sleep(0.2)
        with urlopen(f"{url}/account", timeout=5) as answer:
            account = {int(sequence): entry for sequence, entry in json.load(answer).items()}
    kept = read(tmp_path)
    claimed = set(kept.sequence[kept.outcome == Outcome.ACKNOWLEDGED].tolist())
    given_ = {sequence for sequence, entry in account.items() if entry["acknowledged_ns"] is not None}
    assert claimed <= given_ and len(claimed) > 50
    assert set(account) <= set(kept.sequence.tolist())  # every write was written down before it was sent
    assert (kept.found == Found.NOT_READ).all()


rows = st.lists(
    st.tuples(st.sampled_from(list(Outcome)), st.sampled_from(list(Found)), st.integers(0, 3)), max_size=40
)


def ledger_of(drawn: list[tuple[Outcome, Found, int]]) -> Ledger:
    count = len(drawn)
    times = np.arange(count, dtype=np.int64) * 1_000_000
    return Ledger(
        sequence=np.arange(count, dtype=np.int64),
        sent_ns=times,
        done_ns=times + 500_000,
        outcome=np.array([row[0] for row in drawn], dtype=np.uint8),
        found=np.array([row[1] for row in drawn], dtype=np.uint8),
        copies=np.array([row[2] for row in drawn], dtype=np.uint16),
    )


@given(rows, st.integers(-10, 50) | st.none())
def test_the_counts_add_up(drawn: list[tuple[Outcome, Found, int]], impact_ms: int | None) -> None:
    ledger = ledger_of(drawn)
    loss = classify(ledger)
    assert loss.acknowledged + loss.unknown + loss.refused == len(ledger)
    assert loss.survived + loss.lost <= loss.acknowledged
    assert len(loss.lost_sequences) == loss.lost
    rpo_s = loss.rpo_s(None if impact_ms is None else impact_ms * 1_000_000)
    assert rpo_s >= 0 and (rpo_s == 0 or loss.lost)


@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(drawn: list[tuple[Outcome, Found, int]], chance: Any) -> None:
    ledger = ledger_of(drawn)
    order = list(range(len(ledger)))
    chance.shuffle(order)
    columns = {name: getattr(ledger, name)[order] for name in Ledger.__slots__}
    shuffled = classify(Ledger(**columns))
    plain = classify(ledger)
    assert replace(shuffled, lost_sequences=()) == replace(plain, lost_sequences=())
    assert sorted(shuffled.lost_sequences) == sorted(plain.lost_sequences)


def test_a_torn_row_and_a_write_without_an_outcome_are_unknown(tmp_path: Path) -> None:
    from gameday.writes import ACKNOWLEDGED, WriteLog

    log = WriteLog(tmp_path)
    for sequence in range(3):
        log.sent(sequence, sequence)
    log.outcome(0, 10, ACKNOWLEDGED)
    log.close()
    with (tmp_path / "ledger.writes").open("ab") as file:
        file.write(b"\x01torn")
    loss = classify(read(tmp_path))
    assert (loss.acknowledged, loss.unknown, loss.not_read) == (1, 2, 3)
