"""The options of `chaos run` that `gameday run` has too."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gameday.errors import GamedayError

if TYPE_CHECKING:
    from gameday.evidence.pack import Pack
    from gameday.experiment.given import Given
    from gameday.run.asked import Asked

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(path_type=Path)
HYPOTHESIS = "default before-method-only after-method-only during-method-only continuously".split()
LEVELS = "debug info warning error".split()
# what would still play actions is no dry run to gameday
DRY = ("actions", "activities")


def _dry(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value in ("probes", "pause"):
        raise click.BadParameter(
            f"{value} would play the actions for real; write --dry actions or activities"
        )
    return value


OPTIONS = (
    click.option(
        "--var-file",
        "var_files",
        multiple=True,
        type=FILE,
        metavar="FILE",
        help="Take configuration and secrets from a YAML or JSON file, or the environment from a .env file.",
    ),
    click.option(
        "--control-file",
        "control_files",
        multiple=True,
        type=FILE,
        metavar="FILE",
        help="Take controls for the whole run from a YAML or JSON file.",
    ),
    click.option(
        "--settings",
        type=FILE,
        metavar="FILE",
        help="Chaos Toolkit's settings. Default: ~/.chaostoolkit/settings.yaml.",
    ),
    click.option(
        "--dry",
        type=click.Choice([*DRY, "probes", "pause"]),
        callback=_dry,
        metavar="[actions|activities]",
        help="Play everything but actions, or no activity at all: a rehearsal, which proves nothing.",
    ),
    click.option(
        "--hypothesis-strategy",
        "hypothesis",
        type=click.Choice([*HYPOTHESIS, "continously"]),
        metavar=f"[{'|'.join(HYPOTHESIS)}]",
        help="When to check the hypothesis. Default: what the file says, or the settings.",
    ),
    click.option(
        "--hypothesis-frequency",
        "frequency_s",
        type=click.FloatRange(0.001, 86_400),
        default=1.0,
        metavar="SECONDS",
        help="From one check to the next, during the method or continuously. Default: 1.",
    ),
    click.option("--fail-fast", is_flag=True, help="End the method when one of these checks fails."),
    click.option(
        "--journal-path",
        type=FILE,
        metavar="FILE",
        help="Also copy Chaos Toolkit's journal there, at the end.",
    ),
    click.option("--verbose", is_flag=True, help="Log all that Chaos Toolkit says: --log-file-level debug."),
    click.option(
        "--log-format",
        type=click.Choice(["string", "json"]),
        default="string",
        help="The form of the engine's log.",
    ),
    click.option(
        "--log-file", type=FILE, metavar="FILE", help="Also copy the engine's log there, at the end."
    ),
    click.option(
        "--log-file-level", "log_level", type=click.Choice(LEVELS), help="The level of the engine's log."
    ),
    click.option("--no-log-file", is_flag=True, help="Copy no log, as without --log-file."),
    click.option("--sha256", metavar="DIGEST", help="What an experiment from an address must have."),
    click.option("--no-verify-tls", is_flag=True, help="Take an experiment from an address whoever has it."),
)


def options(command: Command) -> Command:
    """Give a command all of them."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def asked(told: dict[str, Any]) -> Asked:
    """What of them goes to the engine. Raises GamedayError for a file that is not there."""
    from gameday.run.asked import Asked

    settings: Path | None = told["settings"]
    for path in (*told["control_files"], *([settings] if settings else [])):
        if not path.is_file():
            raise GamedayError(f"there is no file {path}")
    return Asked(
        hypothesis="continuously" if told["hypothesis"] == "continously" else told["hypothesis"],
        frequency_s=told["frequency_s"],
        fail_fast=told["fail_fast"],
        dry=told["dry"],
        settings=str(settings.absolute()) if settings else None,
        control_files=tuple(str(path.absolute()) for path in told["control_files"]),
        var_files=tuple(str(path.absolute()) for path in told["var_files"]),
        log_level=told["log_level"] or ("debug" if told["verbose"] else "info"),
        log_format=told["log_format"],
    )


def given(wanted: Asked) -> Given:
    """What its files give; their variables are in the environment from now on. Raises InvalidInput."""
    from gameday.experiment.given import read

    found = read(map(Path, wanted.var_files))
    os.environ.update(found.environment)
    return replace(found, control_files=wanted.control_files)


@dataclass(frozen=True, slots=True)
class Copies:
    """Where else the journal and the engine's log go, without secrets, as they are in the pack."""

    journal: Path | None
    log: Path | None

    @classmethod
    def of(cls, told: dict[str, Any]) -> Copies:
        """As the options say. Raises GamedayError, before anything is touched, when one cannot be written."""
        copies = cls(told["journal_path"], None if told["no_log_file"] else told["log_file"])
        for path in filter(None, (copies.journal, copies.log)):
            if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
                raise GamedayError(f"{path} cannot be written")
        return copies

    def make(self, pack: Pack) -> None:
        """Make them. Raises GamedayError; the run itself is recorded by now."""
        for path, original in ((self.journal, pack.journal), (self.log, pack.logs / "engine.log")):
            if path is not None and original.exists():
                try:
                    shutil.copyfile(original, path)
                except OSError as error:
                    raise GamedayError(f"{path} cannot be written: {error.strerror}") from None
