"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gameday.errors import GamedayError
from gameday.units import duration_s

if TYPE_CHECKING:
    from gameday.evidence.seal import Sealing
    from gameday.experiment.source import Source

PLAIN = click.option(
    "--plain", is_flag=True, help="One line an event, for logs and CI; the default without a terminal."
)
ROLLBACKS = click.option(
    "--rollbacks",
    "--rollback-strategy",
    type=click.Choice(["always", "default", "never", "deviated"]),
    help="When to play the rollbacks. Default: what the file says, else always.",
)
FILE = click.Path(path_type=Path)
SOURCE = click.Path()  # of an experiment: a file, or its web address
KEY = click.option(
    "--key",
    help="The key that signs the evidence: a file, or awskms:KEY. Default: GAMEDAY_SIGNING_KEY.",
)
TIME_STAMP = click.option(
    "--time-stamp", metavar="URL", help="A time-stamp authority (RFC 3161). Default: GAMEDAY_TIME_STAMP."
)


class Duration(click.ParamType):  # type: ignore[type-arg]
    """`30s` or `10m`, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            length_s = value if isinstance(value, float) else duration_s(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if length_s <= 0:
            self.fail("write a duration above 0", param, ctx)
        return length_s


class Shelf(click.ParamType):  # type: ignore[type-arg]
    """A results folder as a path, or the URL of one as a text."""

    name = "folder"

    def __init__(self, *, is_here: bool = False) -> None:
        self.is_here = is_here

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path | str:
        if "://" not in str(value):
            return Path(str(click.Path(file_okay=False).convert(value, param, ctx)))
        if self.is_here:
            self.fail("write a folder of this machine: a run that is not over is at no URL", param, ctx)
        return str(value)


RESULTS = click.option(
    "--results",
    type=Shelf(),
    default="results",
    show_default=True,
    help="The folder in which every run has its own, or a URL such as s3://bucket/path.",
)
RESULTS_HERE = click.option(
    "--results",
    type=Shelf(is_here=True),
    default="results",
    show_default=True,
    help="The folder in which every run has its own.",
)
LIMIT = click.option(
    "--limit",
    "limit_s",
    type=Duration(),
    default="10m",
    show_default=True,
    help="How long it may take: others may have made it to take for ever.",
)


def _trust(_context: click.Context, _option: click.Parameter, paths: tuple[Path, ...]) -> None:
    """Follow these files, and let somebody at a terminal be asked about others."""
    from gameday.guardrails.foreign import consent

    for path in paths:
        consent.trust(path)
    if sys.stdin.isatty() and sys.stderr.isatty():
        consent.ask = lambda question: click.confirm(question, err=True)


TRUST = click.option(
    "--trust-file",
    multiple=True,
    metavar="FILE",
    type=FILE,
    callback=_trust,
    expose_value=False,
    help="Follow this gameday.toml, or experiment, although it lies outside your own folders.",
)
VARIABLES = click.option(
    "--var", "variables", multiple=True, metavar="KEY=VALUE", help="Set a value of the configuration."
)


def sealing(key: str | None, time_stamp: str | None, beside: Path | None = None) -> Sealing:
    """How to seal: as the options say, else the environment, else the nearest gameday.toml.

    Raises GamedayError, before anything is touched, when the key cannot sign.
    """
    from gameday.evidence.seal import Sealing
    from gameday.guardrails.organisation import evidence_settings

    told = evidence_settings(beside)
    chosen = Sealing.taken(key, time_stamp, told.key, told.time_stamp)
    chosen.check()
    return chosen


def taken(source: str, sha256: str | None = None, *, verify_tls: bool = True) -> Source:
    """The file of an experiment, fetched if need be. Raises GamedayError."""
    from gameday.experiment.remote import fetched, is_address
    from gameday.experiment.source import Source

    if is_address(source):
        return fetched(source, sha256, verify_tls=verify_tls)
    if sha256 is not None or not verify_tls:
        raise GamedayError("--sha256 and --no-verify-tls are for an experiment from an address, https://…")
    return Source(Path(source))


def as_mapping(variables: tuple[str, ...]) -> dict[str, Any]:
    """`KEY=VALUE` and `KEY:type=VALUE` as Chaos Toolkit reads them."""
    from chaoslib import convert_vars

    from gameday.experiment.plain import TOO_DEEP, is_too_much, unfit

    for variable in variables:
        if not variable.partition("=")[0] or "=" not in variable:
            raise GamedayError(f"--var {variable!r}: write KEY=VALUE")
    try:
        known = dict(convert_vars(list(variables)) or {})
    except ValueError as error:
        raise GamedayError(f"--var: {error}; write KEY=VALUE") from None
    except RecursionError:
        raise GamedayError(f"--var: {TOO_DEEP}") from None
    if why := is_too_much(known):
        raise GamedayError(f"--var: {why}")
    for found in unfit(known):
        raise GamedayError(f"--var {found.path[0]}: {found.why}")
    return known
