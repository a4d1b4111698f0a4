"""The runner: plays an experiment from its baseline to its after-check, and puts everything back.

It runs no third-party activity in its own process: an activity that hangs, leaks or crashes takes down a
disposable child, and the runner still undoes and records.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from gameday import clock
from gameday.errors import InvalidInput, Problem
from gameday.evidence import assemble, pack, report
from gameday.evidence.pack import Pack
from gameday.evidence.record import Record
from gameday.experiment import Experiment
from gameday.experiment.activities import walk, with_role
from gameday.experiment.model import FAULT
from gameday.faults.undolog import LOG_VARIABLE, Entry, UndoLog
from gameday.measure import history
from gameday.measure.plan import Plan, plan_of
from gameday.measure.verdict import baseline_trouble
from gameday.observe import load as locust
from gameday.observe.preflight import unreachable
from gameday.run import undo
from gameday.run.children import Child, end_load, start_load
from gameday.run.timeline import Timeline
from gameday.run.view import Now, View
from gameday.run.watch import Watch

TICK_S = 0.1
LOOK_FOR_RECOVERY_EVERY_S = 0.5
START_WITHIN_S = 60.0
READ_BACK_WITHIN_S = 300.0
ROLLBACKS_WITHIN_S = 3600.0
EXIT_CODES = {"passed": 0, "failed": 1, "halted": 3, "aborted": 3, "inconclusive": 4}
UNDO_OWED = 5


class Halt(Exception):
    """The run must stop now, undo everything and say why."""


class Unsteady(Exception):
    """The steady state does not hold, so nothing will be broken."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. rollbacks: Chaos Toolkit's strategy, None for the file's or `always`."""

    results: Path
    variables: tuple[str, ...] = ()
    rollbacks: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run."""

    pack: Pack
    record: Record

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        is_owed = any(entry.state == "owed" for entry in self.record.undo)
        return UNDO_OWED if is_owed else EXIT_CODES[self.record.verdict]


def run(experiment: Experiment, options: Options, view: View) -> Outcome:
    """Play an experiment. Raises GamedayError, with nothing touched, when it cannot begin."""
    engine_trouble(experiment, options)
    folder = pack.create(options.results, experiment.title)
    game = Run(experiment, options, folder, view)
    with game.signals_heard(), view:
        game.play()
    return Outcome(folder, game.finish())


def engine_trouble(experiment: Experiment, options: Options) -> None:
    """Have chaoslib validate the experiment in a process of its own. Raises InvalidInput with what it says."""
    engine = Child.engine(
        {"experiment": experiment.document, "variables": list(options.variables), "only_validate": True},
        Path(os.devnull),
        dict(os.environ),
    )
    engine.process.wait()
    messages = list(engine.messages())
    engine.kill()
    trouble = next((message["trouble"] for message in messages if message["event"] == "validated"), None)
    if not messages:
        trouble = f"the engine did not start (exit code {engine.process.returncode})"
    if trouble is not None:
        line, column = experiment.places.of_value(_activity_named_in(trouble, experiment.document))
        raise InvalidInput(
            [Problem(str(experiment.path), line, column, f"Chaos Toolkit refuses it: {trouble}")]
        )


def check_reachable(experiment: Experiment) -> None:
    """Ask everything that the run needs once. Raises InvalidInput with what does not answer."""
    problems = [
        Problem(str(experiment.path), *experiment.places.of_value(path), f"{'.'.join(map(str, path))}: {why}")
        for path, why in unreachable(experiment.blocks)
    ]
    if problems:
        raise InvalidInput(problems)


def _activity_named_in(trouble: str, document: dict[str, Any]) -> tuple[str | int, ...]:
    """The path of the activity that a message of chaoslib names; the whole file when it names none."""
    for path, activity in walk(document):
        if activity.get("name") and f"'{activity['name']}'" in trouble:
            return path
    return ()


@dataclass
class Run:
    """One run and everything it started."""

    experiment: Experiment
    options: Options
    pack: Pack
    view: View
    plan: Plan = field(init=False)
    timeline: Timeline = field(init=False)
    watch: Watch = field(init=False)
    engine: Child | None = None
    recorders: list[Child] = field(default_factory=list)
    locust: subprocess.Popen[bytes] | None = None
    phases: dict[str, int] = field(default_factory=dict)
    engine_waits: str | None = None
    engine_has_ended: bool = False
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    signalled: str | None = None
    inject_ns: int | None = None

    def __post_init__(self) -> None:
        self.plan = plan_of(self.experiment.blocks)
        self.timeline = Timeline(self.pack.timeline)
        self.timeline.listeners.append(self.view.event)
        self.watch = Watch(self.pack.raw, self.plan)

    def play(self) -> None:
        """The game day's programme."""
        assemble.describe(self.pack, self.experiment, self.plan)
        self.timeline.tie_clocks()
        self.timeline.add("run", run_id=self.pack.run_id, title=self.experiment.title)
        try:
            self.start_engine()
            self.start_recorders()
            self.baseline()
            self.method()
            self.recovery()
            self.verification()
            self.roll_back()
        except Unsteady as unsteady:
            self.timeline.add("unsteady", reason=str(unsteady))
        except Halt as halt:
            self.timeline.add("halted", reason=str(halt))
        except Exception as error:
            # the record says `aborted`, the log has the trace, and everything is still put back
            self.timeline.add("aborted", reason=f"gameday itself failed: {type(error).__name__}: {error}")
            (self.pack.logs / "gameday.log").write_text(traceback.format_exc())
        finally:
            self.put_back()
            self.stop_recorders()
            self.timeline.tie_clocks()

    def finish(self) -> Record:
        """Measure, judge and report from what is in the pack."""
        assemble.keep_samples(self.pack)
        record = assemble.write(self.pack)
        report.write(self.pack)
        self.view.end(self.pack, record)
        return record

    # the phases

    def baseline(self) -> None:
        """Let the load warm up, then see that the steady state holds before anything is broken."""
        if not self.plan.is_watched:
            return
        load = self.experiment.blocks.load
        if load is not None:
            self.phase("warm-up")
            within_s = START_WITHIN_S + (
                load.workers.within if load.workers else load.users / load.spawn_rate
            )
            self.until(lambda: locust.running_users(self.pack.raw) >= load.users, within_s, "Locust's users")
            self.wait(load.warm_up)
        self.phase(history.BASELINE)
        self.wait(self.plan.baseline)
        shares = self.watch.shares_between(self.phases[history.BASELINE], clock.now_ns())
        if trouble := baseline_trouble(shares):
            raise Unsteady(trouble)

    def method(self) -> None:
        """Let the engine check the hypothesis and play the method."""
        if history.BASELINE not in self.phases:
            self.phase(history.BASELINE)
        self.go_on()
        self.until(lambda: self.engine_waits is not None or self.engine_has_ended)

    def recovery(self) -> None:
        """Wait until service is back and has stayed so, or until the deadline."""
        if self.engine_waits != "recovery":
            return
        self.phase(history.RECOVERY)
        if not self.plan.slis or self.inject_ns is None:
            return
        limit_s = self.plan.deadline + self.plan.sustain
        is_back = self.every(LOOK_FOR_RECOVERY_EVERY_S, self.is_back)
        deadline_ns = self.inject_ns + round(limit_s * clock.NS_PER_S)
        while not is_back():
            if clock.now_ns() > deadline_ns:
                self.timeline.add("deadline", reason=f"service was not back after {self.plan.deadline:g} s")
                return
            self.pump()
        self.timeline.add("recovered")

    def is_back(self) -> bool:
        """Whether every outage since the fault is over and stayed so, and none is still to be expected."""
        assert self.inject_ns is not None
        outages = self.watch.outages((self.phases[history.BASELINE], self.inject_ns), self.inject_ns)
        if any(outage.recovered_ns is None for outage in outages):
            return False
        quiet_ns = clock.now_ns() - self.phases[history.RECOVERY]
        return bool(outages) or quiet_ns >= self.plan.sustain * clock.NS_PER_S

    def verification(self) -> None:
        """Read the ledger back from the survivor before anything is undone; let the engine check again."""
        if self.engine_waits != "recovery":
            return
        self.phase(history.VERIFICATION)
        ledger = next((child for child in self.recorders if child.name == "ledger"), None)
        if ledger is not None:
            ledger.send("read-back")
            self.until(lambda: "read-back" in self.answers, READ_BACK_WITHIN_S, "the ledger's read-back")
        self.go_on()
        self.until(lambda: self.engine_waits is not None or self.engine_has_ended)

    def roll_back(self) -> None:
        """Let the engine play the rollbacks."""
        self.phase(history.UNDO)
        if not self.engine_has_ended:
            self.go_on()
            self.until(lambda: self.engine_has_ended, ROLLBACKS_WITHIN_S, "the rollbacks")

    def put_back(self) -> None:
        """Undo whatever is still owed, whatever happened; then watch that service is as before."""
        was_cut_short = not self.engine_has_ended
        if self.engine is not None:
            self.engine.kill()
        if history.UNDO not in self.phases:
            self.phase(history.UNDO)
        if was_cut_short and history.METHOD in self.phases:
            self.rollbacks_after_a_halt()
        undo.play(UndoLog(self.pack.undo_log), self.tell_undo)
        if not was_cut_short and self.plan.after_check and history.METHOD in self.phases:
            self.phase(history.AFTER_CHECK)
            try:
                self.wait(self.plan.after_check)
            except Halt as halt:
                self.timeline.add("halted", reason=str(halt))

    def rollbacks_after_a_halt(self) -> None:
        """Play the rollbacks in a new engine: the old one may have hung inside an activity."""
        self.engine_has_ended = False
        self.engine = self.new_engine(only_rollbacks=True, left_journal=str(self.pack.journal))
        deadline_ns = clock.now_ns() + round(ROLLBACKS_WITHIN_S * clock.NS_PER_S)
        while self.engine.is_alive and not self.engine_has_ended and clock.now_ns() < deadline_ns:
            self.listen()
            if self.engine_waits is not None:
                self.go_on()
        self.engine.kill()

    # the children

    def start_engine(self) -> None:
        """Start the engine; it waits for the word to begin."""
        self.engine = self.new_engine()
        self.until(lambda: self.engine_waits == "start", START_WITHIN_S, "the engine")

    def new_engine(self, **more: Any) -> Child:
        """An engine with this run's orders."""
        orders = {
            "experiment": self.experiment.document,
            "variables": list(self.options.variables),
            "rollbacks": self.options.rollbacks,
            "journal": str(self.pack.journal),
            **more,
        }
        environment = {**os.environ, LOG_VARIABLE: str(self.pack.undo_log)}
        return Child.engine(orders, self.pack.logs / "engine.log", environment)

    def start_recorders(self) -> None:
        """Start whatever the experiment asks for: prober, ledger, load."""
        blocks, folder = self.experiment.blocks, str(self.pack.raw)
        probes = {sli.recorder: dump(sli.probe) for sli in blocks.slis if sli.probe is not None}
        if probes:
            self.start_recorder("prober", {"folder": folder, "probes": probes})
        if blocks.ledger is not None:
            orders = {"folder": folder, "run": self.pack.run_id, "ledger": dump(blocks.ledger)}
            self.start_recorder("ledger", orders)
        self.until(
            lambda: len(self.answers.get("ready", {})) >= len(self.recorders), START_WITHIN_S, "the recorders"
        )
        if blocks.load is not None:
            locustfile = (self.experiment.path.parent / blocks.load.locustfile).resolve()
            command = locust.command(blocks.load, locustfile)
            self.locust = start_load(
                command, self.pack.logs / "locust.log", locust.environment(self.pack.raw)
            )

    def start_recorder(self, name: str, orders: dict[str, Any]) -> None:
        """Start one recorder module of `gameday.observe`."""
        log = self.pack.logs / f"{name}.log"
        self.recorders.append(Child.recorder(name, f"gameday.observe.{name}", orders, log))

    def stop_recorders(self) -> None:
        """End load and recorders, the load first: nothing should see it go."""
        if self.locust is not None:
            end_load(self.locust)
        for child in self.recorders:
            child.stop()

    # time passes

    def wait(self, seconds: float) -> None:
        """Let time pass while everything is watched."""
        end_ns = clock.now_ns() + round(seconds * clock.NS_PER_S)
        while clock.now_ns() < end_ns:
            self.pump()

    def until(self, condition: Callable[[], bool], within_s: float | None = None, what: str = "") -> None:
        """Watch until a condition holds. Halts when it takes longer than `within_s`."""
        end_ns = None if within_s is None else clock.now_ns() + round(within_s * clock.NS_PER_S)
        while not condition():
            if end_ns is not None and clock.now_ns() > end_ns:
                raise Halt(f"{what} did not come within {within_s:g} s")
            self.pump()

    def every(self, period_s: float, check: Callable[[], bool]) -> Callable[[], bool]:
        """A check that is made no more often than once a period."""
        last_ns = 0

        def checked() -> bool:
            nonlocal last_ns
            if clock.now_ns() - last_ns < period_s * clock.NS_PER_S:
                return False
            last_ns = clock.now_ns()
            return check()

        return checked

    def pump(self) -> None:
        """One tick: hear the children, see that they live, show what is going on. Raises Halt."""
        self.listen()
        if self.signalled is not None:
            raise Halt(self.signalled)
        self.look_after_children()

    def listen(self) -> None:
        """Hear the children for one tick."""
        children = [child for child in (self.engine, *self.recorders) if child is not None]
        select.select([child.inbox for child in children if child.is_alive], [], [], TICK_S)
        for child in children:
            for message in child.messages():
                self.heard(child, message)
        self.watch.read_on()
        self.view.tick(self.now())

    def look_after_children(self) -> None:
        """Halt when something that must live has died."""
        if self.engine is not None and not self.engine.is_alive and not self.engine_has_ended:
            raise Halt(f"the engine ended by itself (exit code {self.engine.process.returncode})")
        for child in self.recorders:
            is_done = child.name == "ledger" and "read-back" in self.answers
            if not child.is_alive and not is_done:
                self.lost(child.name, child.process.returncode)
        if self.locust is not None and self.locust.poll() is not None:
            self.lost("load", self.locust.returncode)

    def lost(self, name: str, code: int) -> None:
        """Record that a recorder died, and halt."""
        self.timeline.add("recorder-lost", name=name, exit_code=code)
        raise Halt(
            f"the recorder '{name}' ended by itself (exit code {code}); see logs/{LOGS.get(name, name)}.log"
        )

    def heard(self, child: Child, message: dict[str, Any]) -> None:
        """Take in one message of a child."""
        event = message.pop("event")
        at_ns = message.pop("t_ns", None)
        if child.name != "engine":
            self.answers.setdefault(event, {})[child.name] = message
        elif event == "waiting":
            self.engine_waits = message["why"]
        elif event == "method-started":
            self.phase(history.METHOD, at_ns)
        elif event == "ended":
            self.engine_has_ended = True
            self.timeline.add("engine-ended", t_ns=at_ns, **message)
        elif event in ("step-started", "step-ended", "engine-error"):
            self.note_injection(event, message, at_ns)
            self.timeline.add(event, t_ns=at_ns, **message)

    def note_injection(self, event: str, message: dict[str, Any], at_ns: int | None) -> None:
        """Remember when the first fault, or the first action of a method without roles, started."""
        is_first = self.inject_ns is None and event == "step-started" and message["part"] == history.METHOD
        has_faults = bool(with_role(self.experiment.document, FAULT))
        if is_first and (message["role"] == FAULT if has_faults else message["kind"] == "action"):
            self.inject_ns = at_ns

    def go_on(self) -> None:
        """Let the waiting engine go on."""
        assert self.engine is not None
        self.engine_waits = None
        self.engine.send("go on")

    def phase(self, name: str, at_ns: int | None = None) -> None:
        """Begin a phase."""
        self.phases[name] = clock.now_ns() if at_ns is None else at_ns
        self.timeline.add("phase", t_ns=self.phases[name], name=name)

    def tell_undo(self, event: str, entry: Entry, detail: str) -> None:
        """Record how an undo goes."""
        self.timeline.add(event, step=entry.step, fault=entry.fault, detail=detail)

    def now(self) -> Now:
        """What the live view shows."""
        at_ns = clock.now_ns()
        return Now(at_ns, next(reversed(self.phases), "starting"), self.inject_ns, self.watch, self.plan)

    @contextmanager
    def signals_heard(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM halt the run; a closed terminal does not."""

        def hear(number: int, frame: FrameType | None) -> None:
            if self.signalled is not None:
                self.timeline.add("signal", reason=f"{signal.Signals(number).name} again; still undoing")
            self.signalled = f"{signal.Signals(number).name} was received"

        old = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
        old[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)


LOGS = {"load": "locust"}


def dump(block: Any) -> dict[str, Any]:
    """A block of the experiment as the recorder reads it back."""
    plain: dict[str, Any] = block.model_dump(mode="json", by_alias=True, exclude_none=True)
    return plain
