"""Make the record from what the pack holds: the timeline, the plan, the samples, the ledger, the undo log."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np

from gameday.clock import NS_PER_S, Tie
from gameday.evidence import record
from gameday.evidence.pack import Pack
from gameday.faults.undolog import UndoLog
from gameday.files import storable, without_surrogates, write_atomically
from gameday.measure import history as histories
from gameday.measure.bounds import Span
from gameday.measure.figures import Figures, SliFigures, measure
from gameday.measure.history import History
from gameday.measure.latency import MOST_SERIES, latency_by_phase
from gameday.measure.loss import Ledger, read
from gameday.measure.plan import Plan
from gameday.measure.rto import Interval, Rto, responses
from gameday.measure.rules import RULES, are_alike
from gameday.measure.said import AlarmTold, Said
from gameday.measure.samples import Samples, read_all
from gameday.measure.verdict import UndoState, judge_run, rpo_met, rto_met
from gameday.observe.ledger import key_of
from gameday.phases import VERIFICATION
from gameday.samples import LEDGER, LOAD

LISTED_LOST_WRITES = 1000


def assemble(pack: Pack, most_series: int = MOST_SERIES) -> record.Record:
    """The record of a run, computed from its pack alone. most_series: so many of a source have a latency."""
    about = storable(json.loads(pack.plan.read_text()))
    plan = Plan.from_json(about)
    history = histories.from_timeline(pack.events())
    samples = recorded(pack, plan)
    ledger = recorded_ledger(pack) if plan.write_period is not None else None
    figures = measure(plan, history, samples, ledger)
    values = {sli.recorder for sli in plan.slis if sli.wanted is not None}
    undos = undo_states(UndoLog(pack.undo_log))
    verdict = judge_run(plan, history, figures, undos)
    at = _Moments(history.started)
    return record.Record(
        run_id=pack.run_id,
        rules=plan.rules if are_alike(plan.rules, RULES) else RULES,
        started=at(history.started.monotonic_ns),
        ended=at(history.ended.monotonic_ns),
        experiment=record.ExperimentPart(**about["experiment"]),
        service=record.ServicePart(**plan.service) if plan.service else None,
        test=record.TestPart(**about.get("test", {})),
        guardrails=list(history.guardrails),
        approvals=[record.ApprovalPart(**approval) for approval in history.approvals],
        verdict=verdict.word,
        reasons=list(verdict.reasons),
        rto=_rto(plan, history, figures),
        rpo=_rpo(plan, figures, pack.run_id),
        moments=_moments(at, history, figures.rto),
        response={name: _in_seconds(each) for name, each in responses(figures.rto, history).items()},
        said=[_said(at, each) for each in history.said],
        alarms=[_alarm(at, each) for each in history.alarms],
        phases=[
            record.PhasePart(name=name, started=at(start), ended=at(end), seconds=(end - start) / NS_PER_S)
            for name, (start, end) in history.phases.items()
        ],
        slis=[_sli(at, sli, history) for sli in figures.slis],
        latency=[
            record.LatencyPart(source=source, **_fields(figure))
            for source, recorder in samples.items()
            if source not in values
            for figure in latency_by_phase(recorder, history.phases, most_series)
        ],
        steps=[_step(at, step) for step in history.steps],
        undo=[
            record.UndoPart(fault=u.fault, step=u.step, state=u.state, verified=u.verified, detail=u.detail)
            for u in undos
        ],
        deviations=list(history.deviations),
        load=_load(plan, samples),
        recorders=[
            record.RecorderPart(
                name=recorder.name,
                samples=recorder.samples,
                longest_gap=_seconds(recorder.silence.longest_gap_ns),
                period=_seconds(recorder.period_ns),
                unexplained_skips=recorder.silence.unexplained,
            )
            for recorder in figures.recorders
        ],
        chaos_toolkit={"status": history.status, "deviated": history.deviated},
        clock=_clock(history),
        environment=about["environment"],
        files=pack.digests(),
    )


def series_told(record: dict[str, Any]) -> int:
    """How many series of a source a record tells apart: one of a gameday without that limit may tell more."""
    told = {(row["source"], row["series"]) for row in record["latency"]}
    return max(MOST_SERIES, *Counter(source for source, _ in told).values(), 0)


def undo_states(log: UndoLog) -> list[UndoState]:
    """Where every undo of the log stands."""
    return [
        UndoState(
            step=without_surrogates(entry.step),
            fault=without_surrogates(entry.fault),
            state="owed" if entry.is_owed else "undone",
            verified=entry.is_verified,
            detail=without_surrogates(entry.detail),
            is_declared="activity" in entry.call,
        )
        for entry in log.entries()
    ]


def recorded(pack: Pack, plan: Plan) -> dict[str, Samples]:
    """The samples of every recorder that the plan asks for, by name."""
    names = [sli.recorder for sli in plan.slis]
    names += [LOAD] if plan.users else []
    names += [LEDGER] if plan.write_period is not None else []
    if pack.samples.exists():
        from gameday.evidence import columns  # with what it imports a tenth of a second

        return {name: columns.read_samples(pack.samples, name) for name in dict.fromkeys(names)}
    return {name: read_all(pack.raw, name) for name in dict.fromkeys(names)}


def recorded_ledger(pack: Pack) -> Ledger:
    """The ledger's writes, from wherever they are."""
    if not pack.ledger.exists():
        return read(pack.raw)
    from gameday.evidence import columns  # with what it imports a tenth of a second

    return columns.read_ledger(pack.ledger)


