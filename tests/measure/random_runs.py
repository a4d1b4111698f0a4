"""Whole runs at random, a seed each: what truly befell a service, what was seen of it, what was played."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from gameday.clock import Tie
from gameday.experiment.sources import as_before
from gameday.measure.history import History, Step
from gameday.measure.plan import Plan, SliPlan
from gameday.writes import ABSENT, ACKNOWLEDGED, CORRUPT, NOT_READ, PRESENT, REFUSED, UNKNOWN
from tests.measure.second_outages import MS, Row, S
from tests.measure.second_reading import Undone, Write

ZERO = 1_000 * S
OBJECTIVES = ("100%", "100%", "99.9%", "99%", "99%", "95%", "90%", "75%", "50%", "33.3%")
WINDOWS = (0.3, 1.0, 1.0, 2.0, 2.5, 5.0)
EDGES = ("baseline", "method", "recovery", "verification", "undo", "after-check")


@dataclass(frozen=True, slots=True)
class Trouble:
    """The truth: what is wrong with the service in [begin, end).

    kind: `refuses` at once, `hangs` until the end, `fails` for a share of requests, `slow` by so much. on:
    the SLIs that notice.
    """

    kind: str
    begin: int
    end: int
    on: frozenset[int]
    share: float = 1.0
    slow: int = 0


@dataclass(slots=True)
class Run:
    """One run, with its truth. uncertainty: how far a recorder's clock may be off."""

    seed: int
    plan: Plan
    history: History
    rows: dict[str, list[Row]]
    writes: list[Write] | None
    undos: list[Undone]
    troubles: list[Trouble] = field(default_factory=list)
    timeouts: dict[str, int] = field(default_factory=dict)
    uncertainty: dict[str, int] = field(default_factory=dict)

    def seen_as(self, recorder: str) -> int:
        """The number of the SLI whose troubles a recorder meets."""
        return next((n for n, sli in enumerate(self.plan.slis) if sli.recorder == recorder), 0)


