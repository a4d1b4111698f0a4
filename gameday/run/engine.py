"""The engine: chaoslib in a process of its own, driven by an experiment that it validates itself.

`python -m gameday.run.engine` takes its orders on file descriptor `--orders`: one JSON line, then the line
`go on` whenever the runner wants it to, and a JSON line for each answer to an ask. It tells what happens on
file descriptor `--events`, one JSON line an event. Standard input is empty, so that an activity cannot eat
the orders.

What it makes good of chaoslib: an error in a probe, a tolerance or a rollback ends that activity and never
the run; rollbacks are played whatever happened; the journal is on disk after every activity.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chaoslib.activity
import chaoslib.hypothesis
import chaoslib.rollback
from chaoslib import convert_vars
from chaoslib.activity import ensure_activity_is_valid
from chaoslib.caching import cache_activities
from chaoslib.control import controls, load_global_controls
from chaoslib.exceptions import ActivityFailed, ChaosException, InterruptExecution
from chaoslib.experiment import ensure_experiment_is_valid
from chaoslib.hypothesis import ensure_hypothesis_tolerance_is_valid
from chaoslib.notification import RunFlowEvent, notify
from chaoslib.run import Runner, get_background_pools, initialize_run_journal, run_rollback
from chaoslib.settings import load_settings
from chaoslib.types import Dry, Schedule, Strategy

from gameday import asking, clock, redact
from gameday.events import Event
from gameday.experiment.meant import as_meant
from gameday.guardrails.gate import must_pass
from gameday.phases import METHOD, UNDO
from gameday.processes import import_from_here
from gameday.run import enginelog
from gameday.run.aside import Aside
from gameday.run.asked import Asked
from gameday.run.claim import Claim, held
from gameday.run.declared import Declared, declared_undo
from gameday.run.feed import Feed
from gameday.run.line import Line
from gameday.run.plain import plain

logger = logging.getLogger("chaostoolkit")

Dictionary = dict[str, Any]
LONGEST_TROUBLE = 2000  # characters; it must fit into a pipe that nobody reads yet


def load(orders: Dictionary) -> str | None:
    """Load the controls of Chaos Toolkit's settings, and let them see how the experiment is loaded.

    Returns why one of them forbids it; None when none does.
    """
    try:
        load_controls(Asked.told(orders.get("asked", {})))
        with controls(level="loader", context=orders["source"]) as control:
            control.with_state(orders["experiment"])
    except InterruptExecution as error:
        return f"a control forbids it: {error}"
    except Exception as error:  # noqa: BLE001 - settings of any shape
        return f"the controls of its settings cannot be loaded: {type(error).__name__}: {error}"
    return None


def load_controls(asked: Asked) -> Dictionary:
    """Chaos Toolkit's settings, with the controls that they, and files of controls, name loaded."""
    settings: Dictionary = (load_settings(asked.settings) if asked.settings else load_settings()) or {}
    load_global_controls(settings, list(asked.control_files))
    return settings


def validate(experiment: Dictionary) -> str | None:
    """What chaoslib has against the experiment; None when it is valid."""
    try:
        ensure_experiment_is_valid(experiment)
        for activity in activities_with_undo(experiment):
            undo, verify = declared_undo(activity)
            ensure_activity_is_valid({**undo, "name": activity["name"]})
            if verify is not None:
                ensure_activity_is_valid({**verify, "name": activity["name"]})
                ensure_hypothesis_tolerance_is_valid(verify["tolerance"])
    except ChaosException as error:
        return str(error)[:LONGEST_TROUBLE]
    except Exception as error:  # noqa: BLE001 - chaoslib trips over shapes that it did not expect
        return f"{type(error).__name__}: {error}"[:LONGEST_TROUBLE]
    return None


def activities_with_undo(experiment: Dictionary) -> list[Dictionary]:
    """The activities that say how they are put back: one that Chaos Toolkit cannot play puts nothing back."""
    probes = (experiment.get("steady-state-hypothesis") or {}).get("probes") or []
    every = [*probes, *experiment["method"], *(experiment.get("rollbacks") or [])]
    return [activity for activity in every if isinstance(activity.get("undo"), dict)]


