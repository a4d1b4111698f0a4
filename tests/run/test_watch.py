"""The watch reads files that their recorders are only just making."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from gameday.experiment.model import HaltCondition
from gameday.measure.plan import Plan
from gameday.run import tail, watch
from gameday.run.runner import Run
from gameday.run.tail import Tail
from gameday.run.watch import Watch
from gameday.samples import MAX_NAMES, SampleWriter
from tests.measure.histories import sli

S = 1_000_000_000
LONG_NS = 1_000 * S
BASELINE = (0, 4 * S)


def test_the_watch_may_look_at_any_moment_while_a_recorder_begins(tmp_path: Path) -> None:
    real_open, looks = os.open, []

    def open_and_look(path: str, *more: Any) -> int:
        descriptor = real_open(path, *more)
        for found in tmp_path.glob("*.samples"):
            looks.append(len(Tail(found.with_suffix("")).read_on(10)))
        return descriptor

    with patch("gameday.samples.os.open", open_and_look):
        SampleWriter(tmp_path, "probe-health").close()
    assert looks == [0]


def written(writer: SampleWriter, done_ns: int, ok: bool = True, series: str = "") -> None:
    writer.write(done_ns - 10, done_ns - 10, done_ns, series=series, ok=ok)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A clock that stands where it is put."""
    moment = [0]
    monkeypatch.setattr(tail.clock, "now_ns", lambda: moment[0])
    return moment


def test_what_is_recent_does_not_depend_on_the_order_in_which_it_was_written(
    tmp_path: Path, now: list[int]
) -> None:
    writer, seen = SampleWriter(tmp_path, "load"), Tail(tmp_path / "load", keep_ns=LONG_NS)
    now[0] = 90 * S
    written(writer, 80 * S)
    seen.read_on(100)
    now[0] = 101 * S
    for done_s in (100, 96, 94, 99, 93):
        written(writer, done_s * S)
    seen.read_on(100)
    assert sorted(seen.recent(95 * S)["done_ns"].tolist()) == [96 * S, 99 * S, 100 * S]
    assert len(seen.recent(102 * S)) == 0
    assert len(seen.recent(0)) == 6


def test_a_backlog_is_read_in_slices_and_every_row_once(tmp_path: Path) -> None:
    writer, seen = SampleWriter(tmp_path, "load"), Tail(tmp_path / "load", keep_ns=LONG_NS)
    for number in range(25):
        written(writer, number)
    slices = [seen.read_on(10)["done_ns"].tolist() for _ in range(4)]
    assert [len(each) for each in slices] == [10, 10, 5, 0]
    assert list(chain(*slices)) == list(range(25))
    assert not seen.is_behind


