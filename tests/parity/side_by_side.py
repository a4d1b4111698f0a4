"""Plays many experiments in one process, under Chaos Toolkit or under gameday, and keeps their journals.

`python -m tests.run.side_by_side chaos|gameday CASES.json`: a list of cases, each with `folder` (its own),
`file`, `options` (of `chaos run`), `settings` (its path), `environment`. What came of a case is `ended.json`
in its folder: the journal, or why there is none.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chaoslib.control import reset_global_controls
from click import ClickException

LONGEST_PAUSE_S = 0.05
Case = dict[str, Any]


def under_chaos(case: Case) -> dict[str, Any]:
    """Play a case as `chaos run` does."""
    from chaostoolkit.cli import cli

    settings = ["--settings", case["settings"]] if case.get("settings") else []
    command = ["--no-version-check", "--no-log-file", *settings, "run", *case["options"], case["file"]]
    with contextlib.suppress(SystemExit):
        cli(command, standalone_mode=False)
    journal = Path("journal.json")
    return dict(json.loads(journal.read_text())) if journal.exists() else {"refused": "no journal"}


def under_gameday(case: Case) -> dict[str, Any]:
    """Play a case with gameday's engine, as `gameday run` would order it."""
    from gameday.cli import drills, toolkit
    from gameday.cli.options import as_mapping
    from gameday.errors import GamedayError
    from gameday.experiment.load import load
    from gameday.experiment.meant import as_meant, packed
    from gameday.run import engine

    settings = ["--settings", case["settings"]] if case.get("settings") else []
    try:
        told = drills.run.make_context("run", [*settings, *case["options"], case["file"]]).params
        asked, variables = toolkit.asked(told), told["variables"]
        experiment = load(Path(case["file"]), as_mapping(variables), toolkit.given(asked))
    except (GamedayError, ClickException) as error:
        return {"refused": str(error)}
    orders = json.loads(
        json.dumps(
            packed(
                {
                    "source": case["file"],
                    "experiment": experiment.document,
                    "variables": list(variables),
                    "rollbacks": told["rollbacks"],
                    "asked": asked.orders(),
                    "given": experiment.given.orders(),
                    "journal": "journal.json",
                }
            )
        )
    )
    orders = as_meant(orders)
    if trouble := engine.load(orders) or engine.validate(orders["experiment"]):
        return {"refused": trouble}
    engine.play(orders, _NoRunner())  # type: ignore[arg-type]
    return dict(json.loads(Path("journal.json").read_text()))


class _NoRunner:
    """A line to a runner that always says to go on."""

    def tell(self, event: str, **more: Any) -> None:
        """Nobody hears it."""

    def wait(self, why: str) -> None:
        """There is nothing to wait for."""


def main() -> None:
    """Play them all."""
    tool, cases = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    play: Callable[[Case], dict[str, Any]] = {"chaos": under_chaos, "gameday": under_gameday}[tool]
    here, before, modules = Path.cwd(), dict(os.environ), set(sys.modules)
    pause = time.sleep
    os.fsync = lambda descriptor: None  # no power is cut here
    time.sleep = lambda seconds: pause(min(seconds, LONGEST_PAUSE_S))
    sys.path += [str(here), ""]
    logging.disable()
    for case in cases:
        os.chdir(case["folder"])
        os.environ.update(case["environment"] or {})
        try:
            ended = contextvars.copy_context().run(play, case)
        except BaseException as error:  # noqa: BLE001 - whatever ends a case ends no other
            ended = {"crashed": f"{type(error).__name__}: {error}"}
        Path("ended.json").write_text(json.dumps(ended))
        reset_global_controls()
        for name in {*sys.modules} - modules:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(case["folder"]):
                del sys.modules[name]
        modules = {*sys.modules}
        for name in {*os.environ} - {*before}:
            del os.environ[name]
        os.chdir(here)


if __name__ == "__main__":
    main()
