"""Outages from literal samples: the figure, and the bounds that hold the truth."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.measure.outage import Criteria, Outage, find_outages
from gameday.measure.sli import Judged

MS = 1_000_000
S = 1_000 * MS


def judged(marks: str, *, period_ms: int = 10, latency_ms: int = 2, timeout_ms: int = 100) -> Judged:
    """Samples from marks: `+` good, `-` failed at once, `T` timed out."""
    count = len(marks)
    scheduled = np.arange(count, dtype=np.int64) * period_ms * MS + S
    latency = np.array([timeout_ms if mark == "T" else latency_ms for mark in marks], dtype=np.int64) * MS
    late = np.array([mark == "T" for mark in marks], dtype=bool)
    return Judged(
        scheduled,
        scheduled.copy(),
        scheduled + latency,
        np.array([m == "+" for m in marks], dtype=bool),
        late,
        late,
    )


def rules(
    objective: str = "1", *, sustain_ms: int = 200, window_ms: int = 100, period_ms: int = 10
) -> Criteria:
    return Criteria(Fraction(objective), window_ms * MS, sustain_ms * MS, 2 * MS, period_ms * MS)


def only(outages: list[Outage]) -> Outage:
    assert len(outages) == 1
    return outages[0]


def test_a_refused_service_is_out_from_the_first_bad_send_to_the_first_good_answer():
    outage = only(find_outages(judged("+" * 20 + "-" * 10 + "+" * 40), rules()))
    assert outage.seconds == pytest.approx(0.102)
    assert (outage.low_s, outage.high_s) == (pytest.approx(0.088), pytest.approx(0.152))


def test_no_bad_sample_is_no_outage():
    assert find_outages(judged("+" * 50), rules()) == []


def test_an_empty_series_has_no_outage():
    assert find_outages(judged(""), rules()) == []


def test_a_tolerated_share_of_bad_samples_is_no_outage():
    assert find_outages(judged(("+" * 9 + "-") * 10), rules("9/10", window_ms=1000)) == []


def test_a_relapse_restarts_the_recovery():
    outage = only(find_outages(judged("+" * 20 + "-" * 5 + "+" * 10 + "-" * 5 + "+" * 40), rules()))
    assert outage.seconds == pytest.approx(0.202)


def test_a_second_outage_after_a_sustained_recovery_is_another_one():
    outages = find_outages(judged("+" * 20 + "-" * 5 + "+" * 30 + "-" * 5 + "+" * 40), rules())
    assert [outage.seconds for outage in outages] == [pytest.approx(0.052), pytest.approx(0.052)]


def test_a_recovery_that_is_not_seen_to_hold_is_not_one():
    outage = only(find_outages(judged("+" * 20 + "-" * 5 + "+" * 10), rules()))
    assert outage.recovered_ns is None
    assert outage.seconds is None and outage.low_s is None and outage.high_s is None


@pytest.mark.parametrize(("after", "is_back"), [(19, False), (20, True)])
def test_a_recovery_is_seen_whole_when_only_a_period_of_the_sustain_is_not(after, is_back):
    # service is back at 250 ms; it has to be seen until 440 ms, which is the twentieth good sample
    outage = only(find_outages(judged("+" * 20 + "-" * 5 + "+" * after), rules()))
    assert (outage.recovered_ns is not None) == is_back


@pytest.mark.parametrize("early_ns", [0, 1])
def test_a_closed_loop_has_to_be_seen_for_the_whole_sustain_period(early_ns):
    samples = judged("+" * 20 + "-" * 5 + "+" * 21)
    samples.scheduled_ns[-1] -= early_ns
    outage = only(find_outages(samples, replace(rules(), period_ns=None)))
    assert (outage.recovered_ns is None) == bool(early_ns)


@pytest.mark.parametrize(("good", "count"), [(20, 1), (21, 2)])
def test_a_window_that_misses_at_the_end_of_the_sustain_period_is_a_relapse_and_after_it_is_not(good, count):
    # service is back at 250 ms: a sample at 450 ms is the last of its sustain period
    found = find_outages(judged("+" * 20 + "-" * 5 + "+" * good + "-" + "+" * 40), rules())
    assert len(found) == count


def test_a_single_bad_sample_may_have_been_no_time_out_at_all():
    assert only(find_outages(judged("+" * 40 + "-" + "+" * 60), rules())).low_s == 0


def test_an_outage_surely_began_before_a_moment_that_its_latest_begin_comes_before():
    outage = only(find_outages(judged("+" * 20 + "-" * 10 + "+" * 40), rules()))
    assert not outage.surely_began_before(outage.began.high_ns)
    assert outage.surely_began_before(outage.began.high_ns + 1)


def test_the_first_good_sample_is_found_however_far_it_is():
    outage = only(find_outages(judged("+" * 20 + "-" * 3000 + "+" * 40), rules()))
    assert outage.recovered_ns == S + 30202 * MS


def test_a_frozen_service_ends_when_its_last_waiting_request_gave_up_not_when_it_was_sent():
    # frozen for 300 ms; requests time out after 100 ms, the last 10 are answered when it thaws
    marks = "+" * 20 + "T" * 20 + "+" * 40
    samples = judged(marks)
    thaw_ns = S + 500 * MS
    done = samples.done_ns.copy()
    done[40:50] = thaw_ns + MS
    outage = only(find_outages(Judged(*_columns(samples, done)), rules()))
    assert outage.ended is not None
    assert outage.ended.low_ns <= thaw_ns <= outage.ended.high_ns
    assert outage.ended.high_ns - outage.ended.low_ns <= 25 * MS  # two periods and the longest good latency


def test_a_prober_that_was_held_up_when_the_service_came_back_has_wider_bounds():
    # frozen for 300 ms as above; the prober does not run from 30 ms before the thaw until 60 ms after it
    samples = judged("+" * 20 + "T" * 20 + "+" * 40)
    thaw_ns = S + 500 * MS
    stopped_ns, ran_ns = thaw_ns - 30 * MS, thaw_ns + 60 * MS
    sent, done = samples.sent_ns.copy(), samples.done_ns.copy()
    done[40:50] = thaw_ns
    sent[(sent >= stopped_ns) & (sent < ran_ns)] = ran_ns
    done[(done >= stopped_ns) & (done < ran_ns)] = ran_ns + MS
    held_up = Judged(samples.scheduled_ns, sent, done, samples.good, samples.late, samples.timed_out)
    ended = only(find_outages(held_up, rules())).ended
    assert ended is not None
    assert ended.low_ns <= thaw_ns <= ended.high_ns


def test_a_partial_outage_has_wider_bounds_since_its_ends_can_hide():
    whole = only(find_outages(judged("+" * 90 + "-" * 40 + "+" * 90), rules()))
    half = only(find_outages(judged("+" * 90 + "-+" * 20 + "+" * 90), rules()))
    assert whole.high_s is not None and half.high_s is not None
    assert half.high_s > whole.high_s + 0.05


def _columns(samples: Judged, done):
    return samples.scheduled_ns, samples.sent_ns, done, samples.good, samples.late, samples.timed_out


@st.composite
def histories(draw):
    parts = draw(st.lists(st.tuples(st.sampled_from("+-T"), st.integers(1, 60)), min_size=1, max_size=12))
    return "".join(mark * length for mark, length in parts)


@given(histories(), st.sampled_from(["1", "99/100", "9/10", "1/2"]), st.integers(1, 50), st.integers(0, 50))
@settings(max_examples=300, deadline=None)
def test_a_longer_sustain_never_gives_a_shorter_outage(marks, objective, sustain, more):
    short = find_outages(judged(marks), rules(objective, sustain_ms=10 * sustain))
    long = find_outages(judged(marks), rules(objective, sustain_ms=10 * (sustain + more)))
    assert bool(short) == bool(long)
    if short and long[0].recovered_ns is not None:
        assert short[0].recovered_ns is not None
        assert long[0].recovered_ns >= short[0].recovered_ns


@given(histories(), st.sampled_from(["1", "99/100", "9/10", "1/2"]))
@settings(max_examples=300, deadline=None)
def test_the_figure_lies_within_its_bounds(marks, objective):
    for outage in find_outages(judged(marks), rules(objective)):
        assert outage.began.low_ns <= outage.began.high_ns
        if outage.ended is not None:
            assert outage.ended.low_ns <= outage.ended.high_ns
            assert outage.low_s <= outage.seconds <= outage.high_s


@given(histories())
@settings(max_examples=300, deadline=None)
def test_every_bad_sample_lies_in_an_outage_when_the_objective_is_all(marks):
    samples = judged(marks)
    outages = find_outages(samples, rules("1"))
    for at_ns in samples.scheduled_ns[~samples.good]:
        assert any(
            outage.impact_ns <= at_ns and (outage.recovered_ns is None or at_ns < outage.recovered_ns)
            for outage in outages
        )