class _Moments:
    """Moments on the run clock as people read them."""

    def __init__(self, tie: Tie) -> None:
        self.tie = tie

    def __call__(self, at_ns: int) -> str:
        return self.tie.utc(at_ns)

    def maybe(self, at_ns: int | None) -> str | None:
        return None if at_ns is None else self.tie.utc(at_ns)

    def span(self, span: Span) -> tuple[str, str]:
        return self.tie.utc(span.low_ns), self.tie.utc(span.high_ns)


def _seconds(length_ns: int | None) -> float | None:
    return None if length_ns is None else length_ns / NS_PER_S


def _in_seconds(interval: Interval) -> tuple[float, float, float]:
    return interval.length_ns / NS_PER_S, interval.low_ns / NS_PER_S, interval.high_ns / NS_PER_S


def _share(share: Fraction | None) -> float | None:
    return None if share is None else float(share)


def _fields(figure: Any) -> dict[str, Any]:
    return {name: getattr(figure, name) for name in figure.__slots__}


def _moments(at: _Moments, history: History, rto: Rto) -> dict[str, str | None]:
    after = history.phases.get(VERIFICATION)
    moments = {**history.moments, "impact": rto.impact_ns, "recovered": rto.recovered_ns}
    moments["verified"] = after[1] if after and rto.recovered else None
    order = (
        "inject",
        "impact",
        "detect",
        "acknowledge",
        "declare",
        "failover",
        "takeover",
        "mitigate",
        "recovered",
        "verified",
        "failback",
    )
    return {name: at.maybe(moments.get(name)) for name in order}


def _rto(plan: Plan, history: History, figures: Figures) -> record.RtoPart | None:
    """The RTO; left out when nothing could have seen an outage."""
    if not any(sli.is_first_hand for sli in plan.slis):
        return None
    rto = figures.rto
    starts = {name: _in_seconds(interval) for name, interval in rto.starts.items()}
    seconds, low, high = starts.get(plan.rto_from, (None, None, None))
    periods = [sli.period for sli in plan.slis if sli.may_be_clock and sli.period is not None]
    longest = [sli.longest_good_ns for sli in figures.slis if sli.plan.may_be_clock]
    return record.RtoPart(
        seconds=seconds,
        low=low,
        high=high,
        objective=plan.rto,
        met=rto_met(plan, history, figures),
        from_=plan.rto_from,
        impact_seen=rto.impact_seen,
        recovered=rto.recovered,
        deadline=plan.deadline,
        starts=starts,
        probe_period=min(periods, default=None),
        longest_good_latency=max(longest) / NS_PER_S if longest else None,
    )


