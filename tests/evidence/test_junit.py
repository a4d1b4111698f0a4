"""JUnit XML: the shape that CI systems agree on, and that nothing which proves nothing is green."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from gameday.evidence.record import Record, UndoPart
from gameday.evidence.report import junit
from tests.evidence import example

SUITE = {"name", "timestamp", "hostname", "tests", "failures", "errors", "skipped", "time"}
CASE = {"name", "classname", "time"}
HOSTILE = 'a "name" <with> & \x00\x1b[31m\x0b ]]> \ufffe \U0001f600\nand a line'


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> Record:
    return example.failover(tmp_path_factory.mktemp("results")).read_record()


def suite_of(record: Record, **update) -> ElementTree.Element:
    return ElementTree.fromstring(junit.render(record.model_copy(update=update)).encode())


def case_of(suite: ElementTree.Element, name: str) -> ElementTree.Element:
    return next(case for case in suite.iter("testcase") if name in case.attrib["name"])


def answer_of(suite: ElementTree.Element, name: str) -> str:
    children = list(case_of(suite, name))
    return children[0].tag if children else "passed"


def assert_shape(suite: ElementTree.Element) -> None:
    """The common part of Ant's schema (the strict one) and of Jenkins's: order, attributes, types."""
    assert suite.tag == "testsuite" and set(suite.attrib) == SUITE
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
    kinds = [child.tag for child in suite]
    count = kinds.count("testcase")
    assert kinds == ["properties", *["testcase"] * count, "system-out", "system-err"]
    for child in suite[0]:
        assert child.tag == "property" and set(child.attrib) == {"name", "value"}
    for case in suite.iter("testcase"):
        assert set(case.attrib) == CASE and re.fullmatch(r"\d+\.\d{3}", case.attrib["time"])
        assert len(case) <= 1
        for answer in case:
            wanted = {"skipped": {"message"}, "error": {"message", "type"}, "failure": {"message", "type"}}
            assert set(answer.attrib) == wanted[answer.tag]
    assert int(suite.attrib["tests"]) == count
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.attrib[attribute]) == len(list(suite.iter(tag)))


def test_an_outage_before_the_fault_fails_the_steady_state(record):
    outage = record.slis[0].outages[0]
    earlier = ("2026-11-23T10:15:03.000000Z", "2026-11-23T10:15:04.000000Z")
    moved = record.slis[0].model_copy(update={"outages": [outage.model_copy(update={"began": earlier})]})
    assert answer_of(suite_of(record), "the steady state holds") == "passed"
    assert answer_of(suite_of(record, slis=[moved]), "the steady state holds") == "failure"


def test_a_drill_that_passed_has_a_case_for_each_of_its_questions(record):
    suite = suite_of(record)
    assert_shape(suite)
    names = " ".join(case.attrib["name"] for case in suite.iter("testcase"))
    for words in (
        "verdict",
        "steady state",
        "RTO within 30 s",
        "RPO within 0 s",
        "availability",
        "heartbeat",
    ):
        assert words in names
    assert "landed: kill the primary" in names and "undone: kill the primary" in names
    assert [suite.attrib[name] for name in ("failures", "errors", "skipped")] == ["0", "0", "0"]


def test_times_and_reasons_are_inside(record):
    suite = suite_of(record)
    assert case_of(suite, "RTO").attrib["time"] == f"{record.rto.seconds:.3f}"
    assert case_of(suite, "steady").attrib["time"] == f"{record.phases[0].seconds:.3f}"
    told = suite.find("system-out").text
    assert record.reasons[0] in told and "process 4711 is gone, port 5432 refuses" in told


@pytest.mark.parametrize(
    ("verdict", "answer"),
    [("failed", "failure"), ("inconclusive", "error"), ("halted", "error"), ("aborted", "error")],
)
def test_a_run_that_did_not_pass_is_never_green(record, verdict, answer):
    suite = suite_of(record, verdict=verdict, reasons=["because of it"])
    assert_shape(suite)
    assert answer_of(suite, "verdict") == answer
    assert case_of(suite, "verdict")[0].attrib["message"] == "because of it"


@pytest.mark.parametrize(("met", "answer"), [(True, "passed"), (False, "failure"), (None, "skipped")])
def test_an_objective_is_met_missed_or_not_known(record, met, answer):
    rto, rpo = (part.model_copy(update={"met": met}) for part in (record.rto, record.rpo))
    suite = suite_of(record, rto=rto, rpo=rpo)
    assert_shape(suite)
    assert (answer_of(suite, "RTO"), answer_of(suite, "RPO")) == (answer, answer)


def test_an_sli_fails_when_it_does_not_come_back(record):
    after = {"availability": 0.98, "heartbeat": None}
    slis = [sli.model_copy(update={"after": after.get(sli.name, 1.0)}) for sli in record.slis]
    suite = suite_of(record, slis=slis)
    answers = [answer_of(suite, name) for name in ("availability", "order latency", "heartbeat")]
    assert answers == ["failure", "passed", "skipped"]


def test_a_fault_that_did_not_land_is_an_error_and_one_that_failed_a_failure(record):
    updates = ({"landed": False}, {"landed": None}, {"landed": None, "status": "failed", "error": "no"})
    fault = next(step for step in record.steps if step.role == "fault")
    for update, answer in zip(updates, ("error", "skipped", "failure"), strict=True):
        suite = suite_of(record, steps=[fault.model_copy(update=update)])
        assert answer_of(suite, "landed") == answer


def test_an_undo_that_is_owed_fails_and_one_that_could_not_be_read_back_is_skipped(record):
    states = {"verified": True, "undone": False, "undo-failed": False, "landed": False}
    found = [
        UndoPart(fault=state, step="s", state=state, verified=is_verified)
        for state, is_verified in states.items()
    ]
    suite = suite_of(record, undo=found)
    answers = [answer_of(suite, f"({state})") for state in states]
    assert answers == ["passed", "skipped", "failure", "failure"]


def test_a_steady_state_that_did_not_hold_is_a_failure(record):
    before = [phase for phase in record.phases if phase.name == "baseline"]
    bare = {"phases": before, "steps": []}
    assert answer_of(suite_of(record, verdict="failed", **bare), "steady") == "failure"
    assert answer_of(suite_of(record, verdict="halted", **bare), "steady") == "skipped"
    assert answer_of(suite_of(record, verdict="passed", phases=[]), "steady") == "passed"


def test_names_with_control_characters_and_markup_are_well_formed(record):
    steps = [step.model_copy(update={"name": HOSTILE, "proof": HOSTILE}) for step in record.steps]
    slis = [sli.model_copy(update={"name": HOSTILE}) for sli in record.slis]
    experiment = record.experiment.model_copy(update={"title": HOSTILE})
    update = {"steps": steps, "slis": slis, "experiment": experiment, "reasons": [HOSTILE]}
    suite = suite_of(record, verdict="failed", **update)
    assert_shape(suite)
    assert 'a "name" <with> & �' in suite.attrib["name"]


def test_a_record_with_nothing_in_it_still_makes_a_suite(record):
    empty = dict.fromkeys(("rto", "rpo", "service"))
    lists = {name: [] for name in ("phases", "slis", "steps", "undo", "reasons")}
    suite = suite_of(record, verdict="aborted", moments={}, environment={}, **empty, **lists)
    assert_shape(suite)
    assert suite.attrib["hostname"] == "localhost"


def test_a_share_that_meets_its_objective_to_the_digit_is_no_failure(record):
    sli = record.slis[0].model_copy(update={"objective": "99.9%", "after": 999 / 1000})
    assert answer_of(suite_of(record, slis=[sli]), "after the drill") == "passed"
