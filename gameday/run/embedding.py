"""gameday as a part of another program: load an experiment, play it, verify a run.

Nothing here listens to signals, ends the process, or changes what other threads see of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gameday.errors import GamedayError, InvalidInput, Problem
from gameday.evidence.seal import Sealing
from gameday.evidence.verify import Verification
from gameday.evidence.verify import verify as verified
from gameday.experiment import plain
from gameday.experiment.given import read
from gameday.experiment.load import Experiment
from gameday.experiment.load import load as loaded
from gameday.guardrails.organisation import evidence_settings
from gameday.run import runner
from gameday.run.asked import Asked
from gameday.run.clockwork import Stop
from gameday.run.hooks import Hook
from gameday.run.options import Options
from gameday.run.outcome import Outcome
from gameday.run.preflight import allowed, start_validation
from gameday.run.view import View

RESULTS = Path("results")


def load(
    path: Path | str, variables: Mapping[str, Any] | None = None, var_files: Iterable[Path | str] = ()
) -> Experiment:
    """Read and check an experiment; touches nothing.

    variables: values of its configuration, as JSON can say them. var_files: as `--var-file` takes them, but
    for those that would change this process's environment. Raises InvalidInput with every problem.
    """
    given = read(map(Path, var_files))
    if given.environment:
        why = f"{next(iter(given.environment))} belongs to the environment of the whole process; set it there"
        raise InvalidInput([Problem(given.paths[0], 0, 0, why)])
    wrong = [f"variable {found.path[0]}: {found.why}" for found in plain.unfit(dict(variables or {}))]
    if wrong:
        raise InvalidInput([Problem(str(path), 0, 0, message) for message in wrong])
    return loaded(Path(path), dict(variables or {}), given)


def run(
    experiment: Experiment | Path | str,
    *,
    results: Path | str = RESULTS,
    rollbacks: str | None = None,
    dry: str | None = None,
    key: str | None = None,
    hooks: Iterable[Hook] = (),
    on_event: Callable[[dict[str, Any]], None] | None = None,
    stop: Stop | None = None,
) -> Outcome:
    """Play an experiment and judge it, in this thread.

    It is checked, the guardrails must hold, and all that it names must answer, as for `gameday run`.
    rollbacks, dry, key: as the options of that name. hooks: told of the start and the end. on_event: told of
    every event of the timeline, in this thread, so it must be quick. stop: halts the run from another thread.
    Raises GamedayError, with nothing touched, when the run cannot begin; NotRecorded when it has no record.
    """
    if dry not in (None, "actions", "activities"):
        raise GamedayError(f"a dry run leaves out actions or activities, not {dry!r}")
    found = experiment if isinstance(experiment, Experiment) else load(experiment)
    words = tuple(_words(found))
    asked = Asked(dry=dry, var_files=found.given.paths)
    told = evidence_settings(found.path)
    sealing = Sealing.taken(key, None, told.key, told.time_stamp)
    sealing.check()
    engine = start_validation(found, words, asked)
    permit, told_of = allowed(found, engine), tuple(hooks)
    options = Options(Path(results), words, rollbacks, asked, permit, sealing, hooks=told_of, engine=engine)
    return runner.run(found, options, _Told(on_event), stop=stop)


def verify(path: Path | str, *, key: Path | str | None = None) -> Verification:
    """Check the seal of a run, a folder or a zip, and measure it again; `findings` says what is wrong.

    key: the public key that must have signed. It has no limit of time or memory: what others made is better
    verified by the command. Raises GamedayError when there is nothing to verify.
    """
    from gameday.evidence import keys
    from gameday.evidence.holding import opened

    believed = None if key is None else keys.public_key(Path(key))
    with opened(Path(path)) as held:
        return verified(held, believed)


def _words(experiment: Experiment) -> Iterator[str]:
    """The variables as `--var` takes them: a recovery reads them so."""
    of_files = experiment.given.configuration
    for name, value in experiment.variables.items():
        if name not in of_files or of_files[name] is not value:
            yield f"{name}={value}" if isinstance(value, str) else f"{name}:json={json.dumps(value)}"


class _Told(View):
    """Tells somebody of the events."""

    def __init__(self, on_event: Callable[[dict[str, Any]], None] | None) -> None:
        self.on_event = on_event

    def event(self, entry: dict[str, Any]) -> None:
        """An event, as the timeline has it."""
        if self.on_event is not None:
            self.on_event(dict(entry))
