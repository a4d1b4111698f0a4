"""The history that a timeline tells."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.clock import Tie
from gameday.measure.history import History, from_timeline
from tests.measure.histories import S, at

KILL = {"name": "kill", "kind": "action", "part": "method", "role": "fault", "runbook": "r.md#kill"}


def event(seconds: float, event: str, /, **more: Any) -> dict[str, Any]:
    return {"t_ns": at(seconds), "event": event, **more}


def clock(seconds: float, off_ns: int = 0, **more: Any) -> dict[str, Any]:
    return event(seconds, "clock", monotonic_ns=at(seconds), utc_ns=round(seconds * S) + off_ns, **more)


def phase(seconds: float, name: str) -> dict[str, Any]:
    return event(seconds, "phase", name=name)


def history(*events: dict[str, Any], ended: bool = True) -> History:
    return from_timeline([clock(0), phase(1, "baseline"), *events, *([clock(20)] if ended else [])])


def started(seconds: float, **more: Any) -> dict[str, Any]:
    return event(seconds, "step-started", **{**KILL, **more})


def finished(seconds: float, **more: Any) -> dict[str, Any]:
    return event(seconds, "step-ended", **{"name": "kill", "status": "succeeded", **more})


def test_a_phase_lasts_until_the_next_one_and_the_last_until_the_end() -> None:
    found = history(phase(3, "method"), phase(9, "undo"))
    assert found.phases == {
        "baseline": (at(1), at(3)),
        "method": (at(3), at(9)),
        "undo": (at(9), at(20)),
    }
    assert (found.started.monotonic_ns, found.ended.monotonic_ns) == (at(0), at(20))


def test_what_is_told_after_the_last_clock_still_belongs_to_the_last_phase() -> None:
    assert history(phase(3, "undo"), event(21, "undone")).phases["undo"] == (at(3), at(21))


def test_a_run_that_was_killed_ends_with_its_last_event() -> None:
    found = history(phase(3, "method"), event(7, "undone"), ended=False)
    assert (found.ended.monotonic_ns, found.ended.utc_ns) == (at(7), 7 * S)
    assert found.phases["method"] == (at(3), at(7))


def test_a_run_without_anything_but_its_clock_ends_where_it_starts() -> None:
    found = from_timeline([{"t_ns": 0, "event": "clock", "monotonic_ns": 0, "utc_ns": 7}])
    assert (found.ended, found.phases, found.steps) == (Tie(0, 7), {}, ())


def test_the_last_clock_says_how_late_it_was_at_the_end() -> None:
    found = from_timeline([clock(0), clock(20, off_ns=3)])
    assert (found.started, found.ended) == (Tie(at(0), 0), Tie(at(20), 20 * S + 3))
    assert from_timeline([clock(0), clock(9, off_ns=1), clock(20, off_ns=3)]).ended.utc_ns == 20 * S + 3


def test_a_clock_says_which_boot_it_counts_from() -> None:
    found = from_timeline([clock(0, boot="first"), clock(20, boot="second")])
    assert (found.started.boot, found.ended.boot) == ("first", "second")
    assert history().started.boot is None


def test_the_phase_of_a_moment() -> None:
    found = history(phase(3, "method"))
    assert [found.phase_at(at(s)) for s in (0.5, 1, 2.999, 3, 19.9, 20)] == [
        None,
        "baseline",
        "baseline",
        "method",
        "method",
        None,
    ]


def test_a_step_has_what_its_two_events_tell() -> None:
    told = {"landed": True, "proof": "it is gone", "exit_code": 0}
    step = history(started(3), finished(4, **told)).steps[0]
    assert (step.name, step.kind, step.phase, step.role, step.runbook) == (
        "kill",
        "action",
        "method",
        "fault",
        "r.md#kill",
    )
    assert (step.started_ns, step.ended_ns, step.status) == (at(3), at(4), "succeeded")
    assert (step.landed, step.proof, step.exit_code, step.error) == (True, "it is gone", 0, None)
    assert step.has_failed is False


def test_a_step_without_an_end_is_unfinished() -> None:
    step = history(started(3)).steps[0]
    assert (step.ended_ns, step.status, step.has_failed) == (None, "unfinished", True)


def test_steps_of_one_name_that_overlap_each_have_their_own_end() -> None:
    steps = history(
        started(3, id="a"), started(4, id="b"), finished(5, id="a"), finished(9, id="b", landed=True)
    ).steps
    assert [(step.id, step.ended_ns, step.landed) for step in steps] == [
        ("a", at(5), None),
        ("b", at(9), True),
    ]


def test_without_ids_an_end_is_of_the_newest_unfinished_step_of_its_name() -> None:
    steps = history(started(3), started(4), started(5, name="look"), finished(6), finished(9)).steps
    assert [step.ended_ns for step in steps] == [at(9), at(6), None]


def test_a_step_that_says_no_status_failed() -> None:
    assert history(started(3), finished(4, status=None, error="boom")).steps[0].error == "boom"
    assert history(started(3), finished(4, status=None)).steps[0].status == "failed"


def test_a_step_without_a_kind_is_an_action() -> None:
    assert history(started(3, kind=None)).steps[0].kind == "action"


@pytest.mark.parametrize(
    ("kind", "code", "failed"),
    [("action", 1, True), ("action", 0, False), ("action", None, False), ("probe", 1, False)],
)
def test_the_exit_code_of_an_action_decides(kind: str, code: int | None, failed: bool) -> None:
    assert history(started(3, kind=kind), finished(4, exit_code=code)).steps[0].has_failed is failed


def test_steps_are_found_by_role() -> None:
    found = history(
        started(3), started(5, name="promote", role="failover"), started(6, name="look", role=None)
    )
    assert [step.name for step in found.with_role("fault", "failover")] == ["kill", "promote"]


@pytest.mark.parametrize("name", ["halted", "aborted", "unsteady"])
def test_the_first_reason_counts(name: str) -> None:
    found = history(event(3, name, reason="first"), event(4, name, reason="second"))
    assert getattr(found, name) == "first"
    assert found.is_cut_short is (name != "unsteady")


def test_what_the_engine_says_is_kept() -> None:
    found = history(
        event(3, "engine-error", error="boom"), event(4, "engine-ended", status="failed", deviated=True)
    )
    assert (found.engine_error, found.status, found.deviated) == ("boom", "failed", True)
    assert history().deviated is False


def test_lost_recorders_are_named() -> None:
    assert history(event(3, "recorder-lost", name="load")).lost_recorders == ("load",)


def test_what_permitted_the_run_is_kept() -> None:
    found = history(
        event(0.5, "permitted", guardrails=["targets: ok"], approvals=[{"by": "ann", "at": "now"}])
    )
    assert (found.guardrails, found.approvals) == (("targets: ok",), ({"by": "ann", "at": "now"},))


def test_the_steady_state_is_the_baseline_and_empty_without_one() -> None:
    assert history(phase(3, "method")).steady == (at(1), at(3))
    assert from_timeline([clock(0), phase(1, "method"), clock(9)]).steady == (at(0), at(0))


def test_what_counts_ends_with_the_verification() -> None:
    whole = history(phase(3, "method"), phase(5, "recovery"), phase(7, "verification"), phase(8, "undo"))
    assert whole.watched_until_ns == at(8)
    assert history(phase(3, "method"), phase(6, "undo")).watched_until_ns == at(6)
    assert from_timeline([clock(0), phase(2, "undo"), clock(9)]).watched_until_ns == at(0)


def test_only_an_after_check_checks_afterwards() -> None:
    assert history(phase(3, "undo")).is_checked_afterwards is False
    assert history(phase(3, "undo"), phase(4, "after-check")).is_checked_afterwards is True


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (event(3, "halted", reason="SIGINT"), "halted: SIGINT"),
        (event(3, "aborted", reason="x"), "aborted: x"),
        (event(3, "unsteady", reason="x"), "the steady state did not hold: x"),
        (event(3, "deadline", reason="service was not back"), "service was not back"),
        (event(3, "handed-over", reason="again"), "handed over: again"),
        (event(3, "recorder-lost", name="load"), "the recorder 'load' was lost"),
        (event(3, "guardian-lost"), "the guardian was lost and replaced"),
        (event(3, "engine-error", error="boom"), "the engine failed: boom"),
        (event(3, "undo-failed", step="kill", detail="no"), "the undo of 'kill' failed: no"),
    ],
)
def test_what_nobody_planned_is_a_deviation(told: dict[str, Any], said: str) -> None:
    assert history(told).deviations == (said,)


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ({"status": "failed", "error": "no pod"}, "'kill' failed: no pod"),
        ({"status": "failed"}, "'kill' failed: failed"),
        ({"exit_code": 3}, "'kill' failed: exit code 3"),
        ({"landed": False, "proof": "it lives"}, "'kill' did not land: it lives"),
    ],
)
def test_a_step_unlike_planned_is_a_deviation(ended: dict[str, Any], said: str) -> None:
    assert history(started(3), finished(4, **ended)).deviations == (said,)


def test_a_step_that_did_not_end_is_a_deviation_and_one_that_went_well_is_none() -> None:
    assert history(started(3)).deviations == ("'kill' did not end",)
    assert history(started(3), finished(4, landed=True)).deviations == ()


def test_moments_come_from_the_steps() -> None:
    assert history(started(3), finished(4)).moments["inject"] == at(3)


def declared(seconds: float, said_s: float, message: str = "m", **more: Any) -> dict[str, Any]:
    usual = {"by": "ann", "text": "it is gone", "message": message, "said_ns": at(said_s)}
    return event(seconds, "declared", **{**usual, **more})


def test_what_was_said_has_when_it_was_said_and_heard() -> None:
    found = history(phase(3, "method"), declared(9, 8, "a"), declared(9, 7, "b"), declared(10, 7, "b"))
    assert [(each.what, each.by, each.said_ns, each.heard_ns) for each in found.said] == [
        ("declared", "ann", at(8), at(9)),
        ("declared", "ann", at(7), at(9)),
    ]
    assert found.moments["declare"] == at(7)


def test_an_answer_says_what_was_asked() -> None:
    told = {"by": "ann", "text": "yes", "message": "m", "said_ns": at(4), "id": "1a", "what": "is it up?"}
    (found,) = history(event(5, "answered", **told)).said
    assert (found.what, found.asked, found.text) == ("answered", "is it up?", "yes")


def test_an_alarm_fires_since_a_moment_of_the_run_clock() -> None:
    alarm = {"name": "Slow", "status": "firing", "fingerprint": "f", "summary": "", "labels": {"a": "b"}}
    told = {**alarm, "by": "alerts", "message": "m", "said_ns": at(8)}
    later = history(event(9, "alarm", starts_at="1970-01-01T00:00:07.500+00:00", **told))
    assert [(each.name, each.said_ns, each.started_ns) for each in later.alarms] == [("Slow", at(8), at(7.5))]
    for odd in ("", "yesterday", "1970-01-01T00:00:07", "9999-99-99T00:00:00Z"):
        assert history(event(9, "alarm", starts_at=odd, **told)).alarms[0].started_ns is None


def test_what_nobody_answered_is_a_deviation() -> None:
    found = history(event(5, "ask-expired", id="1a", what="up?", reason="nobody has answered within 1 s"))
    assert found.deviations == ("'up?' was not answered: nobody has answered within 1 s",)
