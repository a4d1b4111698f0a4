"""Verdicts, a sentence and a history each: a fault at 6 s, an RTO of 3 s, everything undone if not said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gameday.measure.verdict import UndoState, rpo_met, rto_met
from tests.measure.histories import Run, S, at, failover, fault, ledger, out, run, samples, sli, step

TWO = (sli("a"), sli("b"))


def word(of: Run) -> str:
    return of.verdict.word


def reasons(of: Run) -> str:
    return "\n".join(of.verdict.reasons)


def met(of: Run) -> bool | None:
    return rto_met(of.plan, of.history, of.figures)


# what passes


def test_a_short_outage_after_the_fault_passes() -> None:
    drill = run((6.1, 7.0))
    assert word(drill) == "passed", reasons(drill)
    assert met(drill) is True
    assert reasons(drill) == "RTO of at most 1.41 s, objective 3 s"


def test_no_impact_passes_when_the_fault_is_proved() -> None:
    drill = run()
    assert (word(drill), met(drill)) == ("passed", True)
    assert drill.verdict.reasons == ("no impact seen: every SLI held its objective",)


def test_without_objectives_a_steady_run_passes() -> None:
    drill = run(objectives={})
    assert drill.verdict.reasons == ("the steady state held and every activity succeeded",)
    assert met(drill) is None


# the RTO


def test_the_upper_bound_is_compared_with_the_objective_not_the_figure() -> None:
    outage = run((6.1, 8.0)).figures.rto.starts["impact"]
    between_s = (outage.length_ns + outage.high_ns) / 2e9
    assert outage.length_ns < between_s * 1e9 < outage.high_ns
    drill = run((6.1, 8.0), objectives={"rto": between_s})
    assert (word(drill), met(drill)) == ("failed", False)
    assert reasons(drill) == "RTO of up to 2.21 s is over the objective of 2.05 s"


def test_an_upper_bound_of_exactly_the_objective_is_met() -> None:
    high_ns = run((6.1, 8.0)).figures.rto.starts["impact"].high_ns
    assert met(run((6.1, 8.0), objectives={"rto": high_ns / 1e9})) is True
    assert met(run((6.1, 8.0), objectives={"rto": (high_ns - 1) / 1e9})) is False


def test_a_recovery_after_the_deadline_is_none() -> None:
    on_time, late = run((6.1, 14.9), objectives={"rto": 20.0}), run((6.1, 15.1), objectives={"rto": 20.0})
    assert (word(on_time), word(late)) == ("passed", "failed")
    assert met(late) is False and late.figures.rto.recovered_ns is None
    assert "did not come back within the deadline of 9 s" in reasons(late)


def test_a_recovery_that_only_the_undo_brings_is_none() -> None:
    drill = run((6.1, 26.3), objectives={"rto": 30.0, "deadline": 60.0})
    assert (word(drill), met(drill)) == ("failed", False)


def test_a_service_that_never_comes_back_fails_twice() -> None:
    drill = run((6.1, 32))
    assert word(drill) == "failed"
    assert "did not come back within the deadline" in reasons(drill)
    assert "'health' is at 0.00% after the undo" in reasons(drill)


def test_an_rto_from_a_moment_that_nobody_said_is_not_known() -> None:
    drill = run((6.1, 7.0), objectives={"rto": 3.0, "rto_from": "declare"})
    assert (word(drill), met(drill)) == ("inconclusive", None)
    assert "the RTO counts from 'declare', which nobody said" in reasons(drill)


def test_an_rto_may_count_from_the_fault() -> None:
    drill = run((7.5, 8.5), objectives={"rto": 2.0, "rto_from": "inject"})
    assert (word(drill), met(drill)) == ("failed", False)
    assert word(run((7.5, 8.5), objectives={"rto": 2.0})) == "passed"


def test_an_objective_is_not_tried_by_a_method_without_an_action() -> None:
    drill = run(steps=(step("look", 6, kind="probe"),), undos=())
    assert (word(drill), met(drill)) == ("inconclusive", None)
    untried = "the method has no action, so nothing was broken and the objectives were not tried"
    assert reasons(drill) == untried
    lost = run(steps=(), undos=(), objectives={"rpo": 1.0}, writes=ledger(("a", "p")))
    assert untried in lost.verdict.reasons


def test_an_outage_though_nothing_was_broken_fails() -> None:
    drill = run((7, 8), steps=(), undos=(), objectives={})
    assert word(drill) == "failed"
    assert "'health' missed its objective, though nothing was broken on purpose" in reasons(drill)
    assert word(run((26, 26.5), steps=(), undos=(), objectives={})) == "passed"  # the undo broke it


# outages that span the fault


def test_an_action_before_the_fault_that_takes_the_service_down_never_passes() -> None:
    steps = (step("stop it", 6), fault(8))
    drill = run((6.1, 10.3), steps=steps, objectives={"rto": 1.0})
    assert (word(drill), met(drill)) == ("failed", False)
    assert drill.figures.rto.starts["impact"].length_ns == pytest.approx(4.202e9)
    assert word(run((6.1, 10.3), steps=steps, objectives={"rto": 8.0})) == "failed"
    assert "'health' missed its objective before the fault" in reasons(drill)


def test_a_planned_switchover_is_measured() -> None:
    drill = run((8.1, 11.1), steps=(failover(8, 11),), objectives={"rto": 0.5}, undos=())
    assert (word(drill), met(drill)) == ("failed", False)
    assert word(run((8.1, 9.1), steps=(failover(8, 11),), undos=())) == "passed"


def test_an_outage_of_somebody_else_that_spans_the_fault_fails() -> None:
    assert word(run((5.5, 8), objectives={"rto": 20.0})) == "failed"
    assert word(run((5.5, 20), objectives={"rto": 5.0})) == "failed"


def test_an_outage_that_may_have_begun_before_the_fault_may_also_be_its_own() -> None:
    drill = run((6.0, 7.0), steps=(fault(6.001),))
    assert drill.figures.slis[0].outages[0].began.low_ns < at(6.001)
    assert word(drill) == "passed"


def test_an_outage_in_the_last_second_of_the_baseline_fails() -> None:
    drill = run((4.2, 4.8))
    assert (word(drill), met(drill)) == ("failed", True)
    assert drill.verdict.reasons == ("'health' missed its objective before the fault",)


def test_an_outage_that_was_over_before_the_fault_is_no_part_of_the_rto() -> None:
    drill = run((2.0, 3.0), (6.1, 7.0))
    assert drill.figures.rto.impact_ns == at(6.1)


def test_one_error_that_the_objective_bears_hides_no_outage() -> None:
    slis = (sli(objective="90%", window=5.0),)
    marks = out((4.0, 4.1), (6.1, 11.1))
    drill = Run(slis=slis, marks={"health": marks})
    assert (word(drill), met(drill)) == ("failed", False)
    assert drill.figures.rto.impact_ns == at(6.1)


# the steady state, the steps, the engine


def test_an_unsteady_run_failed() -> None:
    facts = {"unsteady": "'health' was at 50%", "status": None}
    drill = run(facts=facts, steps=(), undos=(), phases={"baseline": 0, "undo": 5}, objectives={"rto": 3.0})
    assert word(drill) == "failed"
    assert drill.verdict.reasons[0] == "'health' was at 50%"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"status": "failed", "error": "no such pod"}, "the action 'kill' failed: no such pod"),
        ({"status": "failed"}, "the action 'kill' failed: failed"),
        ({"exit_code": 2}, "the action 'kill' failed: exit code 2"),
        ({"kind": "probe", "status": "failed"}, "the probe 'kill' failed: failed"),
        ({"kind": "probe", "status": "failed", "error": "no answer"}, "the probe 'kill' failed: no answer"),
        ({"ended_ns": None, "status": "unfinished"}, "the action 'kill' failed: unfinished"),
    ],
)
def test_a_step_that_failed_fails_the_run(changed: dict[str, Any], said: str) -> None:
    drill = run(steps=(fault(**changed),))
    assert word(drill) == "failed"
    assert said in drill.verdict.reasons


def test_a_probe_with_an_exit_code_has_not_failed() -> None:
    assert word(run(steps=(fault(), step("look", 7, kind="probe", exit_code=1)))) == "passed"


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"engine_error": "boom"}, "the engine failed: boom"),
        (
            {"deviated": True},
            "the steady state deviated: Chaos Toolkit's hypothesis did not hold after the method",
        ),
        (
            {"status": "failed"},
            "the steady state was not met before the method (Chaos Toolkit status 'failed')",
        ),
        ({"status": "aborted"}, "the method was not played to its end (Chaos Toolkit status 'aborted')"),
        (
            {"status": "interrupted"},
            "the method was not played to its end (Chaos Toolkit status 'interrupted')",
        ),
    ],
)
def test_what_chaos_toolkit_calls_a_failure_is_one(facts: dict[str, Any], said: str) -> None:
    drill = run(facts=facts)
    assert (word(drill), drill.verdict.reasons) == ("failed", (said,))


def test_a_hypothesis_that_kept_the_method_from_being_played_fails() -> None:
    drill = run(steps=(), undos=(), objectives={}, phases={"baseline": 0, "undo": 5})
    assert (word(drill)) == "failed"
    assert "(Chaos Toolkit status 'completed')" in reasons(drill)


# undo and after


def test_an_undo_that_is_owed_fails() -> None:
    drill = run(undos=(UndoState("kill", "kill", "owed", False, "no such host"),))
    assert word(drill) == "failed"
    assert reasons(drill) == "the undo of 'kill' is owed: no such host"


def test_an_undo_that_was_not_read_back_fails() -> None:
    drill = run(undos=(UndoState("kill", "kill", "undone", False),))
    assert (word(drill), reasons(drill)) == ("failed", "the undo of 'kill' is undone")


def test_an_undo_of_the_experiment_needs_to_have_succeeded() -> None:
    assert word(run(undos=(UndoState("x", "x", "undone", False, is_declared=True),))) == "passed"
    assert word(run(undos=(UndoState("x", "x", "owed", False, is_declared=True),))) == "failed"


def test_a_service_that_is_worse_after_the_undo_fails() -> None:
    slis = (sli(objective="90%"),)
    marks = out((27, 27.5), (28.5, 28.8))  # 8 of 50
    drill = Run(slis=slis, marks={"health": marks})
    assert word(drill) == "failed"
    assert "'health' is at 84.00% after the undo, objective 90%" in reasons(drill)


def test_a_share_of_exactly_the_objective_holds_after_the_undo() -> None:
    slis = (sli(objective="90%", window=5.0),)
    marks = out((28, 28.5))  # 45 of 50: as floats 0.9 < 0.9 might be
    assert word(Run(slis=slis, marks={"health": marks})) == "passed"


def test_an_outage_that_had_no_end_when_the_run_ended_fails() -> None:
    slis = (sli(objective="50%", window=0.5),)
    drill = Run(slis=slis, marks={"health": out((31, 31.5))})
    assert word(drill) == "failed"
    assert "'health' did not hold its objective again before the run ended" in reasons(drill)


def test_a_brown_out_of_the_undo_is_no_failure() -> None:
    drill = run((26.2, 26.8))
    assert (word(drill), drill.figures.rto.impact_seen) == ("passed", False)


def test_an_outage_that_begins_in_the_verification_counts() -> None:
    drill = run((25.5, 25.9))
    assert drill.figures.rto.impact_seen is True


# faults that may not have landed


def test_a_fault_that_did_not_land_proves_nothing() -> None:
    drill = run((6.1, 7), steps=(fault(landed=False, proof="it lives"),))
    assert word(drill) == "inconclusive"
    assert "the fault 'kill' did not land: it lives" in reasons(drill)


def test_a_fault_without_proof_needs_an_outage_that_follows() -> None:
    unproved = (fault(landed=None, proof=None),)
    assert word(run((6.1, 7), steps=unproved)) == "passed"
    assert word(run(steps=unproved)) == "inconclusive"
    assert "not proved to have landed" in reasons(run(steps=unproved))
    assert word(run((26.0, 26.8), steps=unproved)) == "inconclusive"  # a brown-out of the undo is no proof


def test_an_earlier_outage_proves_no_later_fault() -> None:
    steps = (fault(), fault(12, "again", landed=None, proof=None))
    assert word(run((6.1, 7), steps=steps)) == "inconclusive"
    assert word(run((6.1, 7), (12.1, 12.5), steps=steps, objectives={"rto": 20.0})) == "passed"


def test_a_fault_that_failed_is_not_also_unproved() -> None:
    drill = run(steps=(fault(landed=None, status="failed"),))
    assert reasons(drill).count("kill") == 1


# what the recorders do not know


def test_a_recorder_that_ended_early_is_inconclusive() -> None:
    drill = run(facts={"lost_recorders": ("health",)})
    assert word(drill) == "inconclusive"
    assert drill.verdict.reasons == ("the recorder 'health' ended before the run did",)


def test_a_silence_of_more_than_ten_periods_is_inconclusive() -> None:
    assert word(Run(marks={"health": out((10, 10.9), mark=".")})) == "passed"
    drill = Run(marks={"health": out((10, 11.1), mark=".")})
    assert word(drill) == "inconclusive"
    assert drill.verdict.reasons == ("the recorder 'health' was silent for 1.2 s",)


def test_a_quick_recorder_may_be_silent_for_half_a_second() -> None:
    slis = (sli(period=0.02),)
    shorter, longer = ("+" * 500 + "." * count + "+" * (1100 - count) for count in (24, 25))
    ok = Run(slis=slis, samples={"health": samples(shorter, period_s=0.02)})
    silent = Run(slis=slis, samples={"health": samples(longer, period_s=0.02)})
    assert (word(ok), word(silent)) == ("passed", "inconclusive")


def test_a_silence_outside_the_watched_span_does_not_matter() -> None:
    assert word(Run(marks={"health": out((25.2, 31), mark=".")})) == "passed"


def test_a_closed_loop_may_be_silent() -> None:
    slis = (sli("load", source="load", period=None), sli())
    drill = Run(slis=slis, marks={"load": out((8, 14), mark="."), "health": out()})
    assert word(drill) == "passed", reasons(drill)


def test_samples_that_were_not_sent_though_nothing_failed_are_inconclusive() -> None:
    drill = Run(marks={"health": out((10, 10.3), mark="S")})
    assert word(drill) == "inconclusive"
    assert "was the bottleneck itself: 3 of its 320 samples were not sent" in reasons(drill)


def test_samples_that_were_not_sent_while_the_service_hung_are_no_silence() -> None:
    marks = out((6.1, 9.1), mark="S")
    marks = marks[:61] + "TTTTT" + marks[66:]  # those under way hang for a second each
    marks = marks[:70] + "T" + marks[71:80] + "T" + marks[81:]
    drill = Run(marks={"health": marks}, objectives={"rto": 8.0})
    assert word(drill) == "passed", reasons(drill)


def test_what_was_skipped_while_writes_hung_is_bad_and_hides_no_outage() -> None:
    # of 100 writes a second four may be under way, each hangs for a second; the store is away for 4 s
    slis = (sli("ledger", source="ledger", objective="90%", window=10.0, period=0.01),)
    marks = ["+"] * 3200
    for index in range(610, 1010):
        marks[index] = "T" if (index - 610) % 100 < 4 else "S"
    made = samples("".join(marks), period_s=0.01)
    writes = ledger(*[("a", "p")] * 600, period_s=0.01)
    drill = Run(slis=slis, samples={"ledger": made}, writes=writes, objectives={"rto": 2.5})
    assert (word(drill), met(drill)) == ("failed", False)
    assert drill.figures.rto.starts["impact"].length_ns == pytest.approx(4e9, rel=0.01)


def test_a_silence_in_which_an_outage_could_miss_the_rto_is_inconclusive() -> None:
    silent = Run(marks={"health": out((10, 10.8), mark=".")}, objectives={"rto": 0.6})
    assert word(silent) == "inconclusive"
    assert word(silent.but(objectives={"rto": 1.0})) == "passed"
    assert word(silent.but(objectives={})) == "passed"
    load_first = silent.but(slis=(sli("load", source="load", period=None), sli()))
    held_up = "nothing is known of 'health' for 900 ms: its recorder was held up"
    assert reasons(load_first) == reasons(silent) == held_up
    assert word(Run(marks={"health": out((10, 10.1), mark=".")}, objectives={"rto": 0.1})) == "passed"


def test_one_period_less_than_the_rto_is_too_long_a_silence() -> None:
    for until_s, found in ((10.4, "passed"), (10.5, "inconclusive")):  # 0.5 s and 0.6 s
        drill = Run(marks={"health": out((10, until_s), mark=".")}, objectives={"rto": 0.6})
        assert word(drill) == found


def test_an_outage_that_was_over_when_the_fault_came_fails_whenever_it_began() -> None:
    # errors are known two seconds late, so that the latest begin lies after the fault
    made = samples(out((9, 10.5)))
    done = made.done_ns.copy()
    done[90:105] += 2 * S
    drill = Run(samples={"health": replace(made, done_ns=done)}, steps=(fault(10.8),))
    assert not drill.figures.slis[0].outages[0].surely_began_before(at(10.8))
    assert word(drill) == "failed"
    assert "'health' missed its objective before the fault" in reasons(drill)


def test_an_sli_of_which_nothing_is_known_for_long_is_inconclusive() -> None:
    slis = (sli(good=0.25),)
    held = {100: 1500.0, **{index: 1400.0 - 100 * (index - 101) for index in range(101, 114)}}
    drill = Run(slis=slis, samples={"health": samples("+" * 320, delays_ms=held)})
    assert word(drill) == "inconclusive"
    assert drill.figures.slis[0].outages == ()


def test_an_sli_without_samples_is_inconclusive() -> None:
    slis = (sli(), sli("load", source="load", period=None))
    drill = Run(slis=slis, marks={"load": ""})
    assert "'load' has no samples" in reasons(drill)


# the RPO

RPO = {"rpo": 1.0}


def test_writes_that_survive_meet_every_objective() -> None:
    drill = run(objectives={"rpo": 0.0}, writes=ledger(*[("a", "p")] * 300))
    assert word(drill) == "passed", reasons(drill)
    assert rpo_met(drill.plan, drill.figures) is True
    assert rpo_met(drill.but(objectives={}).plan, drill.figures) is None
    assert reasons(drill) == "RPO of 0 s, objective 0 s: 0 of 300 acknowledged writes lost"


def test_a_lost_write_misses_an_objective_of_zero() -> None:
    writes = ledger(*[("a", "p")] * 299, ("a", "a"))
    drill = run(objectives={"rpo": 0.0}, writes=writes)
    assert (word(drill), rpo_met(drill.plan, drill.figures)) == ("failed", False)
    assert "1 of 300 acknowledged writes are lost" in reasons(drill)


def test_an_rpo_over_its_objective_fails() -> None:
    writes = ledger(*[("a", "p")] * 40, *[("a", "a")] * 20, *[("a", "p")] * 240)
    drill = run((6.1, 6.5), objectives=RPO, writes=writes)  # lost from 4.0 s on, impact at 6.1 s
    assert (word(drill), rpo_met(drill.plan, drill.figures)) == ("failed", False)
    assert "RPO of 2.1 s is over the objective of 1 s: 20 of 300" in reasons(drill)
    assert word(run((6.1, 6.5), objectives={"rpo": 2.2}, writes=writes)) == "passed"


def test_writes_that_could_not_be_read_back_leave_the_rpo_open() -> None:
    drill = run(objectives=RPO, writes=ledger(*[("a", "p")] * 299, ("a", "n")))
    assert (word(drill), rpo_met(drill.plan, drill.figures)) == ("inconclusive", None)
    assert "1 of the ledger's writes could not be read back" in reasons(drill)


def test_a_ledger_without_acknowledged_writes_says_nothing() -> None:
    drill = run(objectives=RPO, writes=ledger(*[("r", "a")] * 300))
    assert (word(drill), rpo_met(drill.plan, drill.figures)) == ("inconclusive", None)
    assert reasons(drill) == "the ledger has no acknowledged write, so the RPO says nothing"


def test_a_split_brain_never_passes() -> None:
    writes = ledger(*[("a", "p")] * 95, ("a", "a"), *[("a", "p")] * 204)  # lost at 9.5 s, takeover at 9 s
    drill = run(steps=(fault(), failover(8, 9)), objectives={"rpo": 30.0}, writes=writes)
    assert word(drill) == "failed"
    assert "split brain: 1 writes acknowledged after the takeover are lost" in reasons(drill)


# runs that were cut short


def test_a_halted_run_is_halted_whatever_it_missed() -> None:
    cut = {"baseline": 0.0, "method": 5.0, "undo": 8.0}
    steps = (fault(), step("wait", 7, ended_ns=None, status="unfinished"))
    drill = run((6.1, 12), facts={"halted": "SIGINT was received", "status": None}, phases=cut, steps=steps)
    assert (word(drill), met(drill)) == ("halted", None)
    assert drill.verdict.reasons == ("SIGINT was received",)


def test_a_step_that_failed_is_told_though_another_was_interrupted() -> None:
    steps = (step("wait", 7, ended_ns=None, status="unfinished"), fault(status="failed"))
    drill = run(facts={"halted": "SIGINT"}, steps=steps)
    assert drill.verdict.reasons == ("SIGINT", "the action 'kill' failed: failed")


def test_an_aborted_run_is_aborted_even_when_it_was_halted_too() -> None:
    drill = run(facts={"halted": "SIGINT", "aborted": "gameday itself failed"})
    assert (word(drill), drill.verdict.reasons) == ("aborted", ("gameday itself failed",))


def test_a_halted_run_still_says_what_is_left_behind() -> None:
    drill = run(facts={"halted": "SIGINT"}, undos=(UndoState("kill", "kill", "owed", False),))
    assert drill.verdict.reasons == ("SIGINT", "the undo of 'kill' is owed")


def test_the_deviated_flag_of_a_halted_run_is_told_but_its_status_is_not() -> None:
    assert reasons(run(facts={"halted": "x", "status": "interrupted"})) == "x"


def test_what_is_unknown_is_told_beside_what_failed() -> None:
    drill = run(facts={"lost_recorders": ("health",), "deviated": True})
    assert word(drill) == "failed"
    assert "ended before the run did" in drill.verdict.reasons[-1]
