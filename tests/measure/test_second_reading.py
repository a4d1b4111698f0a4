"""The measuring beside a second reading of docs/measurement.md, on random runs; and beside the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gameday.measure.figures import Figures, measure
from gameday.measure.history import History
from gameday.measure.loss import Ledger
from gameday.measure.moments import moments
from gameday.measure.outage import Outage
from gameday.measure.samples import ROW_TYPE, Samples, from_rows
from gameday.measure.verdict import UndoState, Verdict, judge_run, rto_met
from gameday.samples import OK, SKIPPED, TIMED_OUT
from tests.measure import second_reading
from tests.measure.random_runs import Maker, Run, Trouble
from tests.measure.second_reading import Row, Undone, Write

S = 1_000_000_000
RUNS, SOAKED_RUNS, PARTS = 100, 5_000, 4


def columns(rows: list[Row]) -> Samples:
    """The rows as their recorder would have written them."""
    names = tuple(dict.fromkeys(["", *(row.series for row in rows)]))
    made = np.zeros(len(rows), dtype=ROW_TYPE)
    for place, row in enumerate(rows):
        flags = row.ok * OK | row.timed_out * TIMED_OUT | row.skipped * SKIPPED
        times = (row.scheduled, row.sent, row.done)
        made[place] = (*times, float("nan"), names.index(row.series), 0, 0, flags)
    return from_rows(made, names)


def ledger(writes: list[Write] | None) -> Ledger | None:
    """The writes as a ledger."""
    if writes is None:
        return None

    def column(name: str, kind: Any) -> Any:
        return np.array([getattr(write, name) for write in writes], dtype=kind)

    return Ledger(
        np.arange(len(writes), dtype=np.int64),
        column("sent", np.int64),
        column("done", np.int64),
        column("outcome", np.uint8),
        column("found", np.uint8),
        column("copies", np.uint16),
    )


def undo(undone: Undone) -> UndoState:
    """What became of an undo, as the log says it."""
    state = "verified" if undone.verified else "undone" if undone.has_succeeded else "undo-failed"
    return UndoState("step", "fault", state, undone.verified, "", undone.is_declared)


def measured(run: Run) -> tuple[History, Figures, Verdict]:
    """The run by the measuring under test."""
    history = replace(run.history, moments=moments(run.history.steps) | run.history.moments)
    samples = {name: columns(rows) for name, rows in run.rows.items()}
    figures = measure(run.plan, history, samples, ledger(run.writes))
    return history, figures, judge_run(run.plan, history, figures, [undo(undone) for undone in run.undos])


def as_read(outage: Outage) -> tuple[Any, ...]:
    """An outage as plain numbers."""
    ended = None if outage.ended is None else (outage.ended.low_ns, outage.ended.high_ns)
    began = (outage.began.low_ns, outage.began.high_ns)
    return outage.impact_ns, outage.recovered_ns, began, ended, outage.bad, outage.total


def differences(run: Run) -> Iterator[tuple[str, Any, Any]]:
    """Where the two readings of a run differ: what, by the second reading, by the measuring."""
    history, figures, verdict = measured(run)
    read = second_reading.read(run.plan, history, run.rows, run.writes, run.undos)
    pairs: list[tuple[str, Any, Any]] = [
        ("inject", read.inject, history.moments["inject"]),
        ("impact", read.impact, figures.rto.impact_ns),
        ("recovered", read.recovered, figures.rto.recovered_ns),
        ("met", read.met, rto_met(run.plan, history, figures)),
        ("verdict", read.word, verdict.word),
    ]
    starts = {name: (each.length_ns, each.low_ns, each.high_ns) for name, each in figures.rto.starts.items()}
    pairs.append(("starts", read.starts, starts))
    for one, other in zip(read.slis, figures.slis, strict=True):
        pairs += [(name, getattr(one, name), getattr(other, name)) for name in ("before", "during", "after")]
        seen = [(o.impact, o.recovered, o.began, o.ended, o.bad, o.total) for o in one.outages]
        pairs.append(("outages", seen, [as_read(outage) for outage in other.outages]))
    return (pair for pair in pairs if pair[1] != pair[2])


def out_too_long(run: Run, history: History) -> list[Trouble]:
    """The total outages since the fault, or across it, longer than the RTO and what a probe cannot see."""
    inject_ns, until_ns = history.moments["inject"], history.watched_until_ns
    if run.plan.rto is None or run.plan.rto_from != "impact" or inject_ns is None:
        return []
    found = []
    for number, sli in enumerate(run.plan.slis):
        if sli.source != "probe" or sli.period is None:
            continue
        borne_s = float(1 - sli.share) * sli.window + run.timeouts.get(sli.recorder, S) / S + 2 * sli.period
        for trouble in run.troubles:
            is_total = trouble.kind in ("refuses", "hangs") and trouble.share == 1 and number in trouble.on
            lasted_ns = min(trouble.end, until_ns) - max(trouble.begin, history.steady[0])
            if is_total and trouble.end > inject_ns and lasted_ns > (run.plan.rto + borne_s) * S:
                found.append(trouble)
    return found


def check(seeds: range) -> None:
    """Every run is read the same twice, and no run passes whose service was truly out for too long."""
    out = 0
    for seed in seeds:
        run = Maker(seed).make()
        assert list(differences(run)) == [], f"seed {seed}"
        history, _, verdict = measured(run)
        if troubles := out_too_long(run, history):
            out += 1
            assert verdict.word != "passed", f"seed {seed}: {troubles}"
    assert out > 0  # or the second half has looked at nothing


@pytest.mark.parametrize("part", range(PARTS))
def test_two_readings_of_a_random_run_are_one(part: int) -> None:
    check(range(part * RUNS, (part + 1) * RUNS))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_soak_two_readings_of_many_random_runs_are_one(part: int) -> None:
    check(range(10_000 + part * SOAKED_RUNS, 10_000 + (part + 1) * SOAKED_RUNS))