def play(orders: Dictionary, line: Line) -> Dictionary:
    """Play the experiment as `chaos run` would, with rollbacks whatever happens; returns the journal."""
    experiment = orders["experiment"]
    asked = Asked.told(orders.get("asked", {}))
    settings, hypothesis = settings_for(experiment, orders["rollbacks"], asked)
    experiment["dry"] = Dry.from_string(asked.dry)
    journal = initialize_run_journal(experiment)
    if "left_journal" in orders:
        take_up(journal, Path(orders["left_journal"]))
    feed = Feed(line, journal, Path(orders["journal"]))
    feed.save()
    cache_activities(experiment)
    notify(settings, RunFlowEvent.RunStarted, experiment)
    given = orders.get("given", {})
    configuration = {**given.get("configuration", {}), **(convert_vars(orders["variables"]) or {})}
    variables: tuple[Any, Any] = (configuration, given.get("secrets", {}))
    declared = Declared(experiment, *variables)
    strategy, schedule = Strategy.from_string(hypothesis), Schedule(asked.frequency_s, asked.fail_fast)
    claim = held(orders["claim"]) if orders.get("claim") else None
    guarded = errors_end_activities_only(feed, declared, claim, experiment["dry"])
    with guarded, Runner(strategy, schedule) as runner:
        runner.register_event_handler(feed)
        try:
            if "left_journal" in orders:
                runner.configure(experiment, settings, variables)
                roll_back(runner, experiment, journal, settings)
            else:
                runner.run(experiment, settings, experiment_vars=variables, journal=journal)
        except Exception as error:
            logger.exception("The engine could not play the experiment to its end")
            line.tell(Event.ENGINE_ERROR, error=f"{type(error).__name__}: {error}")
            journal["status"] = "aborted"
            if not journal["rollbacks"]:
                with contextlib.suppress(Exception):
                    roll_back(runner, experiment, journal, settings)
    if "dry" in journal["experiment"]:
        journal["experiment"]["dry"] = asked.dry
    feed.save()
    tell_subscribers(settings, journal)
    return dict(journal)


def settings_for(experiment: Dictionary, rollbacks: str | None, asked: Asked) -> tuple[Dictionary, str]:
    """Chaos Toolkit's settings with the strategies of this run, and the hypothesis strategy.

    What the command line says counts first, then the file, then the settings, whose hypothesis a `runtime` in
    the file sets back, as Chaos Toolkit does. Rollbacks are played always where nobody says when: Chaos
    Toolkit's own default skips them when they are needed most.
    """
    settings = load_controls(asked)
    told = settings.get("runtime") or {}
    runtime = experiment.get("runtime") or {}
    strategy = rollbacks or strategy_in(runtime, "rollbacks") or strategy_in(told, "rollbacks") or "always"
    hypothesis = asked.hypothesis or strategy_in(runtime or told, "hypothesis") or "default"
    settings["runtime"] = {
        **told,
        "rollbacks": {**(told.get("rollbacks") or {}), "strategy": strategy},
        "hypothesis": {**(told.get("hypothesis") or {}), "strategy": hypothesis},
    }
    return settings, hypothesis


def strategy_in(runtime: Dictionary, of: str) -> str | None:
    """The strategy that a file, or the settings, say for one of both."""
    return (runtime.get(of) or {}).get("strategy") or None


def take_up(journal: Dictionary, left: Path) -> None:
    """Go on with the journal of an engine that had to be killed."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        journal.update(json.loads(left.read_text()))
    journal["status"] = "interrupted"


def roll_back(runner: Runner, experiment: Dictionary, journal: Dictionary, settings: Dictionary) -> None:
    """Play the rollbacks outside of chaoslib's run, as it would have."""
    _, pool = get_background_pools(experiment)
    strategy, registry = settings["runtime"]["rollbacks"]["strategy"], runner.event_registry
    dry = experiment["dry"]
    run_rollback(strategy, pool, experiment, journal, runner.config, runner.secrets, registry, dry)
    journal["end"] = clock.rfc3339(clock.Tie.take().utc_ns)


def tell_subscribers(settings: Dictionary, journal: Dictionary) -> None:
    """Notify as `chaos run` does."""
    has_completed = journal["status"] == "completed"
    notify(settings, RunFlowEvent.RunCompleted if has_completed else RunFlowEvent.RunFailed, journal)
    if journal["deviated"]:
        notify(settings, RunFlowEvent.RunDeviated, journal)


