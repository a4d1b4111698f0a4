"""When the service was first broken on purpose, and the other moments that steps tell."""

from __future__ import annotations

from gameday.measure.moments import inject_ns, moments
from tests.measure.histories import at, failover, fault, step


def test_the_first_fault_of_the_method_injects() -> None:
    assert inject_ns([step("prepare", 5), fault(8), fault(7)]) == at(7)


def test_without_a_fault_the_first_action_without_a_role_injects() -> None:
    assert inject_ns([failover(5), step("break", 7)]) == at(7)


def test_a_planned_switchover_is_its_own_fault() -> None:
    assert inject_ns([step("look", 5, kind="probe"), failover(6), failover(9)]) == at(6)


def test_probes_inject_nothing() -> None:
    assert inject_ns([step("look", 5, kind="probe")]) is None


def test_steps_outside_the_method_inject_nothing() -> None:
    assert inject_ns([fault(2, phase="baseline"), step("roll back", 30, phase="undo")]) is None


def test_the_takeover_is_the_end_of_the_first_failover_step_that_succeeded() -> None:
    failed = failover(7, 7.5, status="failed")
    assert moments([fault(), failed, failover(8, 9), failover(8.5, 8.8)])["takeover"] == at(8.8)
    assert moments([fault(), failed])["takeover"] is None


def test_failover_and_failback_are_the_starts_of_their_first_steps() -> None:
    back = step("home", 20, 21, role="failback", phase="undo")
    found = moments([fault(), failover(8, 9), failover(7, 10), back])
    assert (found["failover"], found["failback"]) == (at(7), at(20))


def test_without_steps_there_is_no_moment() -> None:
    names = ("inject", "detect", "declare", "failover", "takeover", "failback")
    assert moments([]) == dict.fromkeys(names)
