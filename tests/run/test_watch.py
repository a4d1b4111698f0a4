"""The watch reads files that their recorders are only just making."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from gameday.experiment.model import HaltCondition
from gameday.measure.plan import Plan
from gameday.run import watch
from gameday.run.watch import Tail, Watch
from gameday.samples import SampleWriter
from tests.measure.histories import sli

S = 1_000_000_000


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


def written(writer: SampleWriter, done_ns: int, ok: bool = True) -> None:
    writer.write(done_ns - 10, done_ns - 10, done_ns, series="", ok=ok)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A clock that stands where it is put."""
    moment = [0]
    monkeypatch.setattr(watch.clock, "now_ns", lambda: moment[0])
    return moment


def test_what_is_recent_does_not_depend_on_the_order_in_which_it_was_written(
    tmp_path: Path, now: list[int]
) -> None:
    writer, tail = SampleWriter(tmp_path, "load"), Tail(tmp_path / "load")
    now[0] = 90 * S
    written(writer, 80 * S)
    tail.read_on()
    now[0] = 101 * S
    for done_s in (100, 96, 94, 99, 93):
        written(writer, done_s * S)
    tail.read_on()
    assert sorted(tail.recent(95 * S).done_ns.tolist()) == [96 * S, 99 * S, 100 * S]
    assert len(tail.recent(102 * S)) == 0
    assert len(tail.recent(0)) == len(tail.samples()) == 6


def test_everything_is_kept_however_much_it_is(tmp_path: Path, now: list[int]) -> None:
    writer, tail = SampleWriter(tmp_path, "load"), Tail(tmp_path / "load")
    for part in range(5):
        now[0] = part * S
        for number in range(3000):
            written(writer, part * S + number)
        assert tail.read_on() == 3000
    expected = [part * S + number for part in range(5) for number in range(3000)]
    assert np.array_equal(np.sort(tail.samples().done_ns), expected)


def test_a_halt_condition_is_judged_by_exact_shares(tmp_path: Path, now: list[int]) -> None:
    writer = SampleWriter(tmp_path, "health")
    now[0] = 10 * S
    for number in range(1000):
        written(writer, 10 * S - number, ok=number != 0)
    live = Watch(tmp_path, Plan((sli(objective="99.9%", window=5.0),)))
    live.read_on()
    (seen,) = live.now(10 * S)
    assert seen.share is not None and seen.is_met
    below, at_most = (HaltCondition(when=f"health {sign} 99.9%") for sign in ("<", "<="))
    assert (below.is_breached(seen.share), at_most.is_breached(seen.share)) == (False, True)


def test_the_share_now_is_that_of_the_last_window(tmp_path: Path, now: list[int]) -> None:
    writer = SampleWriter(tmp_path, "health")
    now[0] = 10 * S
    for at_s in (1, 2, 3, 4):
        written(writer, at_s * S, ok=False)
    for at_s in (6, 7, 8, 9):
        written(writer, at_s * S, ok=at_s != 6)
    live = Watch(tmp_path, Plan((sli(objective="99%", window=5.0),)))
    live.read_on()
    (seen,) = live.now(10 * S)
    assert (seen.share, seen.is_met) == (Fraction(3, 4), False)
    (seen,) = live.now(30 * S)
    assert (seen.share, seen.is_met) == (None, False)


def test_outages_so_far_are_those_that_the_rto_counts(tmp_path: Path, now: list[int]) -> None:
    writer = SampleWriter(tmp_path, "health")
    for number in range(300):  # ten a second: out from 5 to 6 s and from 12 to 13 s
        at_ns = number * S // 10
        is_out = 50 <= number < 60 or 120 <= number < 130
        writer.write(at_ns, at_ns, at_ns + 1_000_000, series="", ok=not is_out)
    live = Watch(tmp_path, Plan((sli(window=1.0),), sustain=2.0))
    live.read_on()
    counted = live.outages((0, 4 * S), inject_ns=10 * S)
    assert [outage.impact_ns for outage in counted] == [12 * S]
    assert [outage.impact_ns for outage in live.outages((0, 4 * S), inject_ns=None)] == [5 * S, 12 * S]
    downtime = live.downtime((0, 4 * S), inject_ns=10 * S)
    assert downtime is not None
    assert (downtime.since_ns, downtime.until_ns) == (12 * S, 12 * S + 901_000_000)
    assert live.downtime((0, 4 * S), inject_ns=20 * S) is None
    (steady,) = live.steadiness(0, 5 * S)
    assert (steady.share, steady.has_missed) == (1, False)
    (unsteady,) = live.steadiness(0, 8 * S)
    assert unsteady.share == Fraction(70, 80) and unsteady.has_missed
