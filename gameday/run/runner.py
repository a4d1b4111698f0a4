"""The runner: plays an experiment from its baseline to its after-check, and puts everything back.

It runs no third-party activity in its own process: an activity that hangs, leaks or crashes takes down a
disposable child, and the runner still undoes and records.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gameday import clock, hosts, phases, redact
from gameday.errors import GamedayError, NotRecorded
from gameday.evidence import keep, pack
from gameday.evidence.pack import Pack
from gameday.evidence.seal import Sealing
from gameday.experiment import Experiment
from gameday.experiment.activities import modules_of_gameday
from gameday.experiment.lasts import longest_s
from gameday.faults.undolog import Entry
from gameday.guardrails import gate
from gameday.guardrails.check import Permit
from gameday.measure import steady
from gameday.measure.history import Step, started
from gameday.measure.moments import inject_ns
from gameday.measure.plan import plan_of
from gameday.observe.load import running_users, worker_command
from gameday.processes import Identity
from gameday.run import logs, rollbacks, signals, undo
from gameday.run.claim import Claim
from gameday.run.crew import Crew, Lost, undoer
from gameday.run.custody import Custody
from gameday.run.halt import HaltRules
from gameday.run.held import Held
from gameday.run.judge import judge
from gameday.run.launch import AS_PROCESSES, Launch
from gameday.run.outcome import UNDO_OWED, LeftToTheGuardian, Outcome
from gameday.run.preflight import check_unfinished
from gameday.run.reserve import Reserve
from gameday.run.rollbacks import Rollbacks
from gameday.run.timeline import Timeline
from gameday.run.view import Now, Unfailing, View
from gameday.run.watch import Watch

LOOK_FOR_RECOVERY_EVERY_S = 0.5
START_WITHIN_S = 60.0
READ_BACK_WITHIN_S = 300.0
NO_RULES = Permit(())
HASHES_ALONE = Sealing()


class Halt(Exception):
    """The run must stop now, undo everything and say why."""


class Unsteady(Exception):
    """The steady state does not hold, so nothing will be broken."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. rollbacks: Chaos Toolkit's strategy, None for the file's or `always`.

    permit: what the guardrails said. sealing: how the evidence is sealed.
    """

    results: Path
    variables: tuple[str, ...] = ()
    rollbacks: str | None = None
    permit: Permit = NO_RULES
    sealing: Sealing = HASHES_ALONE


def run(experiment: Experiment, options: Options, view: View, launch: Launch = AS_PROCESSES) -> Outcome:
    """Play an experiment whose activities have been validated.

    Raises GamedayError, with nothing touched, when it cannot begin; NotRecorded, with everything tried to
    put back, when its folder can no longer be written.
    """
    check_unfinished(experiment, options.results)
    claim = Claim(experiment)
    claim.take()
    redact.learn(experiment.secrets, experiment.names)
    folder = pack.create(options.results, redact.name(experiment.title))
    hosts.limit(options.permit.hosts, options.permit.counts_targets)
    custody = Custody.begin(folder, experiment, options.variables, options.rollbacks)
    gate.keep(custody.folder)
    lock = custody.lock
    lock.take()
    try:
        keep.describe(folder, experiment, plan_of(experiment.blocks))
    except GamedayError:
        custody.end()
        raise
    claim.sign(folder.folder)
    view = Unfailing(view)
    game = Run(experiment, options, custody, claim, view, launch)
    try:
        with game.signals_heard(), view:
            game.play()
    except Exception as error:
        logs.note_failure(game.pack.logs)
        raise LeftToTheGuardian(game.pack, error) from error
    hosts.limit(())
    game.guardian.beat(math.inf)
    logs.finish()
    custody = game.custody
    try:
        record, sealed = judge(custody, options.sealing)
    except NotRecorded:
        game.guardian.release()  # it could do no more
        raise
    game.guardian.release()
    if not custody.undo_log.owed():
        custody.end()
    lock.release()
    claim.lock.release()
    view.end(custody.pack, record, sealed)
    return Outcome(custody.pack, record)


class Run:
    """One run, phase by phase."""

    def __init__(
        self,
        experiment: Experiment,
        options: Options,
        custody: Custody,
        claim: Claim,
        view: View,
        launch: Launch,
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
        self.watch = Watch(folder.raw, self.plan)
        self.crew = Crew(experiment, custody, launch)
        self.reserve = Reserve(folder.folder)
        self.undoer = undoer(custody, launch, modules_of_gameday(experiment.document))
        rules = (experiment.blocks.halt, (folder.folder, options.results), longest_s(experiment))
        self.halt_rules = HaltRules(*rules, start_ns=clock.now_ns())
        self.guardian = launch.guardian(self.guardian_orders(claim), folder.logs / "guardian.log")
        self.phases: dict[str, int] = {}
        self.steps: list[Step] = []
        self.signalled: str | None = None

    @property
    def pack(self) -> Pack:
        """The run's folder."""
        return self.custody.pack

    def play(self) -> None:
        """The game day's programme."""
        self.timeline.tie_clocks()
        self.timeline.add("run", run_id=self.pack.run_id, title=self.experiment.title)
        self.permitted()
        try:
            self.begin()
            self.baseline()
            self.method()
            self.recovery()
            self.verification()
            self.roll_back()
        except Unsteady as unsteady:
            self.timeline.add("unsteady", reason=str(unsteady))
        except (Halt, Lost) as halt:
            self.halted(halt)
        except Exception as error:  # noqa: BLE001 - whatever failed, everything is put back and recorded
            self.failed(error)
        finally:
            self.reserve.free()
            self.put_back()
            self.crew.dismiss()
            self.undoer.dismiss()
            self.timeline.tie_clocks()

    def permitted(self) -> None:
        """Record what allowed the run."""
        permit = self.options.permit
        if permit.checked:
            rules = [f"{checked.rule}: {checked.said} ({checked.source})" for checked in permit.checked]
            approvals = [{"by": approval.by, "at": approval.at} for approval in permit.approvals]
            self.timeline.add("permitted", guardrails=rules, approvals=approvals)

    def begin(self) -> None:
        """Start everything, let the load warm up."""
        self.crew.start_engine(list(self.options.variables), self.options.rollbacks)
        self.until(lambda: self.crew.engine_waits == "start", START_WITHIN_S, "the engine")
        self.crew.start_recorders()
        self.until(lambda: self.crew.is_ready, START_WITHIN_S, "the recorders")
        load = self.experiment.blocks.load
        if load is not None:
            self.phase("warm-up")
            self.crew.start_load()
            if load.workers is not None:
                self.timeline.add("workers-awaited", command=worker_command(load), count=load.workers.expect)
            ramp_s = load.users / load.spawn_rate + (load.workers.within if load.workers else 0)
            all_run = lambda: running_users(self.pack.raw) >= load.users  # noqa: E731 - a condition to wait for
            self.until(all_run, START_WITHIN_S + ramp_s, "the load with all its users")
            self.wait(load.warm_up)

    def baseline(self) -> None:
        """See that the steady state holds before anything is broken."""
        self.phase(phases.BASELINE)
        self.wait(self.plan.baseline)
        self.see_it_steady()

    def see_it_steady(self) -> None:
        """Raises Unsteady when a window of an SLI has missed its objective since the baseline began."""
        seen = self.watch.steadiness(self.phases[phases.BASELINE], clock.now_ns())
        if trouble := steady.trouble(seen):
            raise Unsteady(trouble)

    def method(self) -> None:
        """Let the engine check the hypothesis, look again at the steady state, let it play the method."""
        self.engine_goes_on()
        if self.crew.engine_waits == "method":
            self.see_it_steady()
            self.engine_goes_on()

    def recovery(self) -> None:
        """Wait until service is back and has stayed so, or until the deadline."""
        if self.crew.engine_waits != "recovery":
            return
        self.phase(phases.RECOVERY)
        injected_ns = inject_ns(self.steps)
        if not self.plan.slis or injected_ns is None:
            return
        limit_ns = round((self.plan.deadline + self.plan.sustain) * clock.NS_PER_S)
        while not self.is_back():
            if clock.now_ns() > injected_ns + limit_ns:
                self.timeline.add("deadline", reason=f"service was not back after {self.plan.deadline:g} s")
                return
            self.wait(LOOK_FOR_RECOVERY_EVERY_S)
        self.timeline.add("recovered")

    def is_back(self) -> bool:
        """Whether every outage since the fault is over and stayed so, and none is still to be expected."""
        outages = self.outages_so_far()
        if any(outage is None for outage in outages):
            return False
        quiet_ns = clock.now_ns() - self.phases[phases.RECOVERY]
        return bool(outages) or quiet_ns >= self.plan.sustain * clock.NS_PER_S

    def outages_so_far(self) -> list[int | None]:
        """When each outage since the fault was over; None for one that lasts, or is not yet sure."""
        return [outage.recovered_ns for outage in self.watch.outages(self.steady, inject_ns(self.steps))]

    @property
    def steady(self) -> tuple[int, int]:
        """The steady state so far: the baseline, which the method ends."""
        now_ns = clock.now_ns()
        start_ns = self.phases.get(phases.BASELINE, now_ns)
        return start_ns, self.phases.get(phases.METHOD, now_ns)

    def verification(self) -> None:
        """Read the ledger back from the survivor before anything is undone; let the engine check again."""
        if self.crew.engine_waits != "recovery":
            return
        self.phase(phases.VERIFICATION)
        if self.crew.read_back():
            self.until(lambda: self.crew.has_read_back, READ_BACK_WITHIN_S, "the ledger's read-back")
        self.engine_goes_on()

    def roll_back(self) -> None:
        """Undo what is owed while the engine waits before its rollbacks, then let it play them."""
        self.phase(phases.UNDO)
        self.undoer.play(self.custody.undo_log, self.undo_goes)
        self.until(self.has_rolled_back, rollbacks.WITHIN_S, "the end of the rollbacks")

    def has_rolled_back(self) -> bool:
        """Whether the engine has ended. However often it waits, it goes on."""
        if self.crew.engine_waits is not None:
            self.crew.go_on()
        return self.crew.engine_has_ended

    def put_back(self) -> None:
        """Undo whatever is still owed, whatever happened; then watch that service is as before.

        After a halt the rollbacks are played in a new engine: the old one may have hung inside an activity.
        Then the log once more: a rollback may have helped what failed, or broken something.
        """
        was_cut_short = not self.crew.engine_has_ended
        self.crew.end_engine()
        self.follow()
        if phases.UNDO not in self.phases:
            self.phase(phases.UNDO)
        self.undoer.play(self.custody.undo_log, self.undo_goes)
        if phases.METHOD not in self.phases:
            return
        if was_cut_short:
            self.rollbacks().play(self.custody, self.launch, self.heard, self.look_on)
            self.undoer.play(self.custody.undo_log, self.undo_goes)
        elif self.plan.is_watched:
            self.after_check()

    def follow(self) -> None:
        """Go on where the run's folder is now, if somebody has renamed it."""
        found = self.held.pack()
        if found != self.pack:
            self.custody = self.crew.custody = replace(self.custody, pack=found)
            self.timeline.move(found.timeline)
            self.reserve.path = found.folder / self.reserve.path.name
            self.watch.move(found.raw)

    def rollbacks(self) -> Rollbacks:
        """How an engine of their own plays this run's rollbacks."""
        return Rollbacks(self.experiment.document, self.options.variables, self.options.rollbacks)

    def undo_goes(self, event: str, entry: Entry, detail: str) -> None:
        """Record how an undo goes; while one is tried, the runner is silent."""
        self.guardian.beat(undo.LONGEST_S)
        self.timeline.undo(event, entry, detail)

    def guardian_orders(self, claim: Claim) -> dict[str, Any]:
        """What the guardian needs to finish the run without the runner."""
        runner = Identity.of("runner", os.getpid())
        return {
            "custody": str(self.custody.folder),
            "runner": asdict(runner) if runner is not None else None,
            "claim": claim.lock.descriptor,
            "sealing": asdict(self.options.sealing),
            "secrets": redact.known(),
        }

    def after_check(self) -> None:
        """Watch that service is as before; whatever cuts that short is recorded, all else is done."""
        self.phase(phases.AFTER_CHECK)
        self.reserve.take()  # the undo may have needed it, and so may the record
        try:
            self.see_it_as_before()
        except (Halt, Lost) as halt:
            self.halted(halt)
        except Exception as error:  # noqa: BLE001 - the run has to be recorded
            self.failed(error)
        finally:
            self.reserve.free()

    def see_it_as_before(self) -> None:
        """Wait until every outage so far is over for sure."""
        limit_ns = clock.now_ns() + round((self.plan.after_check + 2 * self.plan.sustain) * clock.NS_PER_S)
        self.wait(self.plan.after_check)
        while None in self.outages_so_far() and clock.now_ns() < limit_ns:
            self.wait(LOOK_FOR_RECOVERY_EVERY_S)

    # while time passes

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

    def pump(self) -> None:
        """One tick. Raises Halt when the run must stop, Lost when something that must live has ended."""
        self.crew.listen(self.heard)
        self.watch_on()
        if self.signalled is not None:
            raise Halt(self.signalled)
        if why := self.timeline.check():
            raise Halt(why)
        if why := self.halt_rules.reason(self.watch.now(clock.now_ns()), clock.now_ns()):
            raise Halt(why)
        self.crew.look_after()
        self.look_after_guardian()

    def look_after_guardian(self) -> None:
        """Start another guardian when this one was killed."""
        if not self.guardian.is_alive:
            self.timeline.add("guardian-lost", exit_code=self.guardian.code)
            self.guardian.replace()

    def look_on(self) -> None:
        """Watch while everything is put back, which a folder that cannot be read must not stop."""
        with suppress(OSError, ValueError):
            self.watch_on()

    def watch_on(self) -> None:
        """Read what is new, and show what is going on."""
        self.guardian.beat()
        self.watch.read_on()
        phase = next(reversed(self.phases), "starting")
        now = Now(clock.now_ns(), phase, self.steady, inject_ns(self.steps), self.watch, self.plan)
        self.view.tick(now)

    def heard(self, event: str, message: dict[str, Any]) -> None:
        """Record what the engine says."""
        at_ns = message.pop("t_ns")
        if event == "method-started":
            self.phase(phases.METHOD, at_ns)
        elif event in ("step-started", "step-ended", "engine-error", "engine-ended"):
            if event == "step-started":
                self.steps.append(started({"t_ns": at_ns, **message}))
            self.timeline.add(event, t_ns=at_ns, **message)

    def phase(self, name: str, at_ns: int | None = None) -> None:
        """Begin a phase."""
        self.phases[name] = clock.now_ns() if at_ns is None else at_ns
        self.timeline.add("phase", t_ns=self.phases[name], name=name)

    def halted(self, halt: Halt | Lost) -> None:
        """Record why the run stops."""
        if isinstance(halt, Lost) and halt.name != "engine":
            self.timeline.add("recorder-lost", name=halt.name, exit_code=halt.code)
        self.timeline.add("halted", reason=str(halt))

    def failed(self, error: Exception) -> None:
        """Record that gameday itself failed, and where."""
        self.timeline.add("aborted", reason=f"gameday itself failed: {type(error).__name__}: {error}")
        logs.note_failure(self.pack.logs)

    def signals_heard(self) -> AbstractContextManager[None]:
        """Ctrl-C and SIGTERM halt the run; a second one hands it to the guardian. SIGHUP is survived."""

        def hear(name: str) -> None:
            if self.signalled is not None:
                self.hand_over(name)
            self.signalled = f"{name} was received"

        return signals.heard(hear)

    def hand_over(self, name: str) -> None:
        """Say what is still owed and leave it to the guardian, which goes on as soon as this process ends."""
        try:
            owed = ", ".join(entry.step for entry in self.custody.undo_log.owed()) or "nothing"
            self.timeline.add("handed-over", reason=f"{name} again; the guardian goes on. Still owed: {owed}")
            sys.stdout.write(f"{self.pack.folder}\n")
            sys.stdout.flush()
            self.view.drain()
        finally:
            os._exit(UNDO_OWED)
