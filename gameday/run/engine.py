"""The engine: chaoslib in a process of its own, driven by an experiment that it validates itself.

`python -m gameday.run.engine` takes its orders on file descriptor `--orders` (one JSON line, then the line
`go on` whenever the runner wants it to) and tells what happens on file descriptor `--events`, one JSON
line an event. Standard input is empty, so that an activity cannot eat the orders.

What it makes good of chaoslib: an error in a probe, a tolerance or a rollback ends that activity and never
the run; rollbacks are always played; the journal is on disk after every activity.
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
from chaoslib import convert_vars
from chaoslib.caching import cache_activities
from chaoslib.control import load_global_controls
from chaoslib.exceptions import ActivityFailed, ChaosException, InterruptExecution
from chaoslib.experiment import ensure_experiment_is_valid
from chaoslib.notification import RunFlowEvent, notify
from chaoslib.run import RunEventHandler, Runner, initialize_run_journal, run_rollback
from chaoslib.settings import load_settings
from chaoslib.types import Schedule, Strategy

from gameday import clock
from gameday.faults.protocol import current_step
from gameday.faults.undolog import UndoLog
from gameday.files import write_atomically

logger = logging.getLogger("chaostoolkit")


class Line:
    """The line to the runner: events out, orders in."""

    def __init__(self, orders: int, events: int) -> None:
        for descriptor in (orders, events):
            os.set_inheritable(descriptor, False)
        self.orders = os.fdopen(orders, "r")
        self.events = os.fdopen(events, "w", buffering=1)

    def tell(self, event: str, **more: Any) -> None:
        """Tell the runner, on the run clock. A runner that is gone is told nothing."""
        with contextlib.suppress(BrokenPipeError):
            self.events.write(
                json.dumps({"event": event, "t_ns": clock.now_ns(), **more}, default=str) + "\n"
            )

    def wait(self, why: str) -> None:
        """Wait until the runner says to go on."""
        self.tell("waiting", why=why)
        self.orders.readline()


class Feed(RunEventHandler):  # type: ignore[misc]
    """chaoslib's events for the runner, and the places where the runner holds the run."""

    def __init__(self, line: Line, journal: dict[str, Any], path: Path) -> None:
        self.line = line
        self.journal = journal
        self.path = path
        self.part = "baseline"

    def start_hypothesis_before(self, experiment: Any) -> None:
        self.part = "baseline"

    def start_method(self, experiment: Any) -> None:
        self.part = "method"
        self.line.tell("method-started")

    def method_completed(self, experiment: Any, state: Any = None) -> None:
        self.line.tell("method-ended")
        self.line.wait("recovery")

    def start_hypothesis_after(self, experiment: Any) -> None:
        self.part = "verification"

    def hypothesis_after_completed(self, experiment: Any, state: Any, journal: Any) -> None:
        self.save()

    def start_rollbacks(self, experiment: Any) -> None:
        self.part = "undo"
        self.line.wait("undo")

    def start_activity(self, activity: dict[str, Any]) -> None:
        name = str(activity.get("name"))
        current_step.set(name)
        self.line.tell(
            "step-started",
            name=name,
            kind=activity.get("type"),
            role=activity.get("role"),
            runbook=activity.get("runbook"),
            part=self.part,
        )
        owe_declared_undo(activity)

    def activity_completed(self, activity: dict[str, Any], run: dict[str, Any]) -> None:
        output = run.get("output")
        told = {key: output[key] for key in ("landed", "proof") if key in output} if is_fault(output) else {}
        self.line.tell(
            "step-ended",
            name=str(activity.get("name")),
            role=activity.get("role"),
            part=self.part,
            status=run.get("status"),
            error=_last_line(run.get("exception")),
            exit_code=_exit_code(activity, output),
            **told,
        )
        self.save()

    def save(self) -> None:
        """Put the journal on disk as it is."""
        write_atomically(self.path, as_json(self.journal))


def is_fault(output: Any) -> bool:
    """Whether an activity's output is that of a fault of gameday's protocol."""
    return isinstance(output, dict) and {"fault", "landed", "proof"} <= set(output)


def _exit_code(activity: dict[str, Any], output: Any) -> int | None:
    """A process's exit code: chaoslib calls a process that failed a success."""
    is_process = activity.get("provider", {}).get("type") == "process"
    return int(output["status"]) if is_process and isinstance(output, dict) and "status" in output else None


def _last_line(exception: Any) -> str | None:
    lines = exception if isinstance(exception, list) else []
    return str(lines[-1]).strip().removeprefix("chaoslib.exceptions.ActivityFailed: ") if lines else None


def owe_declared_undo(activity: dict[str, Any]) -> None:
    """Log the `undo:` that a third-party action declares, before the action acts."""
    log = UndoLog.of_this_run()
    if log is not None and isinstance(activity.get("undo"), dict):
        name = str(activity.get("name"))
        undo = {"type": "action", "name": f"undo {name}", **activity["undo"]}
        log.owe(name, name, {"activity": substituted(undo)})


_variables: dict[str, Any] = {"configuration": {}, "secrets": {}}


def substituted(activity: dict[str, Any]) -> dict[str, Any]:
    """An activity with its variables filled in: the undo must not need the experiment to be played."""
    from chaoslib import substitute

    filled: dict[str, Any] = substitute(activity, _variables["configuration"], {})
    return filled


