"""The figures of a run from literal marks: shares, the incident over several SLIs, RTO from each start."""

from __future__ import annotations

from fractions import Fraction

import pytest

from gameday.measure.figures import criteria, watched_span
from gameday.measure.outage import Criteria
from gameday.measure.plan import Plan
from gameday.measure.rto import responses
from tests.measure.histories import MS, Run, S, at, failover, fault, judged, ledger, out, run, sli, step

TWO = (sli("a"), sli("b"))
LOAD = (sli(), sli("load", source="load", period=None))


def two(a: str, b: str) -> Run:
    return Run(slis=TWO, marks={"a": a, "b": b})


def test_the_shares_before_during_and_after_are_exact() -> None:
    figures = run((6.1, 7.1), (28, 28.1)).figures.slis[0]
    assert figures.before == 1
    assert figures.during == Fraction(2, 12)  # from the fault at 6.0 until the answer at 7.102
    assert figures.after == Fraction(49, 50)


def test_the_incident_lasts_over_all_slis() -> None:
    drill = two(out((6.1, 7)), out((6.5, 8)))
    rto = drill.figures.rto
    assert (rto.impact_ns, rto.recovered_ns) == (at(6.1), at(8.002))
    assert [each.during for each in drill.figures.slis] == [Fraction(12, 21), Fraction(6, 21)]


def test_during_spans_the_incident_and_not_its_first_blip() -> None:
    drill = run((6.1, 6.2), (12, 13))
    assert drill.figures.rto.recovered_ns == at(13.002)
    assert drill.figures.slis[0].during == Fraction(71 - 11, 71)


def test_without_an_impact_during_lasts_until_nobody_waited() -> None:
    assert run().figures.slis[0].during == 1
    assert run(steps=(), objectives={}).figures.slis[0].during is None


def test_an_outage_that_spans_the_fault_is_during_from_its_begin() -> None:
    drill = run((5.5, 8), steps=(fault(6.5),))
    assert drill.figures.slis[0].during == Fraction(1, 26)


def test_the_bounds_over_several_slis_are_the_outermost() -> None:
    drill = two(out((6.1, 7)), out((6.5, 8)))
    rto = drill.figures.rto
    first, second = (each.outages[0] for each in drill.figures.slis)
    assert rto.began is not None and rto.ended is not None
    assert rto.began == first.began
    assert rto.ended == second.ended
    interval = rto.starts["impact"]
    assert second.ended is not None
    assert interval.low_ns == second.ended.low_ns - first.began.high_ns
    assert interval.high_ns == second.ended.high_ns - first.began.low_ns


def test_each_start_has_its_own_interval() -> None:
    rto = run((6.1, 7)).figures.rto
    assert sorted(rto.starts) == ["impact", "inject"]
    assert rto.starts["impact"].length_ns == pytest.approx(0.902e9)
    assert rto.starts["inject"].length_ns == pytest.approx(1.002e9)
    assert rto.ended is not None
    assert rto.starts["inject"].high_ns == rto.ended.high_ns - at(6)
    assert rto.starts["inject"].low_ns == rto.ended.low_ns - at(6)


def declared(at_ns: int | None) -> Run:
    drill = run((6.1, 7), objectives={"rto": 3.0, "rto_from": "declare"})
    return drill.but(facts={"moments": {**drill.history.moments, "declare": at_ns}})


def test_an_rto_may_count_from_the_declaration() -> None:
    drill = declared(at(6.5))
    interval, rto = drill.figures.rto.starts["declare"], drill.figures.rto
    assert rto.recovered_ns == at(7.002) and rto.ended is not None
    assert interval.length_ns == at(7.002) - at(6.5)
    assert (interval.low_ns, interval.high_ns) == (rto.ended.low_ns - at(6.5), rto.ended.high_ns - at(6.5))
    assert drill.verdict.word == "passed"


def test_what_is_declared_before_the_impact_counts_from_then() -> None:
    assert declared(at(5)).figures.rto.starts["declare"].length_ns == at(7.002) - at(5)
    assert declared(at(3)).verdict.word == "failed"  # 4 s, objective 3 s


