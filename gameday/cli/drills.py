"""The commands around a drill: check it, play it, stop it, recover it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gameday.cli import toolkit
from gameday.cli.options import (
    FILE,
    KEY,
    PLAIN,
    RESULTS,
    RESULTS_HERE,
    ROLLBACKS,
    SOURCE,
    TIME_STAMP,
    TRUST,
    VARIABLES,
    as_mapping,
    sealing,
    taken,
)
from gameday.cli.played import end, played
from gameday.cli.say import complain, say
from gameday.errors import GamedayError, InvalidInput

if TYPE_CHECKING:
    from gameday.evidence.seal import Sealing
    from gameday.run.custody import Custody


class GivenUp(GamedayError):
    """Ctrl-C in a recovery: what it undid is undone, the rest is still owed."""

    exit_code = 5

    def __init__(self, run_id: str) -> None:
        super().__init__(f"{run_id} is not finished; go on with: gameday recover {run_id}")


@click.command()
@click.argument("file", type=SOURCE)
@VARIABLES
@RESULTS
@ROLLBACKS
@KEY
@TIME_STAMP
@TRUST
@click.option("--listen", metavar="IP:PORT", help="Receive alarms there, of Alertmanager or Grafana.")
@click.option(
    "--listen-token-file", type=FILE, help="The token that they must have. Default: GAMEDAY_LISTEN_TOKEN."
)
@PLAIN
@toolkit.options
def run(
    file: str,
    variables: tuple[str, ...],
    results: Path | str,
    rollbacks: str | None,
    key: str | None,
    time_stamp: str | None,
    listen: str | None,
    listen_token_file: Path | None,
    plain: bool,
    **told: Any,
) -> None:
    """Play the experiment in FILE, or at an address (FILE is then https://…), and judge it.

    Standard output ends with the path of the run's folder; everything else goes to standard error. With the
    URL of a shelf that folder is in ./results, and the sealed run is published there when it is over.
    """
    copies = toolkit.Copies.of(told)
    source = taken(file, told["sha256"], verify_tls=not told["no_verify_tls"])
    asked = toolkit.asked(told)
    listening = None if listen is None else (listen, listen_token_file)
    how = (key, time_stamp, asked, listening)
    outcome, destination = played(source, variables, results, rollbacks, plain, *how)
    copies.make(outcome.pack)
    end(outcome, destination)


@click.command()
@click.argument("files", nargs=-1, required=True, type=SOURCE)
@VARIABLES
def validate(files: tuple[str, ...], variables: tuple[str, ...]) -> None:
    """Check experiment FILES: every problem with its file, line and column. Nothing is run."""
    from gameday.experiment.load import load
    from gameday.run.preflight import check_activities, start_validation

    problems = 0
    for file in files:
        try:
            experiment = load(taken(file), as_mapping(variables))
            check_activities(experiment, start_validation(experiment, variables))
        except GamedayError as error:
            complain(error)
            problems += len(error.problems) if isinstance(error, InvalidInput) else 1
            continue
        for warning in experiment.warnings:
            say(f"{warning} (a warning)", err=True)
        say(f"{file}: valid")
    if problems:
        say(f"{problems} problem{'s' if problems > 1 else ''}", err=True)
        sys.exit(2)


@click.command()
@click.argument("file", type=SOURCE)
@VARIABLES
@TRUST
def plan(file: str, variables: tuple[str, ...]) -> None:
    """Say what the experiment in FILE would touch, how it would be undone, and whether it may run.

    Targets are looked up and guardrails checked; nothing is changed. Ends with 2 when a guardrail forbids.
    """
    from gameday.experiment.load import load
    from gameday.guardrails import preview
    from gameday.guardrails.check import check
    from gameday.run.preflight import check_activities, start_validation

    experiment = load(taken(file), as_mapping(variables))
    check_activities(experiment, start_validation(experiment, variables))
    permit = check(experiment, always_look=True)
    for line in preview.lines(experiment, permit):
        say(line)
    if permit.problems:
        sys.exit(2)


@click.command()
@click.argument("file", type=SOURCE)
@VARIABLES
@click.option("--by", help="Who agrees. Default: git's user.email, else the login name.")
def approve(file: str, variables: tuple[str, ...], by: str | None) -> None:
    """Agree that the experiment in FILE may run as it is now, with these --var values.

    The approval lies beside the file; any change of the file ends it. Read `gameday plan FILE` first.
    """
    from gameday.experiment.load import load
    from gameday.git import whoever
    from gameday.guardrails import approvals

    experiment = load(taken(file), as_mapping(variables))
    made = approvals.approve(experiment, by or whoever())
    say(f"{made.by} approves {file} as of {made.sha256[:12]}: {approvals.beside(experiment.path)}")


@click.command()
@click.option("--record", "of_record", is_flag=True, help="The schema of record.json instead.")
def schema(of_record: bool) -> None:
    """Print the JSON Schema of an experiment file, for editors and other tools."""
    import json

    if of_record:
        from gameday.evidence.record import schema as made
    else:
        from gameday.experiment.schema import schema as made
    click.echo(json.dumps(made(), indent=2))


@click.command()
@click.argument("run_name", metavar="[RUN]", required=False)
@VARIABLES
@RESULTS_HERE
@KEY
@TIME_STAMP
@TRUST
@click.option(
    "--trust", is_flag=True, help="Play what a folder holds that your gameday did not write; read it first."
)
def recover(
    run_name: str | None,
    variables: tuple[str, ...],
    results: Path,
    key: str | None,
    time_stamp: str | None,
    trust: bool,
) -> None:
    """Finish what an interrupted run still owes: RUN, or every unfinished run.

    Undoes, plays the rollbacks, and writes the record; safe to repeat, and works after a reboot and from any
    folder. What another user's gameday wrote, or one on another machine, is shown and left alone without
    --trust. Ends with 5 while something is still owed, a rollback failed, or a record cannot be written.
    """
    from gameday.evidence import shelf
    from gameday.run.custody import Custody
    from gameday.run.recovery import unfinished

    results = results.resolve()
    named = [Custody.of(shelf.find(results, run_name))] if run_name else []
    chosen = named or [left.custody for left in unfinished(results)]
    if not chosen:
        say("nothing to recover: every run has come to its end")
    outcomes = [_recovered(custody, variables, trust, lambda: sealing(key, time_stamp)) for custody in chosen]
    if not all(outcomes):
        sys.exit(5)


def _recovered(custody: Custody, variables: tuple[str, ...], trust: bool, how: Callable[[], Sealing]) -> bool:
    """Finish a run and say how that went; whether it is finished. What goes wrong there stops no other."""
    from gameday.run.foreign import would_play
    from gameday.run.recovery import StillRunning, lacks, recover_from_disk

    run_id = custody.pack.run_id
    if custody.is_foreign and not trust and (acts := list(would_play(custody))):
        say(f"{run_id}: your gameday did not write this here; a recovery would", err=True)
        for act in acts:
            say(f"  {act}", err=True)
        say(f"if that is what you want: gameday recover {custody.pack.folder} --trust", err=True)
        return False
    for lack in lacks(custody):
        say(f"{run_id}: {lack}", err=True)
    try:
        left = recover_from_disk(custody, variables, how)
    except KeyboardInterrupt:
        raise GivenUp(run_id) from None
    except StillRunning:
        say(f"{run_id}: somebody works on it; try again when that has ended", err=True)
        return False
    for rollback in left.failed:
        say(f"{run_id}: failed: {rollback}; see its logs, and put that back by hand", err=True)
    if left.owed:
        say(f"{run_id}: still owed: {', '.join(entry.step or entry.fault for entry in left.owed)}")
    elif left.is_put_back:
        say(f"{run_id}: everything is put back")
    if left.trouble is not None:
        say(f"{run_id}: it has no sealed record: {left.trouble}", err=True)
    return left.is_put_back and left.trouble is None


@click.command()
@click.argument("run_name", metavar="[RUN]", required=False)
@click.option("--all", "is_all", is_flag=True, help="Stop every run and block new ones.")
@click.option("--lift", is_flag=True, help="Allow runs again.")
@click.option("--why", default="stopped by hand", show_default=True, help="What the record will say.")
@RESULTS_HERE
def halt(run_name: str | None, is_all: bool, lift: bool, why: str, results: Path) -> None:
    """Stop RUN, or all runs, within a fraction of a second; everything is undone.

    With --all new runs are blocked until `gameday halt --lift`.
    """
    from gameday.evidence import shelf
    from gameday.run import killswitch

    if lift:
        was_thrown = killswitch.lift(results)
        say("runs are allowed again" if was_thrown else "the kill switch was not thrown")
    elif is_all:
        try:
            results.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GamedayError(f"cannot make the folder {results}: {error.strerror}") from None
        say(f"thrown: {killswitch.throw(results, why)}; lift it with: gameday halt --lift")
    else:
        chosen = shelf.find(results, run_name or "latest")
        if chosen.record.exists():
            raise GamedayError(f"run {chosen.run_id} has come to its end; there is nothing to halt")
        say(f"thrown: {killswitch.throw(chosen.folder, why)}")


@click.command()
@click.argument("name", default="failover-sync")
@click.option("--list", "is_list", is_flag=True, help="List the demos.")
@RESULTS
@TRUST
@PLAIN
def demo(name: str, is_list: bool, results: Path | str, plain: bool) -> None:
    """Play a real disaster-recovery drill on this machine, in about a minute.

    The systems are real and live in a folder of their own: PostgreSQL with a streaming standby, and an
    orders service in front of it. Everything is stopped at the end.
    """
    import tempfile

    from gameday.experiment.source import Source
    from gameday.lab.demos import DEMOS, experiment_path

    if is_list:
        for known in DEMOS.values():
            say(f"{known.name:16} {known.summary}")
        return
    if name not in DEMOS:
        from gameday.experiment.spelling import did_you_mean

        raise GamedayError(
            f"there is no demo '{name}'" + did_you_mean(name, DEMOS, "gameday demo --list shows all")
        )
    with tempfile.TemporaryDirectory(prefix="gameday-lab-") as folder:
        say("starting PostgreSQL, its standby and the orders service …", err=True)
        with DEMOS[name].lab(Path(folder)) as lab:
            variables = tuple(f"{key}={value}" for key, value in lab.variables.items())
            ended = played(Source(experiment_path(name)), variables, results, None, plain)
    end(*ended)


COMMANDS = (demo, validate, plan, approve, run, recover, halt, schema)
