"""The record says what the pack holds: every figure in its place, and null for what is not known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from gameday.evidence import assemble, columns
from gameday.evidence.pack import Pack
from gameday.evidence.record import Record
from gameday.evidence.verify import verify
from gameday.experiment.sources import as_before
from gameday.faults.undolog import UndoLog
from gameday.measure.bounds import Span
from gameday.measure.figures import Figures, RecorderFigures, SliFigures
from gameday.measure.history import History
from gameday.measure.latency import MOST_SERIES, BudgetCost
from gameday.measure.loss import Ledger, Loss, read
from gameday.measure.outage import Outage
from gameday.measure.plan import Plan, SliPlan
from gameday.measure.rto import Interval, Rto
from gameday.measure.rules import RULES
from gameday.measure.samples import Samples
from gameday.measure.silence import Silence
from gameday.measure.verdict import UndoState, Verdict
from gameday.samples import SampleWriter
from gameday.writes import ABSENT, ACKNOWLEDGED, PRESENT, WriteLog, write_found

MS = 1_000_000
S = 1_000 * MS
ZERO_NS = 1_000 * S
UTC_NS = 1_795_428_900 * S  # 2026-11-23T10:15:00Z
RUN_ID = "20261123T101500Z-drill"


def at(seconds: float) -> int:
    """A moment on the run clock, by the second of the run."""
    return ZERO_NS + round(seconds * S)


def said(seconds: float) -> str:
    """The same as people read it."""
    return f"2026-11-23T10:15:{seconds:09.6f}Z"


HEALTH = SliPlan("health", "probe", "probe-1", None, None, "99.9%", 5.0, 0.5, **as_before("probe"))
ORDERS = SliPlan("orders", "load", "load", "POST /orders", 0.3, "95%", 10.0, None)
PLAN = Plan(
    slis=(HEALTH, ORDERS),
    service={"name": "orders", "tier": 0, "owner": "team-orders"},
    rto=2.5,
    rpo=1.0,
    deadline=90.0,
    users=3,
    spawn_rate=2.0,
    warm_up=4.0,
    processes=2,
    write_period=0.1,
)
ABOUT = {
    "experiment": {"title": "drill", "path": "db.yaml", "sha256": "ab" * 32},
    "environment": {"host": "here"},
    "test": {"id": "DR-7", "authors": ["Ada"]},
}
TIMELINE: list[dict[str, Any]] = [
    {"t_ns": at(0), "event": "run", "run_id": RUN_ID},
    {"t_ns": at(0), "event": "clock", "monotonic_ns": at(0), "utc_ns": UTC_NS},
    {"t_ns": at(0), "event": "permitted", "guardrails": ["wide"], "approvals": [{"by": "Bo", "at": "noon"}]},
    {"t_ns": at(1), "event": "phase", "name": "baseline"},
    {"t_ns": at(5), "event": "phase", "name": "method"},
    {"t_ns": at(20), "event": "phase", "name": "verification"},
    {"t_ns": at(22), "event": "phase", "name": "undo"},
    {"t_ns": at(29), "event": "engine-ended", "status": "completed", "deviated": True},
    {"t_ns": at(30), "event": "clock", "monotonic_ns": at(30), "utc_ns": UTC_NS + 30 * S + 500 * MS},
]
OUTAGE = Outage(at(6), at(8), Span(at(5.9), at(6.1)), Span(at(7.9), at(8.1)), bad=4, total=5)
RTO = Rto(at(6), at(8), OUTAGE.began, OUTAGE.ended, {"impact": Interval(2 * S, 1_800 * MS, 2_200 * MS)})
LOSS = Loss(
    acknowledged=20,
    survived=17,
    lost=3,
    unknown=4,
    unknown_survived=5,
    refused=6,
    phantom=7,
    corrupt=8,
    duplicated=9,
    split_brain=10,
    not_read=0,
    first_lost_ns=at(5),
    last_lost_ns=at(6),
    lost_sequences=(41, 42, 45),
)


def sli_figures(plan: SliPlan, *outages: Outage, longest_good_ms: int = 0, **more: Any) -> SliFigures:
    usual: dict[str, Any] = {"before": None, "during": None, "after": None, "budget": None}
    return SliFigures(
        plan=plan,
        samples=7,
        outages=outages,
        longest_good_ns=longest_good_ms * MS,
        silence=Silence(None),
        **{**usual, **more},
    )


FIGURES = Figures(
    slis=(
        sli_figures(
            HEALTH,
            OUTAGE,
            longest_good_ms=40,
            before=Fraction(1),
            during=Fraction(1, 4),
            after=Fraction(1, 2),
            budget=BudgetCost(0.5, 43.2, 1.25),
        ),
        sli_figures(ORDERS, longest_good_ms=90),
    ),
    rto=RTO,
    loss=LOSS,
    rpo_s=0.75,
    recorders=(
        RecorderFigures("probe-1", 7, 500 * MS, Silence(750 * MS, 2)),
        RecorderFigures("load", 5, None, Silence(None)),
    ),
)


Made = Callable[..., tuple[Record, list[Any]]]


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    folder = tmp_path / RUN_ID
    (folder / "samples").mkdir(parents=True)
    return Pack(folder)


@pytest.fixture
def assembled(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> Made:
    """The record of a pack whose figures are these, and what they were measured from and judged by."""

    def made(
        figures: Figures = FIGURES, plan: Plan = PLAN, timeline: list[dict[str, Any]] = TIMELINE, **about: Any
    ) -> tuple[Record, list[Any]]:
        given: list[Any] = []

        def measure(*arguments: Any) -> Figures:
            given.extend(arguments)
            return figures

        def judge_run(*arguments: Any) -> Verdict:
            given.extend(arguments)
            return Verdict("failed", ("too slow", "too much"))

        monkeypatch.setattr(assemble, "measure", measure)
        monkeypatch.setattr(assemble, "judge_run", judge_run)
        pack.plan.write_text(json.dumps({**plan.as_json(), **ABOUT, **about}))
        pack.timeline.write_text("".join(json.dumps(event) + "\n" for event in timeline))
        return assemble.assemble(pack), given

    return made


def probed(pack: Pack, name: str = "probe-1") -> None:
    """Two probes in the method, one of which failed."""
    writer = SampleWriter(pack.raw, name)
    for at_s, ok in ((6.0, True), (6.5, False)):
        writer.write(at(at_s), at(at_s), at(at_s) + 2 * MS, series="GET /", ok=ok)
    writer.close()


def loaded(pack: Pack, *, uncertainty_ms: int | None = None) -> None:
    """Four requests within two seconds of sends and answers, three of which failed."""
    writer = SampleWriter(pack.raw, "load.1")
    for number, ok in enumerate((False, True, False, False)):
        sent_ns = at(6 + number / 2)
        writer.write(sent_ns - 9 * MS, sent_ns, sent_ns + 500 * MS, series="POST /orders", ok=ok)
    writer.close()
    if uncertainty_ms is not None:
        clock = {"offset_ns": 0, "uncertainty_ns": uncertainty_ms * MS}
        (pack.raw / "load.1.clock").write_text(json.dumps(clock))


def wrote(pack: Pack) -> None:
    """A ledger of two writes, one of which is lost."""
    log = WriteLog(pack.raw)
    for sequence in (0, 1):
        log.sent(sequence, at(6))
        log.outcome(sequence, at(6), ACKNOWLEDGED)
    log.close()
    write_found(pack.raw, {0: (PRESENT, 1), 1: (ABSENT, 0)})


def as_data(record: Record) -> dict[str, Any]:
    return dict(json.loads(record.as_json()))


def test_a_record_has_every_figure_in_its_place(pack: Pack, assembled: Made) -> None:
    probed(pack)
    record = as_data(assembled()[0])
    assert record.pop("files") == {
        name: hashlib.sha256((pack.folder / name).read_bytes()).hexdigest()
        for name in ("plan.json", "timeline.jsonl")
    }
    assert record.pop("rto") == {
        "seconds": 2.0,
        "low": 1.8,
        "high": 2.2,
        "objective": 2.5,
        "met": None,  # nothing was broken on purpose
        "from": "impact",
        "impact_seen": True,
        "recovered": True,
        "deadline": 90.0,
        "starts": {"impact": [2.0, 1.8, 2.2]},
        "probe_period": 0.5,
        "longest_good_latency": 0.04,
    }
    assert record.pop("rpo") == {
        "seconds": 0.75,
        "objective": 1.0,
        "met": True,
        "acknowledged": 20,
        "survived": 17,
        "lost": 3,
        "unknown": 4,
        "unknown_survived": 5,
        "refused": 6,
        "phantom": 7,
        "corrupt": 8,
        "duplicated": 9,
        "split_brain": 10,
        "not_read": 0,
        "lost_writes": [f"gameday-{RUN_ID}-000000{number}" for number in (41, 42, 45)],
        "lost_writes_omitted": 0,
        "write_period": 0.1,
    }
    health, orders = record.pop("slis")
    assert health == {
        "name": "health",
        "source": "probe",
        "objective": "99.9%",
        "samples": 7,
        "before": 1.0,
        "during": 0.25,
        "after": 0.5,
        "outages": [
            {
                "start": said(6),
                "end": said(8),
                "began": [said(5.9), said(6.1)],
                "ended": [said(7.9), said(8.1)],
                "seconds": 2.0,
                "low": 1.8,
                "high": 2.2,
                "bad": 4,
                "total": 5,
                "phase": "method",
            }
        ],
        "budget": {"bad_minutes": 0.5, "budget_minutes": 43.2, "percent": 1.25},
    }
    assert (orders["name"], orders["source"], orders["objective"]) == ("orders", "load", "95%")
    assert (orders["before"], orders["outages"], orders["budget"]) == (None, [], None)
    assert record.pop("phases") == [
        {"name": "baseline", "started": said(1), "ended": said(5), "seconds": 4.0},
        {"name": "method", "started": said(5), "ended": said(20), "seconds": 15.0},
        {"name": "verification", "started": said(20), "ended": said(22), "seconds": 2.0},
        {"name": "undo", "started": said(22), "ended": said(30), "seconds": 8.0},
    ]
    assert record.pop("recorders") == [
        {"name": "probe-1", "samples": 7, "longest_gap": 0.75, "period": 0.5, "unexplained_skips": 2},
        {"name": "load", "samples": 5, "longest_gap": None, "period": None, "unexplained_skips": 0},
    ]
    assert [(row["source"], row["phase"], row["series"], row["count"]) for row in record.pop("latency")] == [
        ("probe-1", "method", "GET /", 2)
    ]
    test = record.pop("test")
    assert (test["id"], test["authors"]) == ("DR-7", ["Ada"])
    assert record.pop("moments") == {
        "inject": None,
        "impact": said(6),
        "detect": None,
        "acknowledge": None,
        "declare": None,
        "failover": None,
        "takeover": None,
        "mitigate": None,
        "recovered": said(8),
        "verified": said(22),
        "failback": None,
    }
    assert record.pop("load")["users"] == 3
    experiment = record.pop("experiment")
    assert (experiment["title"], experiment["path"], experiment["sha256"]) == ("drill", "db.yaml", "ab" * 32)
    assert record == {
        "schema": "gameday/record/3",
        "run_id": RUN_ID,
        "rules": RULES,
        "started": said(0),
        "ended": said(30),
        "service": {"name": "orders", "tier": 0, "owner": "team-orders"},
        "guardrails": ["wide"],
        "approvals": [{"by": "Bo", "at": "noon"}],
        "verdict": "failed",
        "reasons": ["too slow", "too much"],
        "steps": [],
        "undo": [],
        "deviations": [],
        "response": {},
        "said": [],
        "alarms": [],
        "chaos_toolkit": {"status": "completed", "deviated": True},
        "clock": {"started_monotonic_ns": at(0), "started_utc_ns": UTC_NS, "utc_drift_seconds": 0.5},
        "environment": {"host": "here"},
    }


def test_a_run_is_measured_and_judged_by_what_its_files_hold(pack: Pack, assembled: Made) -> None:
    probed(pack)
    loaded(pack)
    probed(pack, "ledger")
    wrote(pack)
    UndoLog(pack.undo_log).owe("freeze", "pause", {})
    _, (plan, history, samples, ledger, *judged_by) = assembled()
    assert plan == PLAN and isinstance(history, History) and next(iter(history.phases)) == "baseline"
    assert {name: len(recorded) for name, recorded in samples.items()} == {
        "probe-1": 2,
        "load": 4,
        "ledger": 2,
    }
    assert isinstance(ledger, Ledger) and ledger.found.tolist() == [PRESENT, ABSENT]
    assert judged_by[:3] == [plan, history, FIGURES]
    assert judged_by[3] == [UndoState("freeze", "pause", "owed", False)]


def test_a_run_without_a_ledger_is_measured_without_one(pack: Pack, assembled: Made) -> None:
    wrote(pack)
    _, (_, _, samples, ledger, *_) = assembled(plan=replace(PLAN, write_period=None))
    assert ledger is None and "ledger" not in samples


@pytest.mark.parametrize(
    ("plan", "names"),
    [
        (Plan(), []),
        (Plan(users=1), ["load"]),
        (Plan(write_period=0.1), ["ledger"]),
        (Plan(slis=(HEALTH, replace(HEALTH, name="again"), ORDERS), users=1), ["probe-1", "load"]),
        (Plan(slis=(replace(HEALTH, recorder="ledger"),), write_period=0.1, users=1), ["ledger", "load"]),
    ],
)
def test_the_recorders_are_those_that_the_plan_asks_for_each_once(
    pack: Pack, plan: Plan, names: list[str]
) -> None:
    samples = assemble.recorded(pack, plan)
    assert list(samples) == names and all(isinstance(each, Samples) for each in samples.values())


def test_samples_and_ledger_are_read_from_parquet_once_they_are(pack: Pack) -> None:
    probed(pack)
    wrote(pack)
    columns.write_samples(pack.raw, pack.samples)
    columns.write_ledger(read(pack.raw), pack.ledger)
    for path in pack.raw.iterdir():
        path.unlink()
    samples = assemble.recorded(pack, Plan(slis=(HEALTH,)))
    assert samples["probe-1"].ok.tolist() == [True, False]
    assert assemble.recorded_ledger(pack).found.tolist() == [PRESENT, ABSENT]


def test_what_a_run_does_not_have_is_left_out(assembled: Made) -> None:
    plan = Plan(rto=1.0, rpo=1.0)
    record, _ = assembled(figures=Figures(), plan=plan, test={})
    assert (record.service, record.rto, record.rpo, record.load) == (None, None, None, None)
    assert (record.slis, record.latency, record.recorders, record.test.id) == ([], [], [], None)


def test_a_pack_from_before_there_were_tests_says_nothing_of_one(pack: Pack, assembled: Made) -> None:
    assembled()
    about = json.loads(pack.plan.read_text())
    del about["test"]
    pack.plan.write_text(json.dumps(about))
    assert assemble.assemble(pack).test.id is None


def test_an_rto_that_counts_from_what_nobody_said_is_null(assembled: Made) -> None:
    rto = assembled(plan=replace(PLAN, rto_from="declare"))[0].rto
    assert rto is not None
    assert (rto.seconds, rto.low, rto.high, rto.from_) == (None, None, None, "declare")


def test_what_people_and_alarms_said_stands_in_the_record(assembled: Made) -> None:
    alarm = {"name": "Slow", "status": "firing", "starts_at": said(6.5), "fingerprint": "f"}
    alarm |= {"summary": "it is slow", "labels": {"severity": "page"}}
    step = {"t_ns": at(5.5), "event": "step-started", "id": "s", "name": "kill", "kind": "action"}
    told = [
        {**step, "part": "method", "role": "fault"},
        {"t_ns": at(7.2), "event": "alarm", "message": "a", "by": "alerts", "said_ns": at(7), **alarm},
        {"t_ns": at(9), "event": "declared", "message": "b", "by": "ann", "said_ns": at(7.5), "text": "gone"},
        {"t_ns": at(9), "event": "answered", "message": "c", "by": "bob", "said_ns": at(9), "text": "yes"}
        | {"id": "1a", "what": "is it up?"},
    ]
    record, _ = assembled(timeline=[*TIMELINE[:5], *told, *TIMELINE[5:]])
    assert [each.model_dump(exclude={"text"}) for each in record.said] == [
        {"what": "declared", "by": "ann", "asked": None, "said": said(7.5), "heard": said(9)},
        {"what": "answered", "by": "bob", "asked": "is it up?", "said": said(9), "heard": said(9)},
    ]
    assert [each.text for each in record.said] == ["gone", "yes"]
    assert [each.model_dump() for each in record.alarms] == [
        {**alarm, "received": said(7), "heard": said(7.2)}
    ]
    assert (record.moments["detect"], record.moments["declare"]) == (said(7), said(7.5))
    assert record.response == {"detect": (1.0, 0.9, 1.1), "declare": (1.5, 1.4, 1.6)}


def test_the_period_and_the_latency_of_an_rto_are_those_of_the_probes(assembled: Made) -> None:
    plan = replace(PLAN, slis=(HEALTH, replace(HEALTH, period=0.2), replace(HEALTH, period=None), ORDERS))
    ledger = replace(HEALTH, source="ledger", period=0.1, **as_before("ledger"))
    slis = [(HEALTH, 40), (HEALTH, 30), (ORDERS, 90), (ledger, 80)]
    figures = replace(FIGURES, slis=tuple(sli_figures(sli, longest_good_ms=ms) for sli, ms in slis))
    rto = assembled(figures, replace(plan, slis=(*plan.slis, ledger)))[0].rto
    assert rto is not None and (rto.probe_period, rto.longest_good_latency) == (0.2, 0.04)
    only_load = replace(FIGURES, slis=(sli_figures(ORDERS, longest_good_ms=90),))
    rto = assembled(only_load, replace(PLAN, slis=(ORDERS,)))[0].rto
    assert rto is not None and (rto.probe_period, rto.longest_good_latency) == (None, None)


def played(started: dict[str, Any], ended: dict[str, Any] | None) -> list[dict[str, Any]]:
    """A timeline with one step from 5.5 s to 5.75 s."""
    step = {"name": "kill", "kind": "action", "part": "method"}
    events: list[dict[str, Any]] = [{"t_ns": at(5.5), "event": "step-started", **step, **started}]
    if ended is not None:
        events.append({"t_ns": at(5.75), "event": "step-ended", "name": "kill", **ended})
    return [*TIMELINE[:5], *events, *TIMELINE[5:]]


INJECTED = played({"role": "fault"}, {"status": "succeeded", "landed": True, "proof": "gone"})


def test_whether_an_objective_is_met_is_judged_by_the_upper_bound(assembled: Made) -> None:
    for objective_s, met in ((2.2, True), (2.1, False)):
        rto = assembled(plan=replace(PLAN, rto=objective_s), timeline=INJECTED)[0].rto
        assert rto is not None and rto.met is met
    rpo = assembled(plan=replace(PLAN, rpo=0.5))[0].rpo
    assert rpo is not None and rpo.met is False


def test_an_outage_without_an_end_has_none_in_the_record(assembled: Made) -> None:
    endless = replace(OUTAGE, impact_ns=at(0.5), recovered_ns=None, ended=None)
    figures = replace(FIGURES, slis=(sli_figures(HEALTH, endless),), rto=Rto(at(0.5), None, OUTAGE.began))
    record, _ = assembled(figures, timeline=INJECTED)
    (outage,) = record.slis[0].outages
    assert (outage.end, outage.ended, outage.seconds, outage.low, outage.high) == (None,) * 5
    assert outage.phase is None  # it began before the first one
    assert record.rto is not None and (record.rto.recovered, record.rto.met) == (False, False)
    assert (record.moments["recovered"], record.moments["verified"]) == (None, None)
    assert record.moments["inject"] == said(5.5)


def test_a_run_without_a_read_back_was_not_verified(assembled: Made) -> None:
    timeline = [event for event in TIMELINE if event.get("name") != "verification"]
    assert assembled(timeline=timeline)[0].moments["verified"] is None


def test_an_rpo_of_writes_that_were_not_read_back_is_null(assembled: Made) -> None:
    rpo = assembled(replace(FIGURES, loss=replace(LOSS, not_read=1)))[0].rpo
    assert rpo is not None and (rpo.seconds, rpo.met, rpo.not_read, rpo.lost) == (None, None, 1, 3)


def test_a_thousand_lost_writes_are_named_and_the_rest_is_counted(assembled: Made) -> None:
    rpo = assembled(replace(FIGURES, loss=replace(LOSS, lost_sequences=tuple(range(1_003)))))[0].rpo
    assert rpo is not None and (len(rpo.lost_writes), rpo.lost_writes_omitted) == (1_000, 3)
    assert rpo.lost_writes[-1] == f"gameday-{RUN_ID}-00000999"


STEP = {
    "name": "kill",
    "kind": "action",
    "phase": "method",
    "role": None,
    "runbook": None,
    "started": said(5.5),
    "ended": said(5.75),
    "seconds": 0.25,
    "status": "succeeded",
    "landed": None,
    "proof": None,
    "where": (),
    "targets": (),
    "error": None,
}


@pytest.mark.parametrize(
    ("started", "ended", "step"),
    [
        ({}, {"status": "succeeded"}, {}),
        (
            {"role": "fault", "runbook": "runbooks/db.md"},
            {"status": "succeeded", "landed": True, "proof": "it is gone"},
            {"role": "fault", "runbook": "runbooks/db.md", "landed": True, "proof": "it is gone"},
        ),
        (
            {},
            {"status": "succeeded", "where": ["db1"], "targets": ["a", "b"]},
            {"where": ("db1",), "targets": ("a", "b")},
        ),
        ({}, {"status": "failed", "error": "no"}, {"status": "failed", "error": "no"}),
        ({}, {"status": "succeeded", "exit_code": 7}, {"status": "failed", "error": "exit code 7"}),
        ({}, {"status": "aborted", "exit_code": 7}, {"status": "aborted", "error": "exit code 7"}),
        ({}, {"status": "succeeded", "exit_code": 0}, {}),
        ({}, {"status": "failed", "error": "no", "exit_code": 7}, {"status": "failed", "error": "no"}),
        ({}, None, {"status": "unfinished", "ended": None, "seconds": None}),
    ],
)
def test_a_step_is_recorded_as_it_went(
    assembled: Made, started: dict[str, Any], ended: dict[str, Any] | None, step: dict[str, Any]
) -> None:
    record, _ = assembled(timeline=played(started, ended))
    assert [each.model_dump() for each in record.steps] == [{**STEP, **step}]


def test_what_did_not_go_as_planned_is_recorded(assembled: Made) -> None:
    record, _ = assembled(timeline=played({}, {"status": "failed", "error": "no"}))
    assert record.deviations == ["'kill' failed: no"]


def test_the_undo_log_is_recorded_with_where_each_undo_stands(pack: Pack, assembled: Made) -> None:
    log = UndoLog(pack.undo_log)
    first = log.owe("freeze", "pause", {"func": "thaw"})
    second = log.owe("cut", "partition", {"activity": {}})
    third = log.owe("fill", "disk", {})
    log.note(third, "undo-failed", "no such disk")
    log.note(second, "undone")
    log.note(first, "undone", "it runs")
    log.note(first, "verified")
    record, given = assembled()
    assert [each.model_dump() for each in record.undo] == [
        {"fault": "pause", "step": "freeze", "state": "undone", "verified": True, "detail": "it runs"},
        {"fault": "partition", "step": "cut", "state": "undone", "verified": False, "detail": ""},
        {"fault": "disk", "step": "fill", "state": "owed", "verified": False, "detail": "no such disk"},
    ]
    assert [undo.is_declared for undo in given[-1]] == [False, True, False]


def test_the_load_is_recorded_from_its_first_send_to_its_last_answer(pack: Pack, assembled: Made) -> None:
    loaded(pack, uncertainty_ms=250)
    load = assembled()[0].load
    assert load is not None and load.model_dump() == {
        "users": 3,
        "requests": 4,
        "failures": 3,
        "requests_per_second": 2.0,
        "processes": 2,
        "spawn_rate": 2.0,
        "warm_up": 4.0,
        "clock_uncertainty": 0.25,
    }


def test_a_load_that_made_no_request_has_no_rate(assembled: Made) -> None:
    load = assembled()[0].load
    assert load is not None and (load.requests, load.failures, load.requests_per_second) == (0, 0, None)


def test_a_record_that_tells_more_series_than_are_told_today_is_measured_again_as_it_was(
    pack: Pack, assembled: Made
) -> None:
    writer = SampleWriter(pack.raw, "load.1")
    for number in range(MOST_SERIES + 2):
        writer.write(at(6), at(6), at(6) + MS, series=f"/{number}", ok=True)
    writer.close()
    today = assembled()[0]
    assert (len(today.latency), today.latency[-1].series) == (MOST_SERIES, "(other)")
    assert today.latency[-1].count == 3
    before = assemble.assemble(pack, 10_000)
    assert len(before.latency) == MOST_SERIES + 2
    for made in (today, before):
        pack.record.write_text(made.as_json())
        assert [found.file for found in verify(pack).findings if found.file == "record.json"] == []


def test_requests_without_users_are_no_load(pack: Pack, assembled: Made) -> None:
    loaded(pack)
    assert assembled(plan=replace(PLAN, users=0))[0].load is None


def test_how_far_utc_moved_is_not_known_after_a_reboot(assembled: Made) -> None:
    timeline = [{**event, "boot": str(number)} for number, event in enumerate(TIMELINE)]
    assert assembled(timeline=timeline)[0].clock["utc_drift_seconds"] is None


def test_the_record_is_on_disk_as_it_was_made(pack: Pack, assembled: Made) -> None:
    assembled()
    record = assemble.write(pack)
    assert pack.record.read_text() == record.as_json() and record.run_id == RUN_ID
