"""Two runs compared: nothing is called better or worse that the two cannot show."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.evidence.comparison import compared
from gameday.evidence.comparison.compare import compare
from gameday.evidence.comparison.interval import Interval, judge
from gameday.evidence.record import Record
from tests.evidence import example

TURNED = {"better": "worse", "worse": "better"}
FIGURES = st.floats(0, 100)
INTERVALS = st.tuples(FIGURES, FIGURES).map(lambda pair: Interval(min(pair), max(pair)))
VERDICTS = st.sampled_from(["passed", "failed", "inconclusive", "halted", "aborted"])


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> Record:
    return example.failover(tmp_path_factory.mktemp("results"), lost=5).read_record()


@st.composite
def changes(draw) -> dict:
    """What one run has otherwise than another: plain numbers, put into a record by `changed`."""
    bounds = sorted(draw(st.lists(FIGURES, min_size=3, max_size=3)))
    return {
        "verdict": draw(VERDICTS),
        "from": draw(st.sampled_from(["impact", "inject", "declare"])),
        "rto": draw(st.sampled_from([tuple(bounds), "none", "lasting"])),
        "lost": draw(st.integers(0, 3)),
        "rpo": draw(st.one_of(st.none(), FIGURES)),
        "not_read": draw(st.integers(0, 2)),
        "during": draw(st.one_of(st.none(), st.floats(0, 1))),
        "outages": draw(st.integers(0, 3)),
        "p": sorted(draw(st.lists(FIGURES, min_size=4, max_size=4))),
        "count": draw(st.sampled_from([5, 500])),
        "seconds": draw(st.one_of(st.none(), FIGURES)),
        "status": draw(st.sampled_from(["succeeded", "failed", "aborted"])),
    }


def changed(record: Record, change: dict) -> Record:
    low, seconds, high = change["rto"] if isinstance(change["rto"], tuple) else (None, None, None)
    starts = {"impact": (seconds, low, high), "inject": (seconds, low, high)} if seconds is not None else {}
    rto = record.rto.model_copy(
        update={
            "from_": change["from"],
            "starts": starts,
            "impact_seen": change["rto"] != "none",
            "recovered": change["rto"] != "lasting",
            **{"low": low, "seconds": seconds, "high": high},
        }
    )
    rpo = {"seconds": change["rpo"], "lost": change["lost"], "not_read": change["not_read"]}
    outage = record.slis[0].outages[0]
    sli = {"during": change["during"], "outages": [outage] * change["outages"]}
    names = ("p50_ms", "p90_ms", "p99_ms", "max_ms")
    latency = dict(zip(names, change["p"], strict=True)) | {"count": change["count"]}
    step = {"seconds": change["seconds"], "status": change["status"]}
    return record.model_copy(
        update={
            "verdict": change["verdict"],
            "rto": rto,
            "rpo": record.rpo.model_copy(update=rpo),
            "slis": [each.model_copy(update=sli) for each in record.slis],
            "latency": [each.model_copy(update=latency) for each in record.latency],
            "steps": [each.model_copy(update=step) for each in record.steps],
        }
    )


def outcomes(before: Record, after: Record) -> dict[tuple[str, str], str]:
    return {(each.group, each.name): each.outcome for each in compare(before, after).differences}


def outcome_of(before: Record, after: Record, name: str) -> str:
    return next(found for (_, known), found in outcomes(before, after).items() if known.startswith(name))


@given(INTERVALS, INTERVALS)
def test_intervals_that_overlap_are_never_better_or_worse(before, after):
    overlap = before.low <= after.high and after.low <= before.high
    assert (judge(before, after) in TURNED) == (not overlap)


@given(INTERVALS, INTERVALS)
def test_what_is_better_one_way_is_worse_the_other(before, after):
    found = judge(before, after)
    assert judge(after, before) == TURNED.get(found, found)
    assert judge(-before, -after) == TURNED.get(found, found)


@given(changes(), changes())
def test_two_runs_the_other_way_round_say_the_opposite(record, one, other):
    before, after = changed(record, one), changed(record, other)
    there, back = outcomes(before, after), outcomes(after, before)
    assert back == {name: TURNED.get(found, found) for name, found in there.items()}


@given(changes(), changes())
def test_an_rto_whose_bounds_overlap_is_neither_better_nor_worse(record, one, other):
    before, after = changed(record, one), changed(record, other)
    if isinstance(one["rto"], tuple) and isinstance(other["rto"], tuple):
        overlap = one["rto"][0] <= other["rto"][2] and other["rto"][0] <= one["rto"][2]
        assert not (overlap and outcome_of(before, after, "RTO") in TURNED)


@given(changes())
def test_a_run_is_never_better_or_worse_than_itself(record, one):
    run = changed(record, one)
    assert not set(outcomes(run, run).values()) & set(TURNED)


def with_rto(record: Record, low: float, high: float, **update) -> Record:
    starts = {"impact": (high, low, high)}
    part = {"seconds": high, "low": low, "high": high, "starts": starts, **update}
    return record.model_copy(update={"rto": record.rto.model_copy(update=part)})


def test_an_rto_is_better_only_when_the_bounds_have_nothing_in_common(record):
    slow, quick, near = with_rto(record, 2.0, 2.5), with_rto(record, 1.0, 1.5), with_rto(record, 1.4, 2.1)
    assert outcome_of(slow, quick, "RTO") == "better" and outcome_of(quick, slow, "RTO") == "worse"
    assert outcome_of(slow, near, "RTO") == outcome_of(near, quick, "RTO") == "open"


def test_service_that_never_came_back_is_worse_than_any_rto_under_the_deadline(record):
    lasting = with_rto(record, 0, 0, starts={}, recovered=False, seconds=None, deadline=90.0)
    assert outcome_of(with_rto(record, 2.0, 2.5), lasting, "RTO") == "worse"
    assert outcome_of(with_rto(record, 89.0, 95.0), lasting, "RTO") == "open"
    cut = lasting.model_copy(update={"verdict": "halted"})
    assert outcome_of(with_rto(record, 2.0, 2.5), cut, "RTO") == "unknown"


def test_no_impact_is_not_called_better(record):
    without = with_rto(record, 0, 0, starts={}, impact_seen=False, seconds=None)
    assert outcome_of(with_rto(record, 2.0, 2.5), without, "RTO") == "unknown"
    assert outcome_of(without, without, "RTO") == "same"


def with_rpo(record: Record, **update) -> Record:
    return record.model_copy(update={"rpo": record.rpo.model_copy(update=update)})


def test_one_lost_write_is_worse_than_none(record):
    none, one = with_rpo(record, lost=0, seconds=0.0), with_rpo(record, lost=1, seconds=0.004)
    assert outcome_of(none, one, "RPO") == outcome_of(none, one, "lost writes") == "worse"


def test_an_rpo_is_as_sharp_as_the_period_of_the_ledger(record):
    one, other = with_rpo(record, seconds=1.0), with_rpo(record, seconds=1.03)
    assert outcome_of(one, other, "RPO") == "open"
    assert outcome_of(one, with_rpo(record, seconds=1.1), "RPO") == "worse"


def test_a_write_that_was_not_read_back_may_be_lost_or_not(record):
    assert outcome_of(with_rpo(record, lost=3), with_rpo(record, lost=2, not_read=4), "lost writes") == "open"


def test_what_is_unlike_is_said_first(record):
    unlike = record.model_copy(
        update={
            "experiment": record.experiment.model_copy(update={"sha256": "cd" * 32, "title": "another"}),
            "service": record.service.model_copy(update={"name": "payments"}),
            "environment": {"host": "other-host"},
            "rules": 1,
            "slis": [record.slis[0].model_copy(update={"objective": "90%"})],
        }
    )
    notes = " | ".join(compare(record, unlike).notes)
    for words in (
        "experiments differ",
        "'another'",
        "orders and payments",
        "other-host",
        "99% and 90%",
        "rules differ: 3 and 1",
    ):
        assert words in notes
    assert outcome_of(record, unlike, "availability: good") == "unknown"
    lines = list(compared.lines(compare(record, unlike)))
    assert [line.split()[0] for line in lines[:3]] == ["before", "after", "note:"]


def test_a_series_named_by_a_port_is_found_again(record):
    probes = [
        row.model_copy(update={"series": "http://127.0.0.1:9999/health"})
        if row.source == "probe-heartbeat"
        else row
        for row in record.latency
    ]
    found = outcomes(record, record.model_copy(update={"latency": probes}))
    assert ("latency", "probe-heartbeat, recovery: p99") in found


def test_every_form_names_both_runs_and_says_the_same(record):
    comparison = compare(with_rto(record, 2.0, 2.5), with_rto(record, 1.0, 1.5))
    lines = "\n".join(compared.lines(comparison))
    assert "better" in lines and "2.5 s (2.000 – 2.500 s)" in lines and "without a difference" in lines
    assert "| better | RTO from impact | 2.5 s (2.000 – 2.500 s) |" in compared.markdown(comparison)
    made = json.loads(compared.as_json(comparison))
    assert made["before"]["run_id"] == record.run_id
    assert len(made["differences"]) == len(comparison.differences) > len(compared.shown(comparison))
    assert {"group", "name", "before", "after", "outcome", "is_hint"} == set(made["differences"][0])


def test_on_a_terminal_it_is_a_table(record):
    from rich.console import Console

    console = Console(record=True, width=120, force_terminal=True)
    console.print(compared.table(compare(with_rto(record, 2.0, 2.5), with_rto(record, 1.0, 1.5))))
    text = console.export_text()
    assert "better" in text and "RTO from impact" in text and "figure" in text


def test_a_hostile_name_does_nothing_to_a_terminal(record):
    steps = [step.model_copy(update={"name": "\x1b[2J[red]\nx", "seconds": 1.0}) for step in record.steps]
    slow = [step.model_copy(update={"seconds": 60.0}) for step in steps]
    runs = (record.model_copy(update={"steps": each}) for each in (steps, slow))
    comparison = compare(*runs)
    text = "\n".join(compared.lines(comparison))
    assert "\x1b" not in text and "[red] x" in text
    assert "\x1b" not in compared.markdown(comparison)