@contextlib.contextmanager
def errors_end_activities_only() -> Iterator[None]:
    """Make any error of an activity or a tolerance fail that activity, not the run.

    chaoslib turns the exceptions of Python activities into failures, but lets those of HTTP and process
    activities, and of tolerances, escape past the remaining rollbacks.
    """
    run_activity, within = chaoslib.activity.run_activity, chaoslib.hypothesis.within_tolerance

    def guarded_activity(activity: Any, configuration: Any, secrets: Any) -> Any:
        try:
            return run_activity(activity, configuration, secrets)
        except (ActivityFailed, InterruptExecution):
            raise
        except Exception as error:
            raise ActivityFailed(traceback.format_exception_only(error)[0].strip()) from error

    def guarded_tolerance(*arguments: Any, **more: Any) -> Any:
        try:
            return within(*arguments, **more)
        except (ChaosException, KeyboardInterrupt):
            raise
        except Exception:
            logger.exception("The tolerance cannot judge this value; it is not met")
            return False

    chaoslib.activity.run_activity = guarded_activity
    chaoslib.hypothesis.within_tolerance = guarded_tolerance
    try:
        yield
    finally:
        chaoslib.activity.run_activity = run_activity
        chaoslib.hypothesis.within_tolerance = within


def as_json(journal: dict[str, Any]) -> str:
    """The journal as JSON; what JSON cannot say is written as text."""
    return json.dumps(journal, indent=2, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, (set, frozenset, tuple)):
        return sorted(map(str, value))
    return getattr(value, "value", None) or str(value)


class GamedayRunner(Runner):  # type: ignore[misc]
    """chaoslib's Runner, which also lets the engine see its configuration."""

    def configure(self, experiment: Any, settings: Any, experiment_vars: Any) -> None:
        super().configure(experiment, settings, experiment_vars)
        _variables.update(configuration=self.config, secrets=self.secrets)


def play(orders: dict[str, Any], line: Line) -> dict[str, Any]:
    """Play the experiment as `chaos run` would, with rollbacks whatever happens; returns the journal."""
    experiment: dict[str, Any] = orders["experiment"]
    settings = load_settings() or {}
    load_global_controls(settings)
    runtime = {**(experiment.get("runtime") or {})}
    rollbacks = orders["rollbacks"] or (runtime.get("rollbacks") or {}).get("strategy") or "always"
    hypothesis = (runtime.get("hypothesis") or {}).get("strategy") or "default"
    settings.setdefault("runtime", {})["rollbacks"] = {"strategy": rollbacks}
    settings["runtime"]["hypothesis"] = {"strategy": hypothesis}
    experiment["dry"] = None
    journal = initialize_run_journal(experiment)
    feed = Feed(line, journal, Path(orders["journal"]))
    feed.save()
    notify(settings, RunFlowEvent.RunStarted, experiment)
    cache_activities(experiment)
    with errors_end_activities_only(), GamedayRunner(Strategy.from_string(hypothesis), Schedule()) as runner:
        runner.register_event_handler(feed)
        variables = (convert_vars(orders["variables"]), {})
        try:
            if orders.get("only_rollbacks"):
                _only_rollbacks(runner, experiment, settings, variables, journal, orders)
            else:
                runner.run(experiment, settings, experiment_vars=variables, journal=journal)
        except Exception as error:
            logger.exception("The experiment ended with an error of the engine")
            journal["status"] = "aborted"
            line.tell("engine-error", error=f"{type(error).__name__}: {error}")
            if not journal["rollbacks"]:
                _rollbacks(runner, experiment, journal, rollbacks)
    feed.save()
    _notify_end(settings, journal)
    return journal


def _only_rollbacks(
    runner: Runner,
    experiment: dict[str, Any],
    settings: dict[str, Any],
    variables: tuple[Any, Any],
    journal: dict[str, Any],
    orders: dict[str, Any],
) -> None:
    """Play the rollbacks of a run whose engine had to be killed, into the journal it left."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        journal.update(json.loads(Path(orders["left_journal"]).read_text()))
    journal["status"] = "interrupted"
    runner.configure(experiment, settings, variables)
    _rollbacks(runner, experiment, journal, settings["runtime"]["rollbacks"]["strategy"])
    journal["end"] = clock.rfc3339(clock.Tie.take().utc_ns)


def _rollbacks(runner: Any, experiment: dict[str, Any], journal: dict[str, Any], strategy: str) -> None:
    from chaoslib.run import get_background_pools

    _, pool = get_background_pools(experiment)
    run_rollback(
        strategy, pool, experiment, journal, runner.config, runner.secrets, runner.event_registry, None
    )


def _notify_end(settings: dict[str, Any], journal: dict[str, Any]) -> None:
    has_completed = journal["status"] == "completed"
    notify(settings, RunFlowEvent.RunCompleted if has_completed else RunFlowEvent.RunFailed, journal)
    if journal["deviated"]:
        notify(settings, RunFlowEvent.RunDeviated, journal)


def validate(experiment: dict[str, Any]) -> str | None:
    """What chaoslib has against the experiment; None when it is valid."""
    try:
        ensure_experiment_is_valid(experiment)
    except ChaosException as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def main() -> None:
    """Take the orders and play."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--orders", type=int, required=True)
    parser.add_argument("--events", type=int, required=True)
    arguments = parser.parse_args()
    line = Line(arguments.orders, arguments.events)
    orders = json.loads(line.orders.readline())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if not orders.get("only_rollbacks"):
        trouble = validate(orders["experiment"])
        line.tell("validated", trouble=trouble)
        if trouble is not None or orders.get("only_validate"):
            return
        line.wait("start")
    journal = play(orders, line)
    line.tell("ended", status=journal["status"], deviated=journal["deviated"])


if __name__ == "__main__":
    main()