class Maker:
    """Makes the run of a seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        # whole steps of a grain meet every edge exactly; a grain of 1 ns meets none
        self.grain = self.chance.choice((1, 1, MS, 10 * MS, 50 * MS))

    def some(self, low: float, high: float) -> int:
        """A random time of seconds, in nanoseconds, on the grain."""
        return round(self.chance.uniform(low, high) * S / self.grain) * self.grain

    def often(self, share: float) -> bool:
        """True in a share of cases."""
        return self.chance.random() < share

    def make(self) -> Run:
        """The run."""
        phases = self.phases()
        steps = self.steps(phases)
        plan = self.plan()
        troubles = self.troubles(plan, phases, steps)
        end = max(end for _, end in phases.values())
        begin = ZERO - S // 2
        rows: dict[str, list[Row]] = {}
        timeouts: dict[str, int] = {}
        for number, sli in enumerate(plan.slis):
            if sli.recorder not in rows:
                timeouts[sli.recorder] = self.some(0.1, 1.0) or 100 * MS
                ask = Service(self, number, troubles, timeouts[sli.recorder])
                holds = self.holds(troubles, begin, end)
                rows[sli.recorder] = self.record(sli, ask, holds, begin, end)
        writes = None
        if plan.write_period_ns is not None:
            if "ledger" not in rows:
                ask = Service(self, 0, troubles, S)
                holds = self.holds(troubles, begin, end)
                rows["ledger"] = self.ledger(plan.write_period_ns, ask, holds, begin, end)
            writes = self.writes(rows["ledger"])
        history = self.history(phases, steps, rows)
        uncertainty = {"load": self.some(0, 0.05)} if "load" in rows and self.often(0.2) else {}
        return Run(self.seed, plan, history, rows, writes, self.undos(), troubles, timeouts, uncertainty)

    # ------------------------------------------------------------------------------ phases and steps

    def phases(self) -> dict[str, tuple[int, int]]:
        """Every phase, or those before a halt and the undo."""
        lengths = {
            "baseline": self.some(1, 4),
            "method": self.some(0.5, 3),
            "recovery": self.some(0.5, 5),
            "verification": self.some(0, 1),
            "undo": self.some(0.1, 1),
            "after-check": self.some(0.5, 3),
        }
        phases = {}
        at = ZERO
        for name, length in lengths.items():
            phases[name] = (at, at + length)
            at += length
        return phases

    def steps(self, phases: dict[str, tuple[int, int]]) -> tuple[Step, ...]:
        """A method: with a fault, with actions before it, only failovers, or nothing."""
        begin, end = phases["method"]
        kind = self.chance.choices(
            ("fault", "action, then fault", "failover", "action", "failover, then action", "probe", "none"),
            (10, 3, 3, 3, 1, 0.5, 0.5),
        )[0]
        known: dict[str, list[str | None]] = {
            "fault": ["fault"],
            "action, then fault": [None, "fault"],
            "action": [None],
            "failover, then action": ["failover", None],
        }
        roles = known.get(kind, [])
        if kind == "failover" or (kind not in ("probe", "none") and self.often(0.5)):
            roles = [*roles, *["failover"] * self.chance.randint(1, 2)]
        if self.often(0.15) and roles:
            roles = [*roles, "fault"]
        steps = []
        if self.often(0.5):
            steps.append(self.step("before", "probe", "baseline", phases["baseline"][1] - MS, MS))
        at = begin + (0 if self.often(0.3) else self.some(0, 0.3))
        for number, role in enumerate(roles):
            length = self.some(0, 0.5)
            step = self.step(f"step {number}", "action", "method", at, length, role)
            steps.append(step)
            is_background = self.often(0.2)
            at += 0 if is_background else length
            at = min(end, at + (0 if self.often(0.3) else self.some(0, 1)))
        if kind == "probe" or self.often(0.1):
            steps.append(self.step("look", "probe", "method", begin, MS))
        if self.often(0.2):
            role = self.chance.choice((None, "failback", "failover"))
            steps.append(self.step("home", "action", "undo", phases["undo"][0], MS, role))
        if self.often(0.2):
            steps.append(self.step("after", "probe", "verification", phases["verification"][0], MS))
        return tuple(steps)

    def step(
        self, name: str, kind: str, phase: str, begin: int, length: int, role: str | None = None
    ) -> Step:
        """A step that nearly always succeeds."""
        landed = self.chance.choices((True, None, False), (12, 3, 0.3))[0] if role == "fault" else None
        if role is None and kind == "action" and self.often(0.2):
            landed = self.chance.choice((True, True, False))
        status = "failed" if self.often(0.01) else "succeeded"
        exit_code = self.chance.choices((None, 0, 1), (8, 2, 0.05))[0]
        return Step(name, kind, phase, begin, begin + length, role, None, status, landed, exit_code=exit_code)

    def history(  # noqa: PLR0911 - a fate a line
        self, phases: dict[str, tuple[int, int]], steps: tuple[Step, ...], rows: dict[str, list[Row]]
    ) -> History:
        """The history: complete, or halted, aborted or unsteady."""
        end = max(end for _, end in phases.values())
        history = History(
            started=Tie(ZERO - 2 * S, 1_795_428_902_123_456_000),
            ended=Tie(end, 1_795_428_902_123_456_000 + end - ZERO + 2 * S),
            phases=phases,
            steps=steps,
            status="completed",
            moments={"declare": phases["method"][0] + self.some(0, 2)} if self.often(0.3) else {},
        )
        ending = self.chance.choices(
            ("whole", "halted", "aborted", "unsteady", "deviated", "engine", "lost"),
            (40, 1.5, 1, 1, 0.5, 0.5, 0.5),
        )[0]
        if ending == "halted":
            return replace(self.cut(history), halted="Ctrl-C")
        if ending == "aborted":
            return replace(self.cut(history), aborted="a bug", halted="Ctrl-C" if self.often(0.3) else None)
        if ending == "unsteady":
            keep = ("baseline", "undo")
            steps = tuple(step for step in steps if step.phase == "baseline")
            left = {name: span for name, span in phases.items() if name in keep}
            left["undo"] = (left["baseline"][1], left["baseline"][1] + S)
            return replace(history, phases=left, steps=steps, unsteady="it was not", status=None)
        if ending == "deviated":
            return replace(history, deviated=True)
        if ending == "engine":
            return replace(history, engine_error="it broke")
        if ending == "lost":
            return replace(history, lost_recorders=(next(iter(rows), "engine"),))
        return history

    def cut(self, history: History) -> History:
        """The history of a run that was stopped in some phase: the undo follows at once, and nothing else."""
        names = list(history.phases)
        last = self.chance.randrange(0, 5)
        begin, end = history.phases[names[last]]
        stop = self.chance.randint(begin, end)
        phases = {name: history.phases[name] for name in names[:last]} | {names[last]: (begin, stop)}
        if names[last] != "undo":
            phases["undo"] = (stop, stop + self.some(0, 1))
        steps = tuple(step for step in history.steps if step.started_ns <= stop)
        return replace(history, phases=phases, steps=steps, status=None)

    # ------------------------------------------------------------------------------------- the plan

    def plan(self) -> Plan:
        """1 to 3 SLIs with objectives, and perhaps a ledger."""
        has_ledger = self.often(0.4)
        write_period = self.chance.choice((0.02, 0.05, 0.1)) if has_ledger else None
        slis = tuple(self.sli(number, write_period) for number in range(self.chance.choice((1, 1, 2, 3))))
        rto = self.chance.choice((None, 0.2, 0.5, 1.0, 1.0, 2.0, 3.0, 5.0))
        deadline = self.chance.choice((1.0, 2.0, 3 * (rto or 1.0), 300.0))
        return Plan(
            slis=slis,
            rto=rto,
            rpo=self.chance.choice((None, 0.0, 0.0, 0.5, 5.0)) if has_ledger else None,
            rto_from=self.chance.choices(("impact", "inject", "declare"), (6, 2, 1))[0],
            sustain=self.chance.choice((0.1, 0.3, 0.5, 0.5, 1.0, 2.0)),
            deadline=deadline,
            write_period=write_period,
        )

    def sli(self, number: int, write_period: float | None) -> SliPlan:
        """An SLI of a probe, of the load or of the ledger."""
        sources = ["probe", "probe", "load"] + (["ledger"] if write_period is not None else [])
        source = self.chance.choice(sources)
        period = self.chance.choice((0.02, 0.05, 0.05, 0.1)) if source == "probe" else None
        made = SliPlan(
            name=f"sli {number}",
            source=source,
            recorder=f"probe-{number}" if source == "probe" else source,
            match=self.chance.choice((None, None, "a", "b")) if source == "load" else None,
            good=self.chance.choice((None, None, 0.05, 0.1, 0.2)),
            objective=self.chance.choice(OBJECTIVES),
            window=self.chance.choice(WINDOWS),
            period=write_period if source == "ledger" else period,
            limit_is_good=self.often(0.3),
        )
        return replace(made, **as_before(source))

    # ------------------------------------------------------------------------------------ the truth

    def troubles(
        self, plan: Plan, phases: dict[str, tuple[int, int]], steps: tuple[Step, ...]
    ) -> list[Trouble]:
        """What goes wrong: mostly from the fault on, at times anywhere, across any edge, or all the time."""
        everyone = frozenset(range(len(plan.slis)))
        begin, end = ZERO, max(end for _, end in phases.values())
        faults = [step.started_ns for step in steps if step.phase == "method" and step.kind == "action"]
        troubles = []
        if faults and self.often(0.7):
            at = self.chance.choice(faults) + self.some(0, 0.2)
            troubles.append(self.trouble(at, everyone))
        for _ in range(self.chance.choices((0, 1, 2, 3), (5, 3, 2, 1))[0]):
            edge = phases[self.chance.choice(EDGES)][0] - self.some(-0.3, 1.0)
            at = edge if self.often(0.6) else begin + self.some(0, (end - begin) / S)
            on = everyone if self.often(0.7) else frozenset(n for n in everyone if self.often(0.5))
            troubles.append(self.trouble(at, on))
        if troubles and self.often(0.25):  # a relapse
            first = self.chance.choice(troubles)
            troubles.append(self.trouble(first.end + self.some(0, plan.sustain * 1.2), first.on))
        if self.often(0.03):  # two runs at once: out from before the start
            troubles.append(Trouble("refuses", begin - S, begin + self.some(0, 15), everyone))
        if self.often(0.3):  # errors of the steady state
            share = self.chance.choice((0.0005, 0.002, 0.005, 0.02, 0.1))
            troubles.append(Trouble("fails", begin - S, end + S, everyone, share))
        if self.often(0.15):  # a blip in the baseline
            at = begin + self.some(0, (phases["baseline"][1] - begin) / S)
            troubles.append(Trouble("refuses", at, at + self.some(0.01, 0.15), everyone))
        return troubles

    def trouble(self, begin: int, on: frozenset[int]) -> Trouble:
        """Something that goes wrong from a moment on."""
        kind = self.chance.choices(("refuses", "hangs", "fails", "slow"), (5, 4, 3, 1))[0]
        length = self.some(*self.chance.choice(((0.01, 0.2), (0.2, 1.5), (0.5, 3.0))))
        share = self.chance.choice((0.05, 0.2, 0.5, 0.8)) if kind == "fails" else 1.0
        return Trouble(kind, begin, begin + length, on, share, self.some(0.02, 0.4))

    # ---------------------------------------------------------------------------------- the recorders

    def holds(self, troubles: list[Trouble], begin: int, end: int) -> list[tuple[int, int]]:
        """When a recorder on schedule is held up: at any time, or where the service is in trouble."""
        holds = []
        for _ in range(self.chance.choices((0, 1, 3), (6, 2, 1))[0]):
            at = begin + self.some(0, (end - begin) / S)
            holds.append((at, at + self.some(0.005, 0.6)))
        if troubles and self.often(0.1):
            trouble = self.chance.choice(troubles)
            at = self.chance.choice((trouble.begin, trouble.end)) + self.some(-0.2, 0.1)
            holds.append((at, at + self.some(0.005, 0.6)))
        return holds

    def record(
        self, sli: SliPlan, ask: Service, holds: list[tuple[int, int]], begin: int, end: int
    ) -> list[Row]:
        """What the SLI's recorder sees."""
        if sli.source == "load":
            return self.closed_loop(ask, begin, end)
        assert sli.period_ns is not None
        if sli.source == "ledger":
            return self.ledger(sli.period_ns, ask, holds, begin, end)
        return self.on_schedule(sli.period_ns, ask, holds, begin, end)

    def on_schedule(
        self, period: int, ask: Service, holds: list[tuple[int, int]], begin: int, end: int
    ) -> list[Row]:
        """A prober: one sample a period; held up at times, full at times, dead at times."""
        limit = self.chance.choice((3, 5, 20, 1000))
        rows: list[Row] = []
        due = begin + self.some(0, period / S)
        while due <= end + S // 10:
            sent = awake(holds, due + (self.some(0, 0.0005) if self.often(0.5) else 0))
            in_flight = sum(row.done > sent for row in rows if not row.skipped)
            if in_flight >= limit:
                rows.append(self.skipped(Row(due, sent, sent)))
            else:
                done, ok, timed_out = ask.answer(sent)
                rows.append(Row(due, sent, max(sent, awake(holds, done)), ok, timed_out))
            due += period
        if self.often(0.06):
            gap = begin + self.some(0, (end - begin) / S)
            until = gap + self.some(0.1, 2)
            rows = [row for row in rows if not gap <= row.scheduled < until]
        if self.often(0.04):
            at, until = begin + self.some(0, (end - begin) / S), self.some(0, 0.5)
            rows = [self.skipped(row) if at <= row.scheduled <= at + until else row for row in rows]
        return rows

    def skipped(self, row: Row, waited: int = 0) -> Row:
        """The same sample, had the recorder not sent it, after waiting so long for a turn."""
        gave_up = row.sent + waited
        return Row(row.scheduled, gave_up, gave_up, ok=False, skipped=True, series=row.series)

    def ledger(
        self, period: int, ask: Service, holds: list[tuple[int, int]], begin: int, end: int
    ) -> list[Row]:
        """A ledger: as a prober, but a write waits for its turn before it is skipped."""
        waited = self.chance.choice((0, 100 * MS, 600 * MS))
        rows = self.on_schedule(period, ask, holds, begin, end)
        return [self.skipped(row, waited) if row.skipped else row for row in rows]

    def closed_loop(self, ask: Service, begin: int, end: int) -> list[Row]:
        """A load: each user asks, waits for the answer and then a while."""
        rows = []
        for _ in range(self.chance.choice((1, 2, 5))):
            at = begin + self.some(0, 0.2)
            while at < end:
                done, ok, timed_out = ask.answer(at)
                rows.append(Row(at, at, done, ok, timed_out, series=self.chance.choice("aab")))
                at = done + self.some(0.02, 0.15)
        return sorted(rows, key=lambda row: row.scheduled)

    def writes(self, rows: list[Row]) -> list[Write]:
        """The ledger's writes, of which the newest before an outage may be lost."""
        out = next((n for n, row in enumerate(rows) if not row.ok and row.scheduled > ZERO + S), len(rows))
        lost = self.chance.choices((0, 1, 5), (10, 1, 1))[0]
        late = self.chance.choices((0, 1), (30, 1))[0]
        writes = []
        for number, row in enumerate(rows):
            if row.skipped:
                continue
            outcome = ACKNOWLEDGED if row.ok else UNKNOWN if row.timed_out else REFUSED
            found = PRESENT if row.ok or self.often(0.1) else ABSENT
            if row.ok and (out - lost <= number < out or (late and number % 50 == 49)):
                found = self.chance.choice((ABSENT, ABSENT, CORRUPT))
            writes.append(Write(row.sent, row.done, outcome, found))
        if self.often(0.03) and writes:
            writes[-1] = replace(writes[-1], found=NOT_READ)
        if self.often(0.01):
            writes = [replace(w, outcome=UNKNOWN) for w in writes]
        return writes

    def undos(self) -> list[Undone]:
        """Undos that are nearly always verified."""
        undos = []
        for _ in range(self.chance.randint(0, 2)):
            is_declared = self.often(0.3)
            is_bad = self.often(0.02)
            undos.append(Undone(not is_declared and not is_bad, not is_bad, is_declared))
        return undos