def test_what_is_declared_once_service_is_back_starts_no_clock() -> None:
    just_before, just_then = declared(at(7.002) - MS), declared(at(7.002))
    assert just_before.figures.rto.starts["declare"].length_ns == MS
    assert just_before.verdict.word == "passed"
    assert "declare" not in just_then.figures.rto.starts
    assert just_then.verdict.word == "inconclusive"
    assert just_then.verdict.reasons == (
        "the RTO counts from 'declare', which came only after service was back",
    )


def test_a_response_counts_from_the_impact_within_its_bounds() -> None:
    drill = run((6.1, 7))
    told = {"detect": at(6.3), "acknowledge": at(6.1), "declare": at(6.1) - 1, "mitigate": None}
    drill = drill.but(facts={"moments": {**drill.history.moments, **told}})
    found, began = responses(drill.figures.rto, drill.history), drill.figures.rto.began
    assert began is not None and sorted(found) == ["acknowledge", "detect"]
    assert found["detect"].length_ns == at(6.3) - at(6.1)
    assert (found["detect"].low_ns, found["detect"].high_ns) == (
        at(6.3) - began.high_ns,
        at(6.3) - began.low_ns,
    )
    assert found["acknowledge"].low_ns == 0


def test_without_an_impact_there_is_no_response() -> None:
    drill = run(facts={"moments": {**run().history.moments, "detect": at(7)}})
    assert responses(drill.figures.rto, drill.history) == {}


def test_the_figure_lies_within_its_interval() -> None:
    for interval in run((6.1, 7)).figures.rto.starts.values():
        assert interval.low_ns <= interval.length_ns <= interval.high_ns


def test_one_sli_that_does_not_come_back_is_enough() -> None:
    rto = two(out((6.1, 7)), out((6.5, 32))).figures.rto
    assert (rto.impact_seen, rto.recovered, rto.recovered_ns) == (True, False, None)
    assert rto.starts == {} and rto.ended is None and rto.began is not None


def test_a_recovery_at_the_deadline_counts() -> None:
    exactly = run((6.1, 14.998 - 0.098), objectives={"rto": 20.0, "deadline": 8.902})
    assert exactly.figures.rto.recovered_ns == at(14.902)
    assert run((6.1, 14.9), objectives={"deadline": 8.901}).figures.rto.recovered is False


def test_an_outage_that_was_over_at_the_fault_does_not_count_and_one_that_lasts_to_it_does() -> None:
    over = run((2, 3), steps=(fault(3.003, phase="method"),))
    assert over.figures.rto.impact_seen is False
    lasts = run((2, 3), steps=(fault(3.002, phase="method"),))
    assert lasts.figures.rto.impact_ns == at(2)


def test_an_outage_counts_until_the_undo_begins() -> None:
    assert run((25.9, 25.95)).figures.rto.impact_seen is True
    assert run((26.0, 26.1)).figures.rto.impact_seen is False


def test_the_probe_is_the_clock_and_a_closed_loop_that_saw_no_more_is_told_by_it() -> None:
    drill = Run(slis=LOAD, marks={"health": out((6.1, 7)), "load": out((6.2, 7.3))})
    assert drill.figures.slis[1].outages
    assert drill.figures.rto.recovered_ns == at(7.002)


def test_a_closed_loop_that_was_surely_out_longer_counts() -> None:
    drill = Run(slis=LOAD, marks={"health": out((6.1, 7)), "load": out((6.2, 9.3))})
    assert drill.figures.rto.recovered_ns == at(9.302)


def test_a_closed_loop_that_was_surely_out_earlier_counts() -> None:
    drill = Run(slis=LOAD, marks={"health": out((9.1, 10)), "load": out((6.2, 10))})
    assert drill.figures.rto.impact_ns == at(6.2)


