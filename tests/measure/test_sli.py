"""What is good, what is bad, and what says nothing of the service."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from gameday.measure.samples import Samples
from gameday.measure.sli import Goodness, Judged, judge, shares_over_time
from tests.measure.histories import MS, ZERO_NS, S, at, judged, samples

PROBED = Goodness(within_ns=250 * MS, is_probed=True)


def marks(of: Judged, period_s: float = 0.1) -> dict[int, str]:
    """By index: + good, - bad at once, l late, T timed out; what is left out is not there."""
    kinds = zip(of.scheduled_ns, of.good, of.late, of.timed_out, strict=True)
    return {
        round((int(t) - ZERO_NS) / (period_s * S)): "+" if good else "T" if out else "l" if late else "-"
        for t, good, late, out in kinds
    }


def test_what_was_right_is_good_however_long_it_took() -> None:
    assert marks(judge(samples("+L-T"))) == {0: "+", 1: "+", 2: "-", 3: "T"}


def test_an_answer_over_the_limit_is_late() -> None:
    assert marks(judge(samples("+L-T"), Goodness(within_ns=250 * MS))) == {0: "+", 1: "l", 2: "-", 3: "T"}


def test_an_answer_that_takes_just_as_long_as_allowed_is_good() -> None:
    assert marks(judge(samples("L"), Goodness(within_ns=300 * MS))) == {0: "+"}
    assert marks(judge(samples("L"), Goodness(within_ns=300 * MS - 1))) == {0: "l"}


def test_a_failure_that_took_long_is_not_late() -> None:
    slow = replace(samples("-"), done_ns=np.array([ZERO_NS + 900 * MS]))
    assert marks(judge(slow, PROBED)) == {0: "-"}


def test_only_the_series_that_is_asked_for_counts() -> None:
    both = replace(samples("+-+"), series=np.array([1, 2, 1], dtype=np.uint32), names=("", "GET /", "POST /"))
    assert marks(judge(both, Goodness(match="POST /"))) == {1: "-"}


def test_what_was_not_sent_says_nothing() -> None:
    assert marks(judge(samples("+SS-"))) == {0: "+", 3: "-"}


def test_an_answer_that_was_late_only_because_it_was_sent_late_says_nothing() -> None:
    sent_late = samples("+" * 4, latency_ms=200, delays_ms={1: 50, 2: 51})
    assert marks(judge(sent_late, Goodness(within_ns=250 * MS))) == {0: "+", 1: "+", 3: "+"}
    by_just_its_delay = samples("++", latency_ms=250, delays_ms={1: 50})
    assert marks(judge(by_just_its_delay, Goodness(within_ns=250 * MS))) == {0: "+"}


def test_an_answer_that_is_late_without_its_delay_too_is_bad() -> None:
    sent_late = samples("++", latency_ms=251, delays_ms={1: 100})
    assert marks(judge(sent_late, Goodness(within_ns=250 * MS))) == {0: "l", 1: "l"}


def held_up(marks_of: str, first: int, until_s: float) -> Samples:
    """A prober that does not run from just after a sample was sent until a moment; then it catches up."""
    made = samples(marks_of)
    until_ns = at(until_s)
    sent, done = made.sent_ns.copy(), made.done_ns.copy()
    late = (made.scheduled_ns > made.scheduled_ns[first]) & (made.scheduled_ns < until_ns)
    sent[late] = until_ns
    done[late] = until_ns + 2 * MS
    done[first] = max(int(done[first]), until_ns + 1 * MS)
    return replace(made, sent_ns=sent, done_ns=done)


def test_an_answer_that_waited_for_a_prober_that_was_held_up_says_nothing() -> None:
    stalled = held_up("+" * 10, 3, 0.7)  # sample 3 was answered at once, and read 0.4 s later
    assert marks(judge(stalled, PROBED)) == dict.fromkeys((0, 1, 2, 5, 6, 7, 8, 9), "+")
    assert marks(judge(stalled, replace(PROBED, is_probed=False)))[3] == "l"


def test_a_timeout_of_a_prober_that_was_held_up_most_of_the_time_says_nothing() -> None:
    stalled = held_up("+++T++++++++", 3, 1.1)
    assert 3 not in marks(judge(stalled, Goodness(is_probed=True)))
    assert marks(judge(stalled, Goodness()))[3] == "T"


def test_a_timeout_of_a_prober_that_was_held_up_for_less_than_half_of_it_is_bad() -> None:
    stalled = held_up("+++T+++++++++++", 3, 0.7)
    assert marks(judge(stalled, Goodness(is_probed=True)))[3] == "T"


def test_a_timeout_of_a_prober_that_was_held_up_for_just_half_of_it_is_bad() -> None:
    for first_ms, is_known in ((500, True), (501, False)):  # under way for a second
        stalled = samples("T" + "+" * 12, delays_ms={2: first_ms, 3: 400, 4: 300, 5: 200, 6: 100})
        assert (0 in marks(judge(stalled, Goodness(is_probed=True)))) is is_known


def test_small_delays_are_every_process_lot() -> None:
    lagging = samples("T" * 20, delays_ms=dict.fromkeys(range(20), 9.9))
    assert set(marks(judge(lagging, Goodness(is_probed=True))).values()) == {"T"}


def test_the_share_is_exact() -> None:
    assert judged("+" * 999 + "-").share() == Fraction(999, 1000)
    assert judged("").share() is None


def test_between_takes_what_was_scheduled_from_the_start_to_before_the_end() -> None:
    part = judged("+++--+++").between(at(0.2), at(0.4))
    assert marks(part) == {2: "+", 3: "-"}


def test_the_longest_good_latency_counts_from_the_schedule_and_leaves_out_failures() -> None:
    assert judged("+L+T", delays_ms={1: 5}).longest_good_latency_ns() == 305 * MS
    assert judged("TT").longest_good_latency_ns() == 0


def test_the_longest_delay_is_of_any_sample() -> None:
    assert judged("+-+", delays_ms={1: 7}).longest_delay_ns() == 7 * MS
    assert judged("").longest_delay_ns() == 0


def test_the_uncertainty_of_a_remote_clock_is_kept() -> None:
    assert judge(replace(samples("++"), uncertainty_ns=5)).between(0, at(9)).uncertainty_ns == 5


@pytest.mark.filterwarnings("error")
def test_shares_over_time_are_those_of_the_trailing_window() -> None:
    found = shares_over_time(judged("++--"), 200 * MS, np.array([at(0.1), at(0.2), at(0.3), at(9)]))
    assert found[:3].tolist() == [1, 0.5, 0] and np.isnan(found[3])
