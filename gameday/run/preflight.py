"""What must hold before a run may begin: chaoslib accepts the experiment, and everything answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from gameday.errors import GamedayError, InvalidInput, Problem
from gameday.experiment.load import Experiment
from gameday.experiment.positions import Path as Place
from gameday.experiment.walk import walk
from gameday.guardrails.check import Permit, check
from gameday.observe.preflight import unreachable
from gameday.run import killswitch
from gameday.run.asked import Asked
from gameday.run.children import Engine, wait_for_words
from gameday.run.custody import Custody, custodies

LIMIT_S = 60.0  # importing what activities call may take a while


def start_validation(
    experiment: Experiment,
    variables: Sequence[str] = (),
    asked: Asked | None = None,
    ahead: Engine | None = None,
) -> Engine:
    """Have chaoslib validate the experiment in an engine, while other things are made ready.

    asked: what a run is asked for, whose controls then are asked too; None when nothing is to run. ahead: an
    engine without orders, None to start one. Raises InvalidInput when a secret cannot be had: what is not
    known to be secret would be written down.
    """
    found = experiment.found
    if found.trouble is not None:
        place = experiment.places.of_key((found.where,))
        raise InvalidInput([Problem(str(experiment.path), *place, found.advice)])
    source = {"source": str(experiment.path), "asked": asked.orders()} if asked is not None else {}
    orders = {
        **source,
        "experiment": experiment.document,
        "variables": list(variables),
        "secrets": {},
    }
    engine = ahead or Engine.ahead()
    engine.send(orders)
    return engine


def check_activities(experiment: Experiment, engine: Engine, *, is_to_run: bool = False) -> None:
    """Wait for what chaoslib has against the experiment. Raises InvalidInput with it.

    is_to_run: whether the engine then waits for the run; otherwise it is ended.
    """
    is_valid = False
    try:
        trouble = _trouble(experiment, engine)
        if trouble:
            raise _problem(experiment, _place_of(trouble, experiment), f"Chaos Toolkit refuses it: {trouble}")
        is_valid = True
    finally:
        if not (is_valid and is_to_run):
            engine.kill()


def _trouble(experiment: Experiment, engine: Engine) -> str:
    """What the engine says against it; empty when it is valid. Raises InvalidInput when it says nothing."""
    end_s = time.monotonic() + LIMIT_S
    while (left_s := end_s - time.monotonic()) > 0:
        wait_for_words([engine], left_s)
        is_alive = engine.is_alive
        said = [message for message in engine.messages() if message["event"] == "validated"]
        if said:
            return str(said[0]["trouble"] or "")
        if not is_alive:
            raise _problem(experiment, (), f"the engine did not start (exit code {engine.code})")
    why = f"not checked within {LIMIT_S:g} s: importing a module that it names never ends"
    raise _problem(experiment, (), why)


def allowed(experiment: Experiment, engine: Engine) -> Permit:
    """What allows the run, once all that must hold does, and its engine waits for it.

    Raises GamedayError when something does not; the engine is ended then.
    """
    check_activities(experiment, engine, is_to_run=True)
    try:
        permit = check(experiment)
        permit.must_hold()
        check_reachable(experiment)
    except BaseException:
        engine.kill()
        raise
    return permit


def check_reachable(experiment: Experiment) -> None:
    """Ask everything that the run needs once. Raises InvalidInput with all that does not answer."""
    problems = [
        Problem(str(experiment.path), *experiment.places.of_value(path), f"{'.'.join(map(str, path))}: {why}")
        for path, why in unreachable(experiment.blocks)
    ]
    if problems:
        raise InvalidInput(problems)


def check_unfinished(experiment: Experiment, results: Path) -> None:
    """Raise GamedayError while the kill switch is thrown, or a run on the same service owes an undo."""
    if why := killswitch.thrown(results):
        raise GamedayError(f"{why}; lift it with: gameday halt --lift")
    from gameday.run.recovery import Unfinished, unfinished

    foreign = [left for left in unfinished(results) if left.custody.is_foreign]
    for left in [*map(Unfinished.of, custodies()), *foreign]:
        run = left.custody.pack
        if left.owed and is_about(left.custody, experiment):
            what = "is still running" if left.is_running else "was cut off"
            raise GamedayError(
                f"run {run.run_id} {what} and owes {len(left.owed)} undo(s) on the same service; "
                f"wait for it, or finish it with: gameday recover {run.folder}"
            )


def is_about(custody: Custody, experiment: Experiment) -> bool:
    """Whether a run was one of this experiment, or of another one on its service."""
    service = experiment.blocks.service
    if custody.about is not None:
        is_same_file = Path(custody.about.path) == experiment.path.resolve()
        return is_same_file or (service is not None and custody.about.service == service.name)
    about = custody.pack.about()
    return about["sha256"] == experiment.sha256 or (service is not None and about["service"] == service.name)


def _problem(experiment: Experiment, path: Place, message: str) -> InvalidInput:
    return InvalidInput([Problem(str(experiment.path), *experiment.places.of_value(path), message)])


def _place_of(trouble: str, experiment: Experiment) -> Place:
    """The activity that a message of chaoslib names; the whole file when it names none."""
    for path, activity in walk(experiment.document):
        if activity.get("name") and f"'{activity['name']}'" in trouble:
            return path
    return ()