def test_a_closed_loop_counts_where_no_probe_saw_anything() -> None:
    drill = Run(slis=LOAD, marks={"health": out(), "load": out((6.2, 7))})
    assert drill.figures.rto.impact_ns == at(6.2)


def test_a_closed_loop_that_never_came_back_counts() -> None:
    drill = Run(slis=LOAD, marks={"health": out((6.1, 7)), "load": out((6.2, 32))})
    assert drill.figures.rto.recovered is False


def test_the_warm_up_does_not_count() -> None:
    drill = run((0, 1), phases={"warm-up": 0, "baseline": 2, "method": 5, "recovery": 15, "undo": 26})
    figures = drill.figures.slis[0]
    assert (figures.outages, figures.samples, figures.before) == ((), 300, 1)


def test_the_steady_state_is_the_baseline() -> None:
    assert run((4.9, 5)).figures.slis[0].before == Fraction(49, 50)
    assert run((5.0, 5.1)).figures.slis[0].before == 1
    drill = run((4.0, 4.1), slis=(sli(objective="90%", window=5.0),))
    assert drill.figures.slis[0].longest_good_ns == 2_000_000


def test_outages_are_found_by_what_the_plan_says_and_the_baseline_shows() -> None:
    asked, plan = sli(objective="90%", window=2.0), Plan(sustain=3.0)
    found = criteria(asked, plan, judged("++-+L---"), (at(0), at(0.5)))
    assert found == Criteria(Fraction(9, 10), 2 * S, 3 * S, 300 * MS, 100 * MS, steady_bad=1, steady_total=5)
    closed_loop = sli(source="load", period=None)
    assert criteria(closed_loop, plan, judged("+"), (at(0), at(1))).period_ns is None


def test_a_run_without_a_baseline_has_no_share_before() -> None:
    drill = run(phases={"method": 5, "recovery": 15, "verification": 25, "undo": 26})
    assert drill.figures.slis[0].before is None


def test_the_budget_is_spent_from_the_fault_to_the_end() -> None:
    budget = run((6.1, 7.1)).figures.slis[0].budget
    assert budget is not None
    assert budget.bad_minutes == pytest.approx(1 / 60, rel=1e-6)


def test_rpo_counts_from_the_oldest_lost_write_to_the_impact() -> None:
    writes = ledger(*[("a", "p")] * 40, ("a", "a"), *[("a", "p")] * 200)
    assert run((6.1, 7), writes=writes).figures.rpo_s == pytest.approx(6.1 - 4.002)
    assert run(writes=writes).figures.rpo_s == 0


def test_a_write_lost_after_the_takeover_is_split_brain() -> None:
    writes = ledger(*[("a", "p")] * 95, ("a", "a"))
    loss = run(steps=(fault(), failover(8, 9)), writes=writes).figures.loss
    assert loss is not None and loss.split_brain == 1
    loss = run(steps=(fault(), failover(8, 9.6)), writes=writes).figures.loss
    assert loss is not None and loss.split_brain == 0


def test_recorders_are_listed_with_their_longest_silence() -> None:
    drill = Run(marks={"health": out((10, 10.4), mark=".")}, writes=ledger(("a", "p")))
    found = {each.name: each for each in drill.figures.recorders}
    assert list(found) == ["health", "ledger"]
    assert found["health"].silence.longest_gap_ns == 500_000_000
    assert (found["health"].samples, found["health"].period_ns) == (316, 100_000_000)
    assert found["ledger"].period_ns == 100_000_000


def test_in_a_run_that_came_to_no_baseline_nothing_is_watched() -> None:
    assert watched_span(run(phases={"warm-up": 0, "undo": 5}).history) == (0, 0)


def test_a_run_without_slis_has_no_rto() -> None:
    figures = Run(slis=(), objectives={}).figures
    assert figures.rto.starts == {} and figures.slis == ()


def test_a_step_that_is_played_before_the_method_moves_no_moment() -> None:
    early = step("look", 1, phase="baseline")
    assert run((6.1, 7), steps=(early, fault())).history.moments["inject"] == at(6)