def _rpo(plan: Plan, figures: Figures, run_id: str) -> record.RpoPart | None:
    loss = figures.loss
    if loss is None:
        return None
    listed = loss.lost_sequences[:LISTED_LOST_WRITES]
    return record.RpoPart(
        seconds=figures.rpo_s if not loss.not_read else None,
        objective=plan.rpo,
        met=rpo_met(plan, figures),
        **{name: getattr(loss, name) for name in COUNTS},
        lost_writes=[key_of(run_id, sequence) for sequence in listed],
        lost_writes_omitted=len(loss.lost_sequences) - len(listed),
        write_period=plan.write_period,
    )


COUNTS = (
    "acknowledged survived lost unknown unknown_survived refused phantom corrupt duplicated split_brain "
    "not_read"
).split()


def _sli(at: _Moments, sli: SliFigures, history: History) -> record.SliPart:
    return record.SliPart(
        name=sli.plan.name,
        source=sli.plan.source,
        objective=sli.plan.objective,
        samples=sli.samples,
        before=_share(sli.before),
        during=_share(sli.during),
        after=_share(sli.after),
        outages=[
            record.OutagePart(
                start=at(outage.impact_ns),
                end=at.maybe(outage.recovered_ns),
                began=at.span(outage.began),
                ended=at.span(outage.ended) if outage.ended else None,
                seconds=outage.seconds,
                low=outage.low_s,
                high=outage.high_s,
                bad=outage.bad,
                total=outage.total,
                phase=history.phase_at(outage.impact_ns),
            )
            for outage in sli.outages
        ],
        budget=record.BudgetPart(**_fields(sli.budget)) if sli.budget else None,
    )


def _said(at: _Moments, said: Said) -> record.SaidPart:
    told = {"what": said.what, "by": said.by, "text": said.text, "asked": said.asked}
    return record.SaidPart(**told, said=at(said.said_ns), heard=at(said.heard_ns))


def _alarm(at: _Moments, alarm: AlarmTold) -> record.AlarmPart:
    return record.AlarmPart(
        name=alarm.name,
        status=alarm.status,
        received=at(alarm.said_ns),
        heard=at(alarm.heard_ns),
        starts_at=alarm.starts_at,
        fingerprint=alarm.fingerprint,
        summary=alarm.summary,
        labels=alarm.labels,
    )


def _step(at: _Moments, step: histories.Step) -> record.StepPart:
    seconds = None if step.ended_ns is None else (step.ended_ns - step.started_ns) / NS_PER_S
    return record.StepPart(
        name=step.name,
        kind=step.kind,
        phase=step.phase,
        role=step.role,
        runbook=step.runbook,
        started=at(step.started_ns),
        ended=at.maybe(step.ended_ns),
        seconds=seconds,
        status="failed" if step.has_failed and step.status == "succeeded" else step.status,
        landed=step.landed,
        proof=step.proof,
        where=step.where,
        targets=step.targets,
        error=step.error or (f"exit code {step.exit_code}" if step.exit_code else None),
    )


def _load(plan: Plan, samples: dict[str, Samples]) -> record.LoadPart | None:
    load = samples.get(LOAD)
    if load is None or not plan.users:
        return None
    seconds = (int(load.done_ns.max()) - int(load.sent_ns.min())) / NS_PER_S if len(load) else 0.0
    return record.LoadPart(
        users=plan.users,
        requests=len(load),
        failures=int(np.count_nonzero(~load.ok)),
        requests_per_second=len(load) / seconds if seconds else None,
        processes=plan.processes,
        spawn_rate=plan.spawn_rate,
        warm_up=plan.warm_up,
        clock_uncertainty=load.uncertainty_ns / NS_PER_S,
    )


def _clock(history: History) -> dict[str, Any]:
    drift_ns = history.started.drift_ns(history.ended)
    return {
        "started_monotonic_ns": history.started.monotonic_ns,
        "started_utc_ns": history.started.utc_ns,
        "utc_drift_seconds": None if drift_ns is None else drift_ns / NS_PER_S,
    }


def write(pack: Pack) -> record.Record:
    """Assemble the record and put it on disk."""
    made = assemble(pack)
    write_atomically(pack.record, made.as_json())
    return made
