"""Runs written down by hand: phases, steps and marks, so that a test is a sentence and a history.

Times are seconds of the run; ten samples a second unless a test says otherwise. A mark is one sample:

    + good    - failed at once    T timed out    . not sent (the recorder was silent)    S skipped
    L answered late, after 300 ms
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from gameday.clock import Tie
from gameday.measure.figures import Figures, measure
from gameday.measure.history import History, Step
from gameday.measure.loss import Found, Ledger, Outcome
from gameday.measure.moments import moments
from gameday.measure.outage import Criteria, Outage, find_outages
from gameday.measure.plan import Plan, SliPlan
from gameday.measure.samples import ROW_TYPE, Samples, from_rows
from gameday.measure.sli import Judged, judge
from gameday.measure.verdict import UndoState, Verdict, judge_run
from gameday.samples import OK, SKIPPED, TIMED_OUT

MS = 1_000_000
S = 1_000 * MS
ZERO_NS = 1_000 * S
PERIOD_S = 0.1
LATENCY_MS = {"+": 2, "-": 2, "T": 1000, "S": 0, "L": 300}
FLAGS = {"+": OK, "L": OK, "-": 0, "T": TIMED_OUT, "S": SKIPPED}
# 5 s baseline, 10 s method, 10 s recovery, 1 s verification, 1 s undo, 5 s after-check
PHASES = {"baseline": 0, "method": 5, "recovery": 15, "verification": 25, "undo": 26, "after-check": 27}
END_S = 32


def at(seconds: float) -> int:
    """A moment of the run on the run clock."""
    return ZERO_NS + round(seconds * S)


def samples(
    marks: str,
    *,
    period_s: float = PERIOD_S,
    latency_ms: float | None = None,
    delays_ms: dict[int, float] | None = None,
) -> Samples:
    """Samples from marks. delays_ms: how late the sample at an index was sent, and so answered."""
    rows = []
    for index, mark in enumerate(marks):
        if mark == ".":
            continue
        due_ns = ZERO_NS + round(index * period_s * S)
        sent_ns = due_ns + round((delays_ms or {}).get(index, 0) * MS)
        took_ms = latency_ms if latency_ms is not None and mark == "+" else LATENCY_MS[mark]
        rows.append((due_ns, sent_ns, sent_ns + round(took_ms * MS), float("nan"), 0, 0, 0, FLAGS[mark]))
    return from_rows(np.array(rows, dtype=ROW_TYPE))


def judged(marks: str, **more: Any) -> Judged:
    """The same, judged: right is good."""
    return judge(samples(marks, **more))


def outages(
    marks: str, *, objective: str = "1", window_s: float = 1, sustain_s: float = 2, **more: Any
) -> list[Outage]:
    """The outages in marks, with a steady state as good as the objective."""
    steady = {name: more.pop(name) for name in ("steady_bad", "steady_total") if name in more}
    criteria = Criteria(
        Fraction(objective),
        round(window_s * S),
        round(sustain_s * S),
        2 * MS,
        round(more.get("period_s", PERIOD_S) * S),
        **steady,
    )
    return find_outages(judged(marks, **more), criteria)


def only(found: list[Outage]) -> Outage:
    """The one outage that there is."""
    assert len(found) == 1, found
    return found[0]


def sli(name: str = "health", **more: Any) -> SliPlan:
    """An SLI that a prober watches, with a recorder of its own."""
    usual: dict[str, Any] = {
        "source": "probe",
        "recorder": name,
        "match": None,
        "good": None,
        "objective": "100%",
        "window": 1.0,
        "period": PERIOD_S,
    }
    return SliPlan.from_json({"name": name, **usual, **more})


def step(name: str, start_s: float, end_s: float | None = None, **more: Any) -> Step:
    """An action of the method that succeeded; `end_s=None` takes no time."""
    usual: dict[str, Any] = {"kind": "action", "phase": "method", "status": "succeeded"}
    ended_ns = at(start_s if end_s is None else end_s)
    return Step(**{"name": name, "started_ns": at(start_s), "ended_ns": ended_ns, **usual, **more})


def fault(start_s: float = 6, name: str = "kill", **more: Any) -> Step:
    """A fault that landed."""
    return step(name, start_s, **{"role": "fault", "landed": True, "proof": "it is gone", **more})


def failover(start_s: float = 8, end_s: float = 9, **more: Any) -> Step:
    """A failover step."""
    return step("promote", start_s, end_s, **{"role": "failover", **more})


def ledger(*writes: tuple[str, str], first_s: float = 0, period_s: float = PERIOD_S) -> Ledger:
    """Writes in order, each an outcome (a, r, u: acknowledged, refused, unknown) and what was found of it.

    p, a, c, n: present, absent, corrupt, not read; a digit after it: how many copies.
    """
    outcomes = {"a": Outcome.ACKNOWLEDGED, "r": Outcome.REFUSED, "u": Outcome.UNKNOWN}
    states = {"p": Found.PRESENT, "a": Found.ABSENT, "c": Found.CORRUPT, "n": Found.NOT_READ}
    sent_ns = np.array([at(first_s + index * period_s) for index in range(len(writes))], dtype=np.int64)
    return Ledger(
        np.arange(len(writes), dtype=np.int64),
        sent_ns,
        sent_ns + 2 * MS,
        np.array([outcomes[outcome] for outcome, _ in writes], dtype=np.uint8),
        np.array([states[state[0]] for _, state in writes], dtype=np.uint8),
        np.array([int(state[1:] or state[0] in "pc") for _, state in writes], dtype=np.uint16),
    )


@dataclass(frozen=True)
class Run:
    """A run: what it is measured against, how it went, and the marks of each recorder, from 0 s on."""

    slis: tuple[SliPlan, ...] = (sli(),)
    marks: dict[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = (fault(),)
    objectives: dict[str, Any] = field(default_factory=lambda: {"rto": 3.0})
    facts: dict[str, Any] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=lambda: dict(PHASES))
    end_s: float = END_S
    writes: Ledger | None = None
    undos: tuple[UndoState, ...] = (UndoState("kill", "kill", "undone", True),)
    samples: dict[str, Samples] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        write_period = None if self.writes is None else PERIOD_S
        return Plan(
            self.slis, **{"sustain": 2.0, "deadline": 9.0, "write_period": write_period, **self.objectives}
        )

    @property
    def history(self) -> History:
        ends = [*list(self.phases.values())[1:], self.end_s]
        spans = {
            name: (at(start), at(end)) for (name, start), end in zip(self.phases.items(), ends, strict=True)
        }
        told: dict[str, Any] = {"moments": moments(self.steps), "status": "completed", **self.facts}
        return History(Tie(at(0), 0), Tie(at(self.end_s), round(self.end_s * S)), spans, self.steps, **told)

    @property
    def recorded(self) -> dict[str, Samples]:
        always = "+" * round(self.end_s / PERIOD_S)
        names = {each.recorder for each in self.slis} | ({"ledger"} if self.writes is not None else set())
        made = {name: samples(self.marks.get(name, always)) for name in names}
        return {**made, **self.samples}

    @property
    def figures(self) -> Figures:
        return measure(self.plan, self.history, self.recorded, self.writes)

    @property
    def verdict(self) -> Verdict:
        return judge_run(self.plan, self.history, self.figures, list(self.undos))

    def but(self, **changed: Any) -> Run:
        """The same run with something else."""
        return replace(self, **changed)


def out(*spans_s: tuple[float, float], end_s: float = END_S, mark: str = "-", other: str = "+") -> str:
    """Marks of a service that is out in these spans, and up otherwise."""
    times = [index * PERIOD_S for index in range(round(end_s / PERIOD_S))]
    return "".join(mark if any(a <= t + 1e-9 < b for a, b in spans_s) else other for t in times)


def run(*spans_s: tuple[float, float], **more: Any) -> Run:
    """A run whose only SLI was out in these spans."""
    return Run(marks={"health": out(*spans_s)}, **more)
