"""When the service was first broken on purpose, and the other moments that steps tell."""

from __future__ import annotations

from gameday.measure.moments import inject_ns, moments
from gameday.measure.said import AlarmTold, Said
from tests.measure.histories import MS, at, failover, fault, step


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
    names = ("inject", "detect", "acknowledge", "declare", "failover", "takeover", "mitigate", "failback")
    assert moments([]) == dict.fromkeys(names)


def said(what: str, at_s: float, heard_s: float = 30) -> Said:
    return Said(what, "ann", at(at_s), at(heard_s))


def alarm(received_ns: int, started_ns: int | None = None, status: str = "firing") -> AlarmTold:
    return AlarmTold("Slow", status, received_ns, received_ns, started_ns)


def test_the_first_declaration_counts_by_when_it_was_said_whenever_that_was() -> None:
    told = [said("declared", 9, 9), said("declared", 8, 20), said("note", 1)]
    assert moments([fault(6)], told)["declare"] == at(8)
    assert moments([fault(6)], [*told, said("declared", 5)])["declare"] == at(5)
    assert moments([], [said("declared", 5)])["declare"] == at(5)


def test_what_else_is_said_counts_from_the_fault_on() -> None:
    told = [Said(what, "ann", at(6) - 1, at(9)) for what in ("detected", "acknowledged", "mitigated")]
    names = ("detect", "acknowledge", "mitigate")
    assert [moments([fault(6)], told)[name] for name in names] == [None, None, None]
    told += [Said(what, "ann", at(6), at(9)) for what in ("detected", "acknowledged", "mitigated")]
    assert [moments([fault(6)], told)[name] for name in names] == [at(6), at(6), at(6)]
    assert moments([], told)["detect"] is None


def test_the_fault_is_detected_by_a_person_or_an_alarm_whichever_is_first() -> None:
    found = moments([fault(6)], [said("detected", 8)], [alarm(at(7))])["detect"]
    assert found == at(7)
    assert moments([fault(6)], [said("detected", 6.5)], [alarm(at(7))])["detect"] == at(6.5)


def test_an_alarm_that_fired_before_the_fault_detects_nothing() -> None:
    assert moments([fault(6)], (), [alarm(at(7), at(6) - MS)])["detect"] is None
    assert moments([fault(6)], (), [alarm(at(7), at(6))])["detect"] == at(7)
    assert moments([fault(6)], (), [alarm(at(6) - MS)])["detect"] is None
    assert moments([fault(6)], (), [alarm(at(7), status="resolved")])["detect"] is None
