"""Where a recorder knows nothing."""

from __future__ import annotations

import numpy as np
import pytest

from gameday.measure.delays import Delays
from gameday.measure.silence import Silence, silence_about, silence_of
from gameday.measure.sli import judge
from tests.measure.histories import MS, S, at, samples

ALL = (at(0), at(2))
NEVER = (0, 0)


def longest_s(marks: str, watched: tuple[int, int] = ALL) -> float:
    found = silence_of(samples(marks), watched, NEVER).longest_gap_ns
    assert found is not None
    return found / S


def test_the_edges_of_the_watched_span_count() -> None:
    assert longest_s(".....+" + "+" * 14) == pytest.approx(0.5)
    assert longest_s("+" * 10) == pytest.approx(1.1)
    assert longest_s("") == 2


def test_what_was_sent_outside_the_span_breaks_no_silence() -> None:
    assert longest_s("+" * 30, (at(0), at(2))) == pytest.approx(0.1)
    assert longest_s("." * 20 + "+") == 2
    assert longest_s("+" + "." * 29 + "+", (at(1), at(2))) == 1


def test_nothing_is_watched_in_an_empty_span() -> None:
    assert silence_of(samples("++"), (0, 0), NEVER) == Silence(None)
    assert silence_of(samples("++"), (5, 5), NEVER) == Silence(None)
    assert Silence(None).longest_gap_s == 0


def test_it_is_by_what_was_really_sent() -> None:
    held = samples("+" * 20, delays_ms={index: 900 - 100 * (index - 5) for index in range(5, 14)})
    assert silence_of(held, ALL, NEVER).longest_gap_ns == 1000 * MS


@pytest.mark.parametrize(
    ("gap_ns", "period_ns", "expected"),
    [
        (500 * MS, 20 * MS, False),
        (501 * MS, 20 * MS, True),
        (1000 * MS, 100 * MS, False),
        (1000 * MS + 1, 100 * MS, True),
        (None, 1, False),
    ],
)
def test_it_is_too_long_above_ten_periods_and_half_a_second(
    gap_ns: int | None, period_ns: int, expected: bool
) -> None:
    assert Silence(gap_ns).is_too_long(period_ns) is expected


@pytest.mark.parametrize(
    ("gap_ns", "matters_ns", "expected"),
    [
        (300 * MS, 300 * MS, False),
        (300 * MS + 1, 300 * MS, True),
        (40 * MS, 0, False),  # of two periods nobody knows more
        (40 * MS + 1, 0, True),
        (500 * MS + 1, 900 * MS, True),
    ],
)
def test_it_is_too_long_when_an_outage_that_matters_could_hide(
    gap_ns: int, matters_ns: int, expected: bool
) -> None:
    assert Silence(gap_ns).is_too_long(20 * MS, matters_ns) is expected


def test_a_sample_that_was_not_sent_is_a_silence_unless_something_was_failing_then() -> None:
    alone = silence_of(samples("+" * 5 + "S" * 8 + "+" * 7), ALL, NEVER)
    assert (alone.longest_gap_ns, alone.unexplained) == (900 * MS, 8)
    hanging = silence_of(samples("+" * 4 + "T" + "S" * 8 + "+" * 7), ALL, NEVER)
    assert (hanging.longest_gap_ns, hanging.unexplained) == (100 * MS, 0)


def test_a_failure_explains_what_was_due_until_it_was_known_and_no_more() -> None:
    found = silence_of(samples("T" + "S" * 14 + "+" * 5), ALL, NEVER)  # the timeout is known at 1.0 s
    assert found.unexplained == 4


def test_a_failure_that_comes_later_explains_nothing_before() -> None:
    assert silence_of(samples("+" * 5 + "SSS" + "-" + "+" * 11), ALL, NEVER).unexplained == 3


def test_the_longest_of_several_failures_explains() -> None:
    assert silence_of(samples("T-" + "S" * 8 + "+" * 10), ALL, NEVER).unexplained == 0


