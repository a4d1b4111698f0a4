"""The command line: flags, exit codes, nothing else. Every command imports what it needs when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

import gameday
from gameday.errors import GamedayError, InvalidInput

EXIT_CODES = """\b
Exit codes:
  0  passed
  1  objectives missed, or the steady state deviated
  2  invalid input, nothing touched
  3  halted or aborted, everything undone
  4  inconclusive: the run cannot know
  5  an undo is still owed
"""

FILE = click.Path(path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
RESULTS = click.option(
    "--results",
    type=FOLDER,
    default=Path("results"),
    show_default=True,
    help="The folder in which every run has its own.",
)
PLAIN = click.option(
    "--plain", is_flag=True, help="One line an event, for logs and CI; the default without a terminal."
)
ROLLBACKS = click.option(
    "--rollbacks",
    type=click.Choice(["always", "default", "never", "deviated"]),
    help="When to play the rollbacks. Default: what the file says, else always.",
)

VARIABLES = click.option(
    "--var", "variables", multiple=True, metavar="KEY=VALUE", help="Set a value of the configuration."
)
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(epilog=EXIT_CODES, context_settings=CONTEXT)
@click.version_option(gameday.__version__, prog_name="gameday")
def cli() -> None:
    """Break a system on purpose, fail it over, and prove how long it was down and what it lost.

    \b
    Start here:
      gameday demo                       a real database failover on this machine
      gameday validate experiment.yaml   what is wrong with a file, and where
      gameday run experiment.yaml        play it
    """


@cli.command()
@click.argument("file", type=FILE)
@VARIABLES
@RESULTS
@ROLLBACKS
@PLAIN
def run(file: Path, variables: tuple[str, ...], results: Path, rollbacks: str | None, plain: bool) -> None:
    """Play the experiment in FILE and judge it.

    Standard output ends with the path of the run's folder; everything else goes to standard error.
    """
    _play(file, variables, results, rollbacks, plain)


@cli.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@VARIABLES
def validate(files: tuple[Path, ...], variables: tuple[str, ...]) -> None:
    """Check experiment FILES: every problem with its file, line and column. Nothing is run."""
    from gameday.experiment import load
    from gameday.run.preflight import check_activities, start_validation

    problems = 0
    for file in files:
        try:
            experiment = load(file, _as_mapping(variables))
            check_activities(experiment, start_validation(experiment, variables))
        except GamedayError as error:
            click.echo(str(error), err=True)
            problems += len(str(error).splitlines())
            continue
        for warning in experiment.warnings:
            click.echo(f"{warning} (a warning)", err=True)
        click.echo(f"{file}: valid")
    if problems:
        click.echo(f"{problems} problem{'s' if problems > 1 else ''}", err=True)
        sys.exit(2)


@cli.command()
@click.option("--record", "of_record", is_flag=True, help="The schema of record.json instead.")
def schema(of_record: bool) -> None:
    """Print the JSON Schema of an experiment file, for editors and other tools."""
    import json

    if of_record:
        from gameday.evidence.record import schema as made
    else:
        from gameday.experiment.schema import schema as made
    click.echo(json.dumps(made(), indent=2))


@cli.command()
@click.argument("run_name", metavar="[RUN]", required=False)
@VARIABLES
@RESULTS
def recover(run_name: str | None, variables: tuple[str, ...], results: Path) -> None:
    """Finish what an interrupted run still owes: RUN, or every unfinished run.

    Undoes, plays the rollbacks, and writes the record; safe to repeat, and works after a reboot. Values
    given to the run with --var must be given again. Ends with 5 while something is still owed.
    """
    from gameday.evidence import pack
    from gameday.run.recovery import StillRunning, recover_from_disk, unfinished

    chosen = [pack.find(results, run_name)] if run_name else [left.pack for left in unfinished(results)]
    if not chosen:
        click.echo("nothing to recover: every run has come to its end")
    is_open = False
    for each in chosen:
        try:
            owed = recover_from_disk(each, variables)
        except StillRunning:
            click.echo(f"{each.run_id}: somebody works on it; try again when that has ended", err=True)
            is_open = True
            continue
        is_open = is_open or bool(owed)
        still = ", ".join(entry.step for entry in owed)
        click.echo(f"{each.run_id}: {f'still owed: {still}' if owed else 'everything is put back'}")
    if is_open:
        sys.exit(5)


@cli.command()
@click.argument("run_name", metavar="[RUN]", required=False)
@click.option("--all", "is_all", is_flag=True, help="Stop every run and block new ones.")
@click.option("--lift", is_flag=True, help="Allow runs again.")
@click.option("--why", default="stopped by hand", show_default=True, help="What the record will say.")
@RESULTS
def halt(run_name: str | None, is_all: bool, lift: bool, why: str, results: Path) -> None:
    """Stop RUN, or all runs, within a fraction of a second; everything is undone.

    With --all new runs are blocked until `gameday halt --lift`.
    """
    from gameday.evidence import pack
    from gameday.run import killswitch

    if lift:
        was_thrown = killswitch.lift(results)
        click.echo("runs are allowed again" if was_thrown else "the kill switch was not thrown")
    elif is_all:
        results.mkdir(parents=True, exist_ok=True)
        click.echo(f"thrown: {killswitch.throw(results, why)}; lift it with: gameday halt --lift")
    else:
        chosen = pack.find(results, run_name or "latest")
        if chosen.record.exists():
            raise GamedayError(f"run {chosen.run_id} has come to its end; there is nothing to halt")
        click.echo(f"thrown: {killswitch.throw(chosen.folder, why)}")


@cli.command()
@click.argument("run_name", metavar="[RUN]", default="latest")
@click.option(
    "--format",
    "names",
    multiple=True,
    type=click.Choice(["html", "markdown", "junit", "csv", "pdf"]),
    help="What to make; again for another. Default: html.",
)
@click.option("--pdf", "is_pdf", is_flag=True, help="Short for --format pdf.")
@click.option(
    "--output",
    type=FOLDER,
    help="Where to write. Default: the run's folder for html, else reports/RUN-ID.",
)
@RESULTS
def report(run_name: str, names: tuple[str, ...], is_pdf: bool, output: Path | None, results: Path) -> None:
    """Make the report of RUN from its pack: a folder, a run id, its beginning, or `latest`.

    Prints the path of every file. html is one page; markdown is for a wiki; junit for CI; csv for
    spreadsheets, outages.csv and steps.csv; pdf needs a browser or the extra `pdf`.
    """
    from gameday.evidence import forms, pack

    chosen = [*names, *(["pdf"] if is_pdf else [])] or ["html"]
    for path in forms.write(pack.find(results, run_name), chosen, output):
        click.echo(path)


@cli.command()
@click.argument("before", metavar="RUN")
@click.argument("after", metavar="RUN")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="How to write it.",
)
@RESULTS
def compare(before: str, after: str, form: str, results: Path) -> None:
    """Say what got better or worse from the first RUN to the second.

    An RTO or an RPO is better or worse only when the intervals have nothing in common. The exit code
    is 0 whatever is found.
    """
    from rich.console import Console

    from gameday.evidence import compared, pack
    from gameday.evidence.compare import compare as made_of

    comparison = made_of(*(pack.find(results, name).read_record() for name in (before, after)))
    if form == "json":
        click.echo(compared.as_json(comparison))
    elif form == "markdown":
        click.echo(compared.markdown(comparison), nl=False)
    elif sys.stdout.isatty():
        Console().print(compared.table(comparison))
    else:
        click.echo("\n".join(compared.lines(comparison)))


@cli.command()
@click.argument("name", default="failover-sync")
@click.option("--list", "is_list", is_flag=True, help="List the demos.")
@RESULTS
@PLAIN
def demo(name: str, is_list: bool, results: Path, plain: bool) -> None:
    """Play a real disaster-recovery drill on this machine, in about a minute.

    The systems are real and live in a folder of their own: PostgreSQL with a streaming standby, and an
    orders service in front of it. Everything is stopped at the end.
    """
    import tempfile

    from gameday.lab.demos import DEMOS, experiment_path

    if is_list:
        for known in DEMOS.values():
            click.echo(f"{known.name:16} {known.summary}")
        return
    if name not in DEMOS:
        from gameday.experiment.spelling import did_you_mean

        raise GamedayError(
            f"there is no demo '{name}'" + did_you_mean(name, DEMOS, "gameday demo --list shows all")
        )
    with tempfile.TemporaryDirectory(prefix="gameday-lab-") as folder:
        click.echo("starting PostgreSQL, its standby and the orders service …", err=True)
        with DEMOS[name].lab(Path(folder)) as lab:
            variables = tuple(f"{key}={value}" for key, value in lab.variables.items())
            _play(experiment_path(name), variables, results, None, plain)


def _play(file: Path, variables: tuple[str, ...], results: Path, rollbacks: str | None, plain: bool) -> None:
    """Load, check that everything answers, run, and end with the run's exit code."""
    from gameday.experiment import load
    from gameday.run.preflight import check_activities, check_reachable, start_validation

    experiment = load(file, _as_mapping(variables))
    for warning in experiment.warnings:
        click.echo(f"{warning} (a warning)", err=True)
    # chaoslib needs a while to start, and so does what follows
    validation = start_validation(experiment, variables)
    from gameday.run.live import view_of
    from gameday.run.runner import Options, run

    check_activities(experiment, validation)
    check_reachable(experiment)
    outcome = run(experiment, Options(results, variables, rollbacks), view_of(plain))
    click.echo(outcome.pack.folder)
    if outcome.exit_code:
        sys.exit(outcome.exit_code)


def _as_mapping(variables: tuple[str, ...]) -> dict[str, Any]:
    """`KEY=VALUE` and `KEY:type=VALUE` as Chaos Toolkit reads them."""
    from chaoslib import convert_vars

    try:
        return dict(convert_vars(list(variables)) or {})
    except ValueError as error:
        raise GamedayError(f"--var: {error}; write KEY=VALUE") from None


def main() -> None:
    """Run the command; an error that people should read is one message and its exit code."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.Abort:
        sys.exit(3)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except GamedayError as error:
        click.echo(str(error) if isinstance(error, InvalidInput) else f"gameday: {error}", err=True)
        sys.exit(error.exit_code)
