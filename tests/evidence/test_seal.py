"""What the signed statement says of a run: a policy that reads it must never take it for more than it is."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from gameday.evidence.record import Record, UndoPart
from gameday.evidence.report import junit
from gameday.evidence.seal import statement
from tests.evidence import example


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return example.failover(tmp_path_factory.mktemp("results")).read_record()


def predicate(record: Record) -> dict[str, list[str]]:
    return statement(b"{}", record)["predicate"]


def names_in_junit(record: Record) -> list[str]:
    suite = ElementTree.fromstring(junit.render(record).encode())
    return [case.attrib["name"] for case in suite.iter("testcase")]


def test_a_run_that_passed_is_passed_with_every_case_of_its_junit_report(record: Record) -> None:
    said = predicate(record)
    assert (said["result"], said["passedTests"], said["failedTests"]) == (
        "PASSED",
        names_in_junit(record),
        [],
    )


@pytest.mark.parametrize("verdict", ["failed", "inconclusive", "halted", "aborted"])
def test_whatever_has_not_passed_is_failed(record: Record, verdict: str) -> None:
    said = predicate(record.model_copy(update={"verdict": verdict}))
    assert said["result"] == "FAILED"
    assert "verdict" in said["failedTests"] and "verdict" not in said["passedTests"]


def test_what_is_not_known_to_have_passed_has_failed(record: Record) -> None:
    unread = UndoPart(fault="pause", step="freeze", state="undone", verified=False, detail="it runs")
    unknown = record.rto.model_copy(update={"met": None, "seconds": None})
    seen = record.model_copy(update={"verdict": "inconclusive", "undo": [unread], "rto": unknown})
    said = predicate(seen)
    assert sorted(said["failedTests"]) == ["RTO within 30 s", "undone: freeze (pause)", "verdict"]
    assert said["warnedTests"] == []
    assert sorted(said["passedTests"] + said["failedTests"]) == sorted(names_in_junit(seen))


def test_a_run_that_passed_warns_of_what_it_cannot_prove(record: Record) -> None:
    declared = UndoPart(fault="stop", step="stop", state="undone", verified=False)
    said = predicate(record.model_copy(update={"undo": [declared]}))
    assert (said["result"], said["warnedTests"], said["failedTests"]) == (
        "PASSED",
        ["undone: stop (stop)"],
        [],
    )
    assert "undone: stop (stop)" not in said["passedTests"] and "verdict" in said["passedTests"]


def test_of_two_cases_of_one_name_the_one_that_failed_counts(record: Record) -> None:
    kill = next(step for step in record.steps if step.role == "fault")
    steps = [kill, kill.model_copy(update={"landed": False})]
    said = predicate(record.model_copy(update={"verdict": "inconclusive", "steps": steps}))
    assert said["failedTests"].count("landed: kill the primary") == 1
    assert "landed: kill the primary" not in said["passedTests"]
