"""The bounds of an outage: what lies within them, and what they rest on."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from gameday.measure import bounds
from gameday.measure.bounds import Edges, Limits, answers_after, ended
from gameday.measure.outage import Criteria, Outage, find_outages
from gameday.measure.sli import COLUMNS, Goodness, Judged, judge
from tests.measure.histories import MS, S, at, judged, only, outages, samples

LONG = "-" * 60  # so long that no good answer can be in it


def hidden(marks: str, around: int = 400, **more: Any) -> tuple[int, int]:
    """How many good samples at each end may belong to an outage."""
    outage = only(outages("+" * around + marks + "+" * around, sustain_s=around / 10 - 0.1, **more))
    assert outage.ended is not None
    before = around - round((outage.began.low_ns - at(0)) / (100 * MS)) - 1
    after = round((outage.ended.high_ns - 2 * MS - at(0)) / (100 * MS)) - around - len(marks)
    return before, after


def test_a_refused_service_is_bounded_by_its_neighbours() -> None:
    outage = only(outages("+" * 20 + LONG + "+" * 40))
    assert outage.ended is not None
    assert (outage.began.low_ns, outage.began.high_ns) == (at(1.9), at(2.002))
    assert (outage.ended.low_ns, outage.ended.high_ns) == (at(7.9), at(8.002))


def test_the_bounds_are_those_of_the_sends_and_completions() -> None:
    made = samples("+" * 20 + LONG + "+" * 40, delays_ms={19: 30, 20: 40, 79: 20, 80: 10})
    outage = only(find_outages(judge(made), Criteria(Fraction(1), S, 2 * S, 2 * MS, 100 * MS)))
    assert outage.ended is not None
    assert (outage.began.low_ns, outage.began.high_ns) == (at(1.93), at(2.042))
    assert (outage.ended.low_ns, outage.ended.high_ns) == (at(7.92), at(8.012))


@pytest.mark.parametrize(
    ("marks", "count"),
    [("-" * 30, 1), ("-" * 10, 2), ("-" * 5, 4), ("-" * 3, 10), ("-+-+-+-++-", 23), ("-", 30)],
)
def test_so_many_good_samples_may_hide_at_each_end(marks: str, count: int) -> None:
    assert hidden(marks) == (count, count)


def test_half_of_a_hundred_hides_ten() -> None:
    assert hidden("-+" * 49 + "--") == (10, 10)


def test_what_hides_is_bounded_by_the_samples_there_are() -> None:
    outage = only(outages("++" + "-" + "+" * 25))
    assert outage.began.low_ns == at(0)
    assert outage.ended is not None and outage.ended.high_ns == at(2.302)  # the end of the sustain period


def test_what_hides_does_not_reach_into_the_outage_before() -> None:
    _, second = outages("+" * 5 + LONG + "+" * 25 + "-" + "+" * 60)
    assert second.began.low_ns == at(6.5)


@pytest.mark.parametrize(("before", "low_s"), [(1, 0), (2, 0), (3, 0.1)])
def test_what_hides_reaches_to_the_first_sample_where_there_are_no_more(before: int, low_s: float) -> None:
    outage = only(outages("+" * before + "-" * 30 + "+" * 40))  # so many hide one
    assert outage.began.low_ns == at(low_s)


NOISY = {"objective": "9/10", "window_s": 5, "steady_bad": 5, "steady_total": 500}


@pytest.mark.parametrize("step", [1, 2, 7, 1024])
def test_what_hides_is_the_same_in_whatever_pieces_it_is_looked_for(
    step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "STEP", step)
    made = judged("+" * 382 + "-+++++" * 3 + "-+" * 5 + "-")
    edges = Edges(floor=0, first=400, last=410, surely_first=400, surely_last=410, sustained=411)
    assert bounds._first_outside(made, edges, np.arange(399, 0, -1), Fraction(11, 1002)) == 323


def test_each_sample_counts_for_what_the_outage_explains_it_better_than_the_steady_state() -> None:
    good = np.array([True, False, False, True])
    shares = [(1 / 4) / 0.9, (3 / 5) / 0.1, (4 / 6) / 0.1, (2 / 7) / 0.9]
    assert bounds._log_ratios(good, own=3, other=1, error=0.1) == pytest.approx(np.log(shares))


@pytest.mark.parametrize(("marks", "place"), [("-" * 30 + "++++", 31), ("-" * 30 + "+-++", None)])
def test_without_errors_in_the_steady_state_another_bad_sample_ends_what_hides(
    marks: str, place: int | None
) -> None:
    edges = Edges(floor=0, first=0, last=29, surely_first=0, surely_last=29, sustained=34)
    with np.errstate(divide="raise"):
        found = bounds._first_outside(judged(marks), edges, np.arange(30, 34), Fraction(0))
    assert found == place


def test_errors_of_the_steady_state_beside_an_outage_do_not_end_what_hides() -> None:
    assert hidden("-" * 30, **NOISY)[0] >= 1
    clean = hidden("-+" * 30 + "-", **NOISY)
    noisy = only(outages("+" * 392 + "-+++++++" + "-+" * 30 + "-" + "+" * 400, sustain_s=39.9, **NOISY))
    reach = 400 - round((noisy.began.low_ns - at(0)) / (100 * MS)) - 1
    assert noisy.impact_ns == at(40) and reach > clean[0]


def test_a_timeout_began_within_l_of_its_send() -> None:
    outage = only(outages("+" * 20 + "T" * 60 + "+" * 60))
    assert outage.began.high_ns == at(2.002)
    failure = only(outages("+" * 20 + "-" + "T" * 59 + "+" * 60))
    assert failure.began.high_ns == at(2.002)


def test_a_failure_that_was_known_sooner_than_l_began_by_then() -> None:
    made = judged("+" * 20 + "T" * 60 + "+" * 60)
    slow = Criteria(Fraction(1), S, 2 * S, 5000 * MS, 100 * MS)
    assert only(find_outages(made, slow)).began.high_ns == at(3)  # the timeout itself


def frozen() -> Judged:
    """A service that is frozen from 2 to 8.05 s; probes wait a second, and what waits then is answered."""
    made = judged("+" * 20 + "T" * 51 + "+" * 60)
    done = made.done_ns.copy()
    done[71:81] = at(8.05) + MS
    return replace(made, done_ns=done)


def found(made: Judged, period_ns: int | None = 100 * MS) -> Outage:
    return only(find_outages(made, Criteria(Fraction(1), S, 2 * S, 2 * MS, period_ns)))


def test_a_frozen_service_came_back_a_period_and_l_before_its_first_answer_at_the_earliest() -> None:
    outage = found(frozen())
    assert outage.ended is not None
    assert outage.recovered_ns == at(8.05) + MS
    assert outage.ended.low_ns == at(8) - 102 * MS  # the last timeout is known at 8 s
    assert outage.ended.low_ns <= at(8.05) <= outage.ended.high_ns


def test_l_is_what_was_slower_close_by() -> None:
    def low_s(made: Judged) -> float:
        ended = found(made).ended
        assert ended is not None
        return (ended.low_ns - at(0)) / S

    def slower(index: int, ms: float) -> Judged:
        made = frozen()
        done = made.done_ns.copy()
        done[index] += round(ms * MS)
        return replace(made, done_ns=done)

    def later(index: int, ms: float) -> Judged:
        made = frozen()
        sent = made.sent_ns.copy()
        sent[index] += round(ms * MS)
        return replace(made, sent_ns=sent, sends=None)

    usual = low_s(frozen())
    assert usual == pytest.approx(7.898)
    assert low_s(slower(19, 40)) == pytest.approx(usual - 0.040)  # just before
    assert low_s(slower(85, 50)) == pytest.approx(usual - 0.050)  # just after
    assert low_s(slower(102, 50)) == pytest.approx(usual)  # more than two seconds after
    assert low_s(later(21, 30)) == pytest.approx(usual - 0.028)  # sent late at the begin
    assert low_s(later(75, 35)) == pytest.approx(usual - 0.033)  # sent late at the end
    assert low_s(later(45, 80)) == pytest.approx(usual)  # sent late in the middle


def test_a_prober_that_was_held_up_when_the_service_came_back_is_told_by_all_of_its_sends() -> None:
    # frozen from 2 to 4 s; the prober stands still from 3.92 to 4.5 s, and what it sends then is not known
    made = samples("+" * 20 + "T" * 10 + "+" * 60)
    sent, done = made.sent_ns.copy(), made.done_ns.copy()
    done[30:40] = at(4) + MS
    sent[40:45] = at(4.5)
    done[40:45] = at(4.5) + MS
    done[(done > at(3.92)) & (done < at(4.5))] = at(4.5)
    held = judge(replace(made, sent_ns=sent, done_ns=done), Goodness(within_ns=250 * MS, is_probed=True))
    outage = found(held)
    assert outage.ended is not None
    assert outage.ended.low_ns <= at(4) <= outage.ended.high_ns


def without(made: Judged, begin: int, end: int) -> Judged:
    """The samples but for those from `begin` to before `end`."""
    kept = np.ones(len(made), dtype=bool)
    kept[begin:end] = False
    return replace(made, **{name: getattr(made, name)[kept] for name in COLUMNS})


def test_a_closed_loop_has_its_widest_gap_for_a_period() -> None:
    ended = found(without(frozen(), 40, 43), period_ns=None).ended
    assert ended is not None and ended.low_ns == at(8) - 402 * MS


@pytest.mark.parametrize(
    ("gone", "last_timeout_s", "gap_ms"),
    [((21, 24), 8, 400), ((69, 71), 7.8, 300), ((17, 20), 8, 100), ((72, 75), 8, 100)],
)
def test_the_widest_gap_is_looked_for_from_the_first_bad_sample_to_the_first_good_one(
    gone: tuple[int, int], last_timeout_s: float, gap_ms: int
) -> None:
    closed, asked = (found(without(frozen(), *gone), period_ns).ended for period_ns in (None, 100 * MS))
    assert closed is not None and closed.low_ns == at(last_timeout_s) - (gap_ms + 2) * MS
    assert asked is not None and asked.low_ns == at(last_timeout_s) - 102 * MS  # a prober has its period


def test_late_answers_say_when_a_frozen_service_came_back_too() -> None:
    # answers over the limit of 250 ms: those sent from 7.0 to 7.7 s came late, all at 8.0 s
    made = judge(samples("+" * 20 + "T" * 50 + "L" * 8 + "+" * 60), Goodness(within_ns=250 * MS))
    done = made.done_ns.copy()
    done[70:78] = at(8)
    done[78:80] = at(8) + MS
    ended = found(replace(made, done_ns=done)).ended
    assert ended is not None
    assert ended.low_ns == at(8) - 102 * MS


@pytest.mark.parametrize(
    ("marks", "done_s", "answered_s"),
    [
        ("TTL", (3, 3.5, 4), 4),  # after the last timeout
        ("LTTL", (3, 3.5, 4, 4.5), 4.5),  # not before it
        ("TLLL", (4, 4, 6, 5), 5),  # nor with it; the first of several
        ("LLL", (4, 3, 5), 3),  # no timeout
        ("LTT", (3, 3.5, 4), 4),  # no answer after the last one, which then says it
    ],
)
def test_a_service_that_hung_answered_with_the_first_late_answer_after_the_last_timeout(
    marks: str, done_s: tuple[float, ...], answered_s: float
) -> None:
    made = judge(samples("-" + marks + "L"), Goodness(within_ns=250 * MS))
    made = replace(made, done_ns=np.array([at(second) for second in (2, *done_s, 2)]))
    assert bounds._answered_late_ns(made, np.arange(1, 1 + len(marks))) == at(answered_s)


def test_a_good_answer_that_was_sooner_than_the_late_ones_says_when_a_service_that_hung_was_back() -> None:
    made = judge(samples("+" * 20 + "T" * 50 + "L" + "+" * 60))
    made = replace(made, good=made.good & (np.arange(131) != 70), late=made.late | (np.arange(131) == 70))
    done = made.done_ns.copy()
    done[70:82] = at(8.5), at(8.2), *[at(8.3)] * 10
    ended = found(replace(made, done_ns=done)).ended
    assert ended is not None and ended.low_ns == at(8.2) - 102 * MS


def test_an_outage_ended_after_its_last_sure_failure_whatever_failed_after_that() -> None:
    made = judged("+" * 20 + LONG + "+" * 40)
    edges = Edges(floor=0, first=20, last=79, surely_first=20, surely_last=60, sustained=110)
    assert ended(made, edges, 80, Limits(2 * MS, 100 * MS, Fraction(0))).low_ns == at(6)


def test_answers_to_what_was_due_when_the_first_one_came_count_even_after_the_sustain_period() -> None:
    made = judged("+++", latency_ms=100)
    assert answers_after(made, 0, 1).tolist() == [at(0.1), at(0.2)]


def test_the_first_good_answer_counts_in_whatever_order_they_came() -> None:
    made = judged("+" * 20 + LONG + "+" * 40)
    done = made.done_ns.copy()
    done[80] = at(8.25)  # the first good sample is answered after the next two
    assert found(replace(made, done_ns=done)).recovered_ns == at(8.102)


def test_the_uncertainty_of_a_remote_clock_widens_both_bounds() -> None:
    made = replace(judged("+" * 20 + LONG + "+" * 40), uncertainty_ns=7 * MS)
    outage = only(find_outages(made, Criteria(Fraction(1), S, 2 * S, 2 * MS, 100 * MS)))
    assert outage.ended is not None
    assert (outage.began.low_ns, outage.began.high_ns) == (at(1.893), at(2.009))
    assert (outage.ended.low_ns, outage.ended.high_ns) == (at(7.893), at(8.009))


def outside(share: float, probes: int, count: int) -> float:
    """How often a partial outage lies outside its bounds, by simulation."""
    chance = random.Random(7)
    missed = seen = 0
    for _ in range(count):
        inside = "".join("-" if chance.random() < share else "+" for _ in range(probes))
        if "-" not in inside:
            continue
        seen += 1
        found = outages("+" * 60 + inside + "+" * 60, sustain_s=5.5)
        missed += not _holds(found, at(6), at(6 + probes / 10))
    return missed / seen


def _holds(found: list[Outage], began_ns: int, ended_ns: int) -> bool:
    """Whether one outage holds both moments, each known to a period."""
    outage = found[0]
    return (
        len(found) == 1
        and outage.ended is not None
        and outage.began.low_ns <= began_ns
        and outage.ended.high_ns >= ended_ns - 100 * MS
    )


@pytest.mark.parametrize(("share", "probes"), [(0.5, 6), (0.8, 5), (0.2, 16), (0.5, 20)])
def test_a_partial_outage_lies_in_its_bounds(share: float, probes: int) -> None:
    assert outside(share, probes, 600) <= 0.01