@contextlib.contextmanager
def errors_end_activities_only(
    feed: Feed, declared: Declared, claim: Claim | None, dry: Dry | None = None
) -> Iterator[None]:
    """Make any error of an activity or a tolerance fail that activity, not the run.

    chaoslib turns the exceptions of Python activities into failures, but lets those of HTTP and process
    activities, and of tolerances, escape past the remaining rollbacks, and so does whatever keeps a rollback
    from being played. An activity may interrupt the run (chaoslib 1.45), which ends the method, but never the
    rollbacks.
    """
    run_activity, within = chaoslib.activity.run_activity, chaoslib.hypothesis.within_tolerance
    execute = chaoslib.rollback.execute_activity

    def guarded_activity(activity: Dictionary, configuration: Any, secrets: Any) -> Any:
        if is_left_out(activity, dry):
            return None
        try:
            must_pass(activity, configuration, secrets)
            if claim is not None and feed.part == METHOD and activity.get("type") == "action":
                claim.renew()  # looked at again before anything is broken
            declared.owe(activity, configuration)
            return printable(run_activity(activity, configuration, secrets))
        except ActivityFailed:
            raise
        except Exception as error:
            if isinstance(error, InterruptExecution) and feed.part != UNDO:
                raise
            raise ActivityFailed(traceback.format_exception_only(error)[0].strip()) from error

    def guarded_tolerance(*arguments: Any, **more: Any) -> Any:
        try:
            return within(*arguments, **more)
        except ChaosException:
            raise
        except Exception:
            logger.exception("The tolerance cannot judge this value, so it is not met")
            return False

    def guarded_rollback(experiment: Dictionary, activity: Dictionary, *arguments: Any, **more: Any) -> Any:
        runs: list[Dictionary] = more["runs"]
        count = len(runs)
        try:
            return execute(experiment, activity, *arguments, **more)
        except Exception as error:
            logger.exception("A rollback cannot be played; the next one is")
            if len(runs) == count:
                runs.append({"activity": dict(activity), "output": None})
            runs[-1].update(status="failed", exception=traceback.format_exception_only(error))
            feed.not_played(activity, error)
            return runs[-1]

    chaoslib.activity.run_activity = guarded_activity
    chaoslib.rollback.execute_activity = guarded_rollback
    chaoslib.hypothesis.within_tolerance = guarded_tolerance
    try:
        yield
    finally:
        chaoslib.activity.run_activity = run_activity
        chaoslib.rollback.execute_activity = execute
        chaoslib.hypothesis.within_tolerance = within


def is_left_out(activity: Dictionary, dry: Dry | None) -> bool:
    """Whether a dry run does not play an activity, whatever `dry` the activity itself says."""
    return dry is Dry.ACTIVITIES or (dry is Dry.ACTIONS and activity.get("type") == "action")


def printable(output: Any) -> Any:
    """The output as it is, or as JSON says it: chaoslib trips over one that cannot be printed."""
    try:
        str(output)
    except Exception:  # noqa: BLE001 - an object of somebody else may raise anything
        return plain(output)
    return output


def begin(line: Line, orders: Dictionary) -> Dictionary:
    """Wait for the orders of the run, without which the engine ends; returns all orders."""
    more = as_meant(line.first())
    redact.learn(**more["secrets"])
    os.environ.clear()
    os.environ.update(more["environment"])
    return {**orders, **more}


def main() -> None:
    """Take the orders and play."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--orders", type=int, required=True)
    parser.add_argument("--events", type=int, required=True)
    arguments = parser.parse_args()
    line = Line(arguments.orders, arguments.events)
    aside = Aside()
    orders = as_meant(line.first())
    redact.learn(**orders["secrets"])
    import_from_here()
    asking.install(line.ask)
    asked = Asked.told(orders.get("asked", {}))
    enginelog.begin(asked.log_level, asked.log_format)
    if "journal" in orders:
        aside.over()
    if "left_journal" not in orders:
        # `gameday validate` and `gameday plan` load nothing, as `chaos validate`: they name no source
        trouble = load(orders) if "source" in orders else None
        trouble = trouble or validate(orders["experiment"])
        line.tell("validated", trouble=trouble)
        if trouble is not None:
            return
        if "journal" not in orders:
            orders = begin(line, orders)
            aside.over()
        line.wait("start")
    journal = play(orders, line)
    line.tell("ended", status=journal["status"], deviated=journal["deviated"])


if __name__ == "__main__":
    main()
