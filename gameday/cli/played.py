"""A run from the command line: from its file to its exit code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gameday.cli import signals, toolkit
from gameday.cli.options import as_mapping, sealing
from gameday.cli.publish import Destination
from gameday.cli.say import say

if TYPE_CHECKING:
    from gameday.experiment.source import Source
    from gameday.run.asked import Asked
    from gameday.run.outcome import Outcome


def played(
    source: Source,
    variables: tuple[str, ...],
    results: Path | str,
    rollbacks: str | None,
    plain: bool,
    key: str | None = None,
    time_stamp: str | None = None,
    asked: Asked | None = None,
    listen: tuple[str, Path | None] | None = None,
) -> tuple[Outcome, Destination]:
    """Load, check that everything answers, and run; where the run goes.

    listen: where to receive alarms, and the file of their token.
    """
    from gameday.run.children import Engine

    engine = Engine.ahead()  # chaoslib needs a while to start, and so does what follows
    from gameday.experiment.load import load
    from gameday.run.asked import AS_THE_FILE_SAYS
    from gameday.run.options import Options
    from gameday.run.preflight import allowed, start_validation
    from gameday.run.receiving import Listening
    from gameday.run.runner import run
    from gameday.run.view import view_of

    asked = asked or AS_THE_FILE_SAYS
    experiment = load(source, as_mapping(variables), toolkit.given(asked))
    for warning in experiment.warnings:
        say(f"{warning} (a warning)", err=True)
    start_validation(experiment, variables, asked, engine)
    how = sealing(key, time_stamp, source.path)
    listening = None if listen is None else Listening.at(*listen)
    permit = allowed(experiment, engine)
    destination = Destination.of(results)
    more: dict[str, Any] = {"listening": listening, "engine": engine}
    options = Options(destination.folder, variables, rollbacks, asked, permit, how, **more)
    return run(experiment, options, view_of(plain), hearing=signals.heard), destination


def end(outcome: Outcome, destination: Destination) -> None:
    """End with the run's folder and its exit code."""
    say(outcome.pack.folder)
    if code := destination.take(outcome):
        sys.exit(code)