def awake(holds: list[tuple[int, int]], at: int) -> int:
    """The first moment from `at` on at which the recorder runs."""
    for begin, end in sorted(holds):
        if begin <= at < end:
            at = end
    return at


class Service:
    """The service as the SLI of this number finds it."""

    def __init__(self, maker: Maker, number: int, troubles: list[Trouble], timeout: int) -> None:
        self.maker = maker
        self.troubles = [trouble for trouble in troubles if number in trouble.on]
        self.timeout = timeout

    def answer(self, sent: int) -> tuple[int, bool, bool]:
        """When the answer to a request came, whether it was right, whether it timed out."""
        maker = self.maker
        works_from, takes = sent, maker.some(0.001, 0.008)
        for trouble in sorted(self.troubles, key=lambda t: t.begin):
            if not trouble.begin <= works_from < trouble.end:
                continue
            if trouble.kind == "hangs":
                works_from = trouble.end
            elif trouble.kind == "slow":
                takes += trouble.slow
            elif maker.often(trouble.share):
                done = works_from + maker.some(0, 0.003)
                return (done, False, False) if done <= sent + self.timeout else self.too_late(sent)
        done = works_from + takes
        return (done, True, False) if done <= sent + self.timeout else self.too_late(sent)

    def too_late(self, sent: int) -> tuple[int, bool, bool]:
        return sent + self.timeout, False, True