def test_what_hangs_explains_too_when_it_takes_more_than_twice_as_long_as_usual() -> None:
    frozen = samples("+" * 5 + "L" + "SS" + "+" * 12)  # answered after 300 ms, else after 2 ms
    assert silence_of(frozen, ALL, (at(0), at(0.5))).unexplained == 0
    assert silence_of(frozen, ALL, NEVER).unexplained == 2
    slow = samples("L" + "+" * 4 + "L" + "SS" + "+" * 12)
    assert silence_of(slow, ALL, (at(0), at(0.5))).unexplained == 2
    just = samples("+" * 5 + "L" + "SS" + "+" * 12, latency_ms=150)
    assert silence_of(just, ALL, (at(0), at(0.5))).unexplained == 2
    just = samples("+" * 5 + "L" + "SS" + "+" * 12, latency_ms=149)
    assert silence_of(just, ALL, (at(0), at(0.5))).unexplained == 0


def test_what_was_given_up_late_was_skipped_by_a_recorder_that_was_held_up() -> None:
    for late_ms, unexplained in ((500, 0), (501, 1)):
        made = samples("T" + "+" * 4 + "S" + "+" * 14, delays_ms={5: late_ms})
        assert silence_of(made, ALL, NEVER).unexplained == unexplained


def test_what_was_not_sent_outside_the_span_does_not_matter() -> None:
    assert silence_of(samples("S" + "+" * 19 + "S"), ALL, NEVER).unexplained == 1
    assert silence_of(samples("S" * 5 + "+" * 15 + "S"), (at(0.5), at(2)), NEVER).unexplained == 0


def test_the_silence_of_an_sli_is_by_what_is_known_of_it() -> None:
    known = judge(samples("+" * 5 + "." * 7 + "+" * 8))
    assert silence_about(known, ALL).longest_gap_ns == 800 * MS


# the prober's own delays


def test_a_prober_was_held_up_from_when_a_probe_was_due_to_when_it_was_sent() -> None:
    delays = Delays.of(samples("++++", delays_ms={1: 60}))
    assert (delays.start_ns.tolist(), delays.end_ns.tolist()) == ([at(0.1)], [at(0.16)])


def test_a_prober_that_catches_up_was_held_up_once() -> None:
    delays = Delays.of(samples("+" * 10, delays_ms={3: 350, 4: 250, 5: 150, 6: 50}))
    assert (delays.start_ns.tolist(), delays.end_ns.tolist()) == ([at(0.3)], [at(0.65)])


def test_a_prober_that_sends_late_all_the_time_but_sends_was_not_held_up() -> None:
    assert (
        len(Delays.of(samples("+" * 20, period_s=0.01, delays_ms=dict.fromkeys(range(1, 20), 9))).start_ns)
        == 0
    )
    assert len(Delays.of(samples("++", delays_ms={1: 10})).start_ns) == 0
    assert len(Delays.of(samples("++", delays_ms={1: 10.001})).start_ns) == 1


def test_how_long_it_was_held_up_in_one_piece_while_a_sample_was_under_way() -> None:
    made = samples("T" * 12, delays_ms={2: 60, 5: 90})
    inside = Delays.of(made).longest_inside(made) / MS
    assert inside.tolist() == [90, 90, 90, 90, 90, *[0] * 7]
    made = samples("T" * 12, delays_ms={2: 60, 4: 95, 6: 70})
    inside = Delays.of(made).longest_inside(made) / MS
    assert inside.tolist() == [95, 95, 95, 95, 70, 70, *[0] * 6]


def test_a_part_of_a_delay_counts_as_a_part() -> None:
    made = samples("L" * 6, delays_ms={4: 80})
    assert (Delays.of(made).longest_inside(made) / MS).tolist() == [0, 0, 80, 80, 0, 0]
    assert (Delays.of(made).longest_inside(samples("+" * 3, latency_ms=240)) / MS).tolist() == [0, 0, 40]
    twice = Delays.of(samples("++++", delays_ms={2: 20, 3: 90}))
    assert (twice.longest_inside(samples("+" * 3, latency_ms=230)) / MS).tolist() == [20, 30, 90]


def test_without_delays_nothing_was_held_up() -> None:
    made = samples("+" * 3)
    assert Delays.of(made).longest_inside(made).tolist() == [0, 0, 0]
    assert np.array_equal(Delays.of(samples("")).longest_inside(samples("")), np.empty(0))
