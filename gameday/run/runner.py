"""The runner: plays an experiment from its baseline to its after-check, and puts everything back.

It runs no third-party activity in its own process: an activity that hangs, leaks or crashes takes down a
disposable child, and the runner still undoes and records.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from gameday import clock, hosts, phases, redact
from gameday.errors import GamedayError, NotRecorded
from gameday.events import Event
from gameday.evidence import keep, shelf
from gameday.experiment.load import Experiment
from gameday.guardrails import gate
from gameday.measure import steady
from gameday.measure.moments import inject_ns
from gameday.measure.plan import plan_of
from gameday.observe.load import running_users, worker_command
from gameday.run import logs, rollbacks
from gameday.run.claim import Claim, claim_on
from gameday.run.clockwork import Clockwork, Halt, Stop
from gameday.run.crew import Lost
from gameday.run.custody import Custody
from gameday.run.hooks import Hooks, News
from gameday.run.judge import judge
from gameday.run.launch import AS_PROCESSES, Launch
from gameday.run.lock import Lock
from gameday.run.options import Options
from gameday.run.outcome import LeftToTheGuardian, Outcome
from gameday.run.preflight import check_unfinished
from gameday.run.rollbacks import Rollbacks
from gameday.run.view import Unfailing, View

LOOK_FOR_RECOVERY_EVERY_S = 0.5
START_WITHIN_S = 60.0
READ_BACK_WITHIN_S = 300.0

GIVEN_UP = (KeyboardInterrupt, SystemExit)
Hearing = Callable[[Clockwork], AbstractContextManager[object]]


class Unsteady(Exception):
    """The steady state does not hold, so nothing will be broken."""


def run(
    experiment: Experiment,
    options: Options,
    view: View,
    launch: Launch = AS_PROCESSES,
    stop: Stop | None = None,
    hearing: Hearing = nullcontext,
) -> Outcome:
    """Play an experiment whose activities have been validated; in any thread, and several in one process.

    stop: what may halt it from outside. hearing: what may, such as signals, while it plays. Raises
    GamedayError, with nothing touched, when it cannot begin; NotRecorded, with everything tried to put back,
    when its folder can no longer be written.
    """
    if options.asked.dry is not None:
        experiment = unwatched(experiment)
    try:
        with redact.within_run(), hosts.within_run(), logs.within_run():
            return _run(experiment, options, Unfailing(view), launch, stop or Stop(), hearing)
    except GamedayError:
        if options.engine is not None:  # a run that could not begin has left it waiting
            options.engine.kill()
        raise


def _run(
    experiment: Experiment, options: Options, view: View, launch: Launch, stop: Stop, hearing: Hearing
) -> Outcome:
    check_unfinished(experiment, options.results)
    claim = claim_on(experiment, options.claims)
    claim.take()
    redact.learn(experiment.secrets, experiment.names)
    folder = shelf.create(options.results, redact.name(experiment.title))
    hosts.limit([scope.as_json() for scope in options.permit.scopes], options.permit.most)
    custody = Custody.begin(
        folder, experiment, options.variables, options.rollbacks, options.asked, options.books
    )
    gate.keep(custody.folder)
    lock = custody.lock
    lock.take()
    try:
        keep.describe(folder, experiment, plan_of(experiment.blocks))
    except GamedayError:
        custody.end()
        raise
    claim.sign(str(folder.folder))
    game = Run(experiment, options, custody, claim, view, launch, stop)
    hooks = Hooks(options.hooks, view, News.of(experiment, folder))
    try:
        with hearing(game), view:
            game.play(hooks)
    except (Exception, *GIVEN_UP) as error:
        logs.note_failure(game.pack.logs)
        _leave(game, lock, claim)
        if isinstance(error, GIVEN_UP):
            raise
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
    except GIVEN_UP:
        _leave(game, lock, claim)
        raise
    game.guardian.release()
    if not custody.undo_log.owed():
        custody.end()
    lock.release()
    claim.let_go()
    view.end(custody.pack, record, sealed)
    outcome = Outcome(custody.pack, record)
    hooks.ended(outcome)
    return outcome


def _leave(game: Run, lock: Lock, claim: Claim) -> None:
    """Leave the run to its guardian. This process may go on, and whatever it is part of with it."""
    lock.release()
    claim.let_go()
    game.guardian.leave()


def unwatched(experiment: Experiment) -> Experiment:
    """The experiment without what sends load, writes or probes: a dry run has nothing to measure."""
    left_out: dict[str, Any] = {"slis": [], "load": None, "ledger": None, "objectives": None, "halt": []}
    return replace(experiment, blocks=experiment.blocks.model_copy(update=left_out))


class Run(Clockwork):
    """One run, phase by phase."""

    def play(self, hooks: Hooks) -> None:
        """The game day's programme."""
        self.timeline.tie_clocks()
        dry: dict[str, Any] = {} if self.options.asked.dry is None else {"dry": self.options.asked.dry}
        self.timeline.add(Event.RUN, run_id=self.pack.run_id, title=self.experiment.title, **dry)
        self.inbox.open()
        for trouble in hooks.started():
            self.timeline.add(Event.HOOK_FAILED, reason=trouble)
        self.permitted()
        try:
            self.begin()
            self.baseline()
            self.method()
            self.recovery()
            self.verification()
            self.roll_back()
        except Unsteady as unsteady:
            self.timeline.add(Event.UNSTEADY, reason=str(unsteady))
        except (Halt, Lost) as halt:
            self.halted(halt)
        except Exception as error:  # noqa: BLE001 - whatever failed, everything is put back and recorded
            self.failed(error)
        finally:
            self.reserve.free()
            self.put_back()
            self.crew.dismiss()
            self.undoer.dismiss()
            if self.receiving is not None:
                self.receiving.stop()
            self.inbox.close()
            self.timeline.tie_clocks()

    def permitted(self) -> None:
        """Record what allowed the run."""
        permit = self.options.permit
        if permit.checked:
            rules = [f"{checked.rule}: {checked.said} ({checked.source})" for checked in permit.checked]
            approvals = [{"by": approval.by, "at": approval.at} for approval in permit.approvals]
            self.timeline.add(Event.PERMITTED, guardrails=rules, approvals=approvals)

    def begin(self) -> None:
        """Start everything, let the load warm up."""
        if self.receiving is not None:
            self.receiving.start()
        options = self.options
        self.crew.start_engine(list(options.variables), options.rollbacks, options.asked, options.engine)
        self.until(lambda: self.crew.engine_waits == "start", START_WITHIN_S, "the engine")
        self.crew.start_recorders()
        self.until(lambda: self.crew.is_ready, START_WITHIN_S, "the recorders")
        load = self.experiment.blocks.load
        if load is not None:
            self.phase("warm-up")
            self.crew.start_load()
            if load.workers is not None:
                self.timeline.add(
                    Event.WORKERS_AWAITED, command=worker_command(load), count=load.workers.expect
                )
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
        self.until(lambda: not self.watch.is_behind, START_WITHIN_S, "the samples of the baseline")
        if trouble := steady.trouble(self.watch.steadiness()):
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
        while not self.is_back(injected_ns):
            if clock.now_ns() > injected_ns + limit_ns:
                self.timeline.add(
                    Event.DEADLINE, reason=f"service was not back after {self.plan.deadline:g} s"
                )
                return
            self.wait(LOOK_FOR_RECOVERY_EVERY_S)
        self.timeline.add(Event.RECOVERED)

    def is_back(self, injected_ns: int) -> bool:
        """Whether every outage of any SLI is over and stayed so, and none is still to be expected."""
        if self.watch.is_behind or self.watch.is_away():
            return False
        quiet_ns = clock.now_ns() - self.phases[phases.RECOVERY]
        return bool(self.watch.outages(injected_ns)) or quiet_ns >= self.plan.sustain * clock.NS_PER_S

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
        self.undo_what_is_owed(lambda: self.pump(0))
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
        self.desk.clear("the run was stopped before")
        self.follow()
        if phases.UNDO not in self.phases:
            self.phase(phases.UNDO)
        self.undo_what_is_owed(self.look_on)
        if phases.METHOD not in self.phases:
            return
        if was_cut_short:
            self.rollbacks().play(self.custody, self.launch, self.heard, self.look_on, self.desk)
            self.undo_what_is_owed(self.look_on)
        elif self.plan.is_watched:
            self.after_check()

    def rollbacks(self) -> Rollbacks:
        """How an engine of their own plays this run's rollbacks."""
        asked, given = self.options.asked, self.experiment.given
        document, options = self.experiment.document, self.options
        return Rollbacks(document, options.variables, options.rollbacks, asked, given)

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
        while self.watch.is_away() and clock.now_ns() < limit_ns:
            self.wait(LOOK_FOR_RECOVERY_EVERY_S)