def test_who_has_read_a_whole_slice_may_be_behind(tmp_path: Path, now: list[int]) -> None:
    writer = SampleWriter(tmp_path, "health")
    for number in range(watch.ROWS_A_TICK // 2 + 1):
        written(writer, number)
    SampleWriter(tmp_path, "other").close()
    live = Watch(tmp_path, Plan((sli(),)))
    live.read_on((0, S))
    live.read_on((0, S))
    (seen,) = live.steadiness()
    assert (live.is_behind, seen.share) == (False, 1)
    for number in range(watch.ROWS_A_TICK):
        written(writer, number)
    live.read_on((0, S))
    assert live.is_behind


def test_what_is_no_longer_recent_is_not_kept(tmp_path: Path, now: list[int]) -> None:
    writer, seen = SampleWriter(tmp_path, "load"), Tail(tmp_path / "load", keep_ns=5 * S)
    for second in range(20):
        now[0] = second * S
        written(writer, second * S)
        seen.read_on(10)
    assert (len(seen.reads), seen.kept, seen.has_dropped) == (6, 6, False)
    with patch.object(tail, "MOST_RECENT", 3):
        written(writer, 20 * S)
        seen.read_on(10)
    assert (seen.kept, seen.has_dropped) == (3, True)


def test_a_series_is_known_by_its_name_however_many_there_are(tmp_path: Path) -> None:
    writer, seen = SampleWriter(tmp_path, "load"), Tail(tmp_path / "load", frozenset({"GET /n7"}))
    for number in range(10):
        written(writer, number, series=f"GET /n{number}")
    with patch.object(tail, "NAMES_BYTES", 100):  # two or three names at a time
        slices = []
        while not slices or seen.is_behind:
            rows = seen.read_on(100)
            slices.append((len(rows), seen.of_series(rows, "GET /n7")["done_ns"].tolist()))
    assert sum(count for count, _ in slices) == 10
    assert [done_ns for _, found in slices for done_ns in found] == [7]
    assert len(slices) > 2
    assert list(seen.names.numbers) == ["GET /n7"]


def test_lines_that_are_no_names_are_left_out(tmp_path: Path) -> None:
    writer, seen = SampleWriter(tmp_path, "load"), Tail(tmp_path / "load", frozenset({"a"}))
    with (tmp_path / "load.names").open("ab") as file:
        file.write(b"x" * 500 + b"\n[1]\n{}\n\xff\n" + b'{"number": "one", "name": "a"}\n')
    written(writer, 1, series="a")
    with patch.object(tail, "NAMES_BYTES", 100):
        while not len(rows := seen.read_on(10)):
            assert seen.is_behind
    assert seen.of_series(rows, "a")["done_ns"].tolist() == [1]


def test_the_last_number_takes_every_other_name(tmp_path: Path) -> None:
    writer, seen = SampleWriter(tmp_path, "load"), Tail(tmp_path / "load", frozenset({"(other)"}))
    with patch("gameday.samples.MAX_NAMES", 3):
        for name in ("a", "b", "c", "d"):
            written(writer, 1, series=name)
    assert len(seen.of_series(seen.read_on(10), "(other)")) == 2 and MAX_NAMES > 3


def clock_of(folder: Path, recorder: str, offset_ns: int) -> None:
    draft = folder / "draft"
    draft.write_text(json.dumps({"offset_ns": offset_ns, "uncertainty_ns": 5, "readings": 1}))
    draft.replace(folder / f"{recorder}.clock")


def test_rows_of_another_host_are_moved_again_when_its_clock_is_known_better(
    tmp_path: Path, now: list[int]
) -> None:
    writer = SampleWriter(tmp_path, "load.1")
    live = Watch(tmp_path, Plan((sli(recorder="load", window=5.0, period=None),)))
    clock_of(tmp_path, "load.1", 100 * S)
    now[0] = 110 * S
    for at_s in range(1, 8):
        written(writer, at_s * S, ok=at_s != 5)
    live.read_on((100 * S, 101 * S))
    assert [outage.impact_ns for outage in live.outages(0)] == [105 * S - 10]
    assert [each.share for each in live.now(110 * S)] == [Fraction(2, 3)]
    clock_of(tmp_path, "load.1", 101 * S)
    live.read_on((100 * S, 101 * S))
    assert [outage.impact_ns for outage in live.outages(0)] == [106 * S - 10]
    assert [each.share for each in live.now(110 * S)] == [Fraction(3, 4)]


def test_a_halt_condition_is_judged_by_exact_shares(tmp_path: Path, now: list[int]) -> None:
    writer = SampleWriter(tmp_path, "health")
    now[0] = 10 * S
    for number in range(1000):
        written(writer, 10 * S - number, ok=number != 0)
    live = Watch(tmp_path, Plan((sli(objective="99.9%", window=5.0),)))
    live.read_on(BASELINE)
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
    live.read_on(BASELINE)
    (seen,) = live.now(10 * S)
    assert (seen.share, seen.is_met) == (Fraction(3, 4), False)
    (seen,) = live.now(30 * S)
    assert (seen.share, seen.is_met) == (None, False)


def test_rates_are_those_of_the_last_second_of_every_process(tmp_path: Path, now: list[int]) -> None:
    live = Watch(tmp_path, Plan(users=1))
    now[0] = 10 * S
    assert live.rates(10 * S) == (0.0, 0.0)
    for process in (1, 2):
        writer = SampleWriter(tmp_path, f"load.{process}")
        for tenth in range(85, 100):
            written(writer, tenth * S // 10, ok=tenth != 95)
    live.read_on(BASELINE)
    assert live.rates(10 * S) == (20.0, 2.0)


def test_outages_so_far_are_those_that_the_rto_counts(tmp_path: Path, now: list[int]) -> None:
    writer = SampleWriter(tmp_path, "health")
    live = Watch(
        tmp_path, Plan((sli(window=1.0), sli("value", recorder="health", is_first_hand=False)), sustain=2.0)
    )
    now[0] = 30 * S
    for number in range(300):  # ten a second: out from 5 to 6 s and from 12 to 13 s
        at_ns = number * S // 10
        is_out = 50 <= number < 60 or 120 <= number < 130
        writer.write(at_ns, at_ns, at_ns + 1_000_000, series="", ok=not is_out)
        if number == 49:
            live.read_on((0, 5 * S))
            assert [(each.share, each.has_missed) for each in live.steadiness()] == [(1, False)] * 2
        if number == 79:
            live.read_on((0, 8 * S))
            assert [(each.share, each.has_missed) for each in live.steadiness()] == [
                (Fraction(7, 8), True)
            ] * 2
        if number == 125:
            live.read_on(BASELINE)
            assert live.is_away()
            assert [outage.recovered_ns for outage in live.outages(10 * S)] == [None]
    live.read_on(BASELINE)
    assert not live.is_away()
    assert [outage.impact_ns for outage in live.outages(inject_ns=10 * S)] == [12 * S]
    assert [outage.impact_ns for outage in live.outages(inject_ns=0)] == [5 * S, 12 * S]
    downtime = live.downtime(inject_ns=10 * S)
    assert downtime is not None
    assert (downtime.since_ns, downtime.until_ns) == (12 * S, 12 * S + 901_000_000)
    assert live.downtime(inject_ns=20 * S) is None


def test_each_reason_for_an_estimate_is_told_once(tmp_path: Path, now: list[int]) -> None:
    writer = SampleWriter(tmp_path, "health")
    live = Watch(tmp_path, Plan((sli(),)))
    for at_ms in range(200):
        written(writer, at_ms * S // 1000)
    with patch.object(tail, "MOST_RECENT", 50):
        for _ in range(2):
            written(writer, S)
            live.read_on(BASELINE)
    assert list(live.estimates()) == ["'health': a window has more samples than are kept"]
    assert list(live.estimates()) == []


@pytest.mark.parametrize(
    ("is_behind", "is_away", "is_back"), [(True, False, False), (False, True, False), (False, False, True)]
)
def test_service_is_back_once_all_is_read_and_no_outage_lasts(
    is_behind: bool, is_away: bool, is_back: bool
) -> None:
    outages = lambda injected_ns: ["one that is over"]  # noqa: E731 - what a watch knows
    seen: Any = SimpleNamespace(is_behind=is_behind, is_away=lambda: is_away, outages=outages)
    game: Any = SimpleNamespace(watch=seen, phases={"recovery": 0})
    assert Run.is_back(game, 0) is is_back
