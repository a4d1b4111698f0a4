"""How time passes in a run: everything is watched ten times a second, and whatever must stop it is heard."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from gameday import clock, phases, redact
from gameday.errors import GamedayError
from gameday.events import PLAYED, Event
from gameday.evidence import keep
from gameday.evidence.pack import Pack
from gameday.experiment.lasts import longest_s
from gameday.experiment.load import Experiment
from gameday.experiment.walk import modules_of_gameday
from gameday.faults.undolog import Entry
from gameday.measure.history import Step, started
from gameday.measure.moments import inject_ns
from gameday.measure.plan import plan_of
from gameday.processes import Identity
from gameday.run import inbox, logs
from gameday.run.claim import Claim, Renewal
from gameday.run.crew import TICK_S, Crew, Lost, undoer
from gameday.run.custody import Custody
from gameday.run.desk import Desk
from gameday.run.halt import HaltRules
from gameday.run.held import Held
from gameday.run.inbox import Inbox
from gameday.run.launch import Launch
from gameday.run.options import Options
from gameday.run.receiving import Receiving
from gameday.run.reserve import Reserve
from gameday.run.timeline import Timeline
from gameday.run.view import Now, View
from gameday.run.watch import Watch


class Halt(Exception):
    """The run must stop now, undo everything and say why."""


class Stop:
    """Asks a run to halt, from any thread: `stop("why")`. What is broken is undone all the same."""

    def __init__(self) -> None:
        self.why: str | None = None

    def __call__(self, why: str = "stopped by its caller") -> None:
        """Ask; the first reason is the one that counts."""
        if self.why is None:
            self.why = why


class Clockwork:
    """The parts of a run, and how time passes while all of them are watched."""

    def __init__(
        self,
        experiment: Experiment,
        options: Options,
        custody: Custody,
        claim: Claim,
        view: View,
        launch: Launch,
        stop: Stop,
    ) -> None:
        folder = custody.pack
        self.experiment = experiment
        self.options = options
        self.custody = custody
        self.held = Held(folder)
        self.view = view
        self.launch = launch
        self.plan = keep.as_recorded(plan_of(experiment.blocks))
        self.timeline = Timeline(folder.timeline)
        self.timeline.listeners.append(view.event)
        listening = options.listening
        self.receiving = Receiving(listening, custody, self.timeline) if listening is not None else None
        self.watch = Watch(folder.raw, self.plan)
        self.renewal = Renewal(claim)
        self.crew = Crew(experiment, custody, launch, claim.shared())
        self.desk = Desk(self.timeline)
        self.inbox = Inbox(inbox.folder_of(custody), self.timeline, self.desk)
        self.reserve = Reserve(folder.folder)
        self.undoer = undoer(custody, launch, modules_of_gameday(experiment.document))
        rules = (experiment.blocks.halt, (folder.folder, options.results), longest_s(experiment))
        self.halt_rules = HaltRules(*rules, start_ns=clock.now_ns())
        self.guardian = launch.guardian(self.guardian_orders(claim), folder.logs / "guardian.log")
        self.phases: dict[str, int] = {}
        self.steps: list[Step] = []
        self.stop = stop

    @property
    def pack(self) -> Pack:
        """The run's folder."""
        return self.custody.pack

    @property
    def steady(self) -> tuple[int, int]:
        """The steady state so far: the baseline, which the method ends."""
        now_ns = clock.now_ns()
        start_ns = self.phases.get(phases.BASELINE, now_ns)
        return start_ns, self.phases.get(phases.METHOD, now_ns)

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

    def engine_goes_on(self) -> None:
        """Let the engine go on until it waits again or has ended."""
        self.crew.go_on()
        self.until(lambda: self.crew.engine_waits is not None or self.crew.engine_has_ended)

    def pump(self, within_s: float = TICK_S) -> None:
        """One tick. Raises Halt when the run must stop, Lost when something that must live has ended."""
        self.crew.listen(self.heard, within_s)
        self.watch_on()
        if self.stop.why is not None:
            raise Halt(self.stop.why)
        self.keep_the_claim()
        if why := self.timeline.check():
            raise Halt(why)
        if why := self.halt_rules.reason(self.watch.now(clock.now_ns()), clock.now_ns()):
            raise Halt(why)
        self.crew.look_after()
        self.look_after_guardian()

    def keep_the_claim(self) -> None:
        """Renew the right to break the service. Raises Halt when it is lost."""
        try:
            self.renewal.when_due()
        except GamedayError as lost:
            raise Halt(str(lost)) from None

    def look_after_guardian(self) -> None:
        """Start another guardian when this one was killed."""
        if not self.guardian.is_alive:
            self.timeline.add(Event.GUARDIAN_LOST, exit_code=self.guardian.code)
            self.guardian.replace()

    def look_on(self) -> None:
        """Watch while everything is put back, which a folder that cannot be read must not stop."""
        with suppress(OSError, ValueError, GamedayError):
            self.watch_on()
            self.look_after_guardian()
            self.renewal.when_due()

    def watch_on(self) -> None:
        """Read what is new, hear what is said, and show what is going on."""
        self.guardian.beat()
        if self.receiving is not None:
            self.receiving.look()
        self.inbox.take_in()
        self.desk.expire(clock.now_ns())
        self.watch.read_on(self.steady)
        for reason in self.watch.estimates():
            self.timeline.add(Event.ESTIMATED, reason=reason)
        phase = next(reversed(self.phases), "starting")
        now = Now(clock.now_ns(), phase, inject_ns(self.steps), self.watch, self.plan)
        self.view.tick(now)

    def heard(self, event: str, message: dict[str, Any]) -> None:
        """Record what the engine says."""
        at_ns = message.pop("t_ns")
        if event == "method-started":
            self.phase(phases.METHOD, at_ns)
        elif event == Event.ASKED and self.crew.engine is not None:
            self.desk.asked(self.crew.engine, {"t_ns": at_ns, **message})
        elif event in PLAYED:
            if event == Event.STEP_STARTED:
                self.steps.append(started({"t_ns": at_ns, **message}))
            self.renewal.due_ns = 0  # a step may have failed because the claim is lost
            self.timeline.add(Event(event), t_ns=at_ns, **message)

    def phase(self, name: str, at_ns: int | None = None) -> None:
        """Begin a phase."""
        self.phases[name] = clock.now_ns() if at_ns is None else at_ns
        self.timeline.add(Event.PHASE, t_ns=self.phases[name], name=name)

    def halted(self, halt: Halt | Lost) -> None:
        """Record why the run stops."""
        if isinstance(halt, Lost) and halt.name != "engine":
            self.timeline.add(Event.RECORDER_LOST, name=halt.name, exit_code=halt.code)
        self.timeline.add(Event.HALTED, reason=str(halt))

    def failed(self, error: Exception) -> None:
        """Record that gameday itself failed, and where."""
        self.timeline.add(Event.ABORTED, reason=f"gameday itself failed: {type(error).__name__}: {error}")
        logs.note_failure(self.pack.logs)

    def hand_over(self, name: str) -> None:
        """Say what is still owed, and that it is left to the guardian."""
        owed = ", ".join(entry.step for entry in self.custody.undo_log.owed()) or "nothing"
        reason = f"{name} again; the guardian goes on. Still owed: {owed}"
        self.timeline.add(Event.HANDED_OVER, reason=reason)

    def undo_what_is_owed(self, tick: Callable[[], None]) -> None:
        """Play the undo log. An undo may take its time: meanwhile `tick` is called as time passes."""
        self.undoer.play(self.custody.undo_log, self.undo_goes, tick)

    def undo_goes(self, event: Event, entry: Entry, detail: str) -> None:
        """Record how an undo goes."""
        self.guardian.beat()
        self.timeline.undo(event, entry, detail)

    def follow(self) -> None:
        """Go on where the run's folder is now, if somebody has renamed it."""
        found = self.held.pack()
        if found != self.pack:
            self.custody = self.crew.custody = replace(self.custody, pack=found)
            self.timeline.move(found.timeline)
            self.reserve.path = found.folder / self.reserve.path.name
            self.watch.move(found.raw)

    def guardian_orders(self, claim: Claim) -> dict[str, Any]:
        """What the guardian needs to finish the run without the runner."""
        runner = Identity.of("runner", os.getpid())
        return {
            "custody": str(self.custody.folder),
            "runner": asdict(runner) if runner is not None else None,
            "claim": claim.shared(),
            "sealing": asdict(self.options.sealing),
            "secrets": redact.known(),
        }
