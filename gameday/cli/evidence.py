"""The commands around evidence: report, verify, hand over, and add what people say."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gameday import environment
from gameday.cli.options import KEY, LIMIT, RESULTS, TRUST, sealing
from gameday.cli.say import say
from gameday.errors import GamedayError

if TYPE_CHECKING:
    from gameday.evidence.pack import Pack

BY = click.option("--by", help="Who says so. Default: git's user.email, else the login name.")


@click.command()
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
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to write. Default: reports/RUN-ID; never into the sealed pack.",
)
@LIMIT
@RESULTS
def report(
    run_name: str,
    names: tuple[str, ...],
    is_pdf: bool,
    output: Path | None,
    limit_s: float,
    results: Path | str,
) -> None:
    """Make the report of RUN from its pack: a folder, a run id, its beginning, or `latest`.

    Prints the path of every file. html is one page; markdown is for a wiki; junit for CI; csv for
    spreadsheets, outages.csv and steps.csv; pdf needs a browser or the extra `pdf`.
    """
    from gameday.evidence import shelf
    from gameday.evidence.limits import within
    from gameday.evidence.report import forms

    chosen = [*names, *(["pdf"] if is_pdf else [])] or ["html"]
    with within(limit_s), shelf.opened(results, run_name) as pack:
        for path in forms.write(pack, chosen, output):
            say(path)


@click.command()
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
def compare(before: str, after: str, form: str, results: Path | str) -> None:
    """Say what got better or worse from the first RUN to the second.

    An RTO or an RPO is better or worse only when the intervals have nothing in common. The exit code
    is 0 whatever is found.
    """
    from rich.console import Console

    from gameday.evidence import shelf
    from gameday.evidence.comparison import compared
    from gameday.evidence.comparison.compare import compare as made_of

    records = []
    for name in (before, after):
        with shelf.opened(results, name, shelf.OF_THE_RECORD) as pack:
            records.append(pack.read_record())
    comparison = made_of(*records)
    if form == "json":
        click.echo(compared.as_json(comparison))
    elif form == "markdown":
        click.echo(compared.markdown(comparison), nl=False)
    elif sys.stdout.isatty():
        Console().print(compared.table(comparison))
    else:
        for line in compared.lines(comparison):
            say(line)


@click.command()
@click.argument("run_name", metavar="RUN")
@click.option(
    "--key",
    "public_keys",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The public key that must have signed; further ones are believed on what was added afterwards.",
)
@click.option(
    "--stamp-roots",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificates (PEM) of the time-stamp authorities to believe.",
)
@LIMIT
@RESULTS
def verify(
    run_name: str,
    public_keys: tuple[Path, ...],
    stamp_roots: Path | None,
    limit_s: float,
    results: Path | str,
) -> None:
    """Check the seal of RUN and measure it again: a folder, a zip, a run id, a URL, or `latest`.

    Signature, every hash, the timeline's chain, the schema; then RTO, RPO, SLIs and verdict from the raw
    samples. Ends with 1 and names the file or the figure that is wrong. Needs no network but to fetch it.
    """
    from gameday.evidence import keys, shelf
    from gameday.evidence.holding import opened
    from gameday.evidence.limits import within
    from gameday.evidence.verify import verify as check

    believed = [keys.public_key(key) for key in public_keys]
    with within(limit_s), shelf.path_of(results, run_name) as path, opened(path) as chosen:
        found = check(chosen, next(iter(believed), None), stamp_roots, believed[1:])
    run_id = path.name if found.findings else found.run_id
    for line in found.holds:
        say(f"✓ {line}", fg="green")
    for line in found.unchecked:
        say(f"? {line}", fg="yellow")
    for finding in found.findings:
        say(f"✗ {finding}", fg="red")
    if found.findings:
        say(f"{run_id} does not verify")
        sys.exit(1)
    say(f"{run_id} verifies")


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where they are written; here by default.",
)
@click.option(
    "--name", default="gameday-evidence", show_default=True, help="Their names, without the ending."
)
@click.option(
    "--public-of", metavar="KEY", help="Make none; print the public half of this file or awskms:KEY."
)
def keys(folder: Path, name: str, public_of: str | None) -> None:
    """Make a key pair (Ed25519): the private half signs evidence, the public half verifies it."""
    from gameday.evidence import keys as pairs
    from gameday.evidence.seal import shown

    if public_of is not None:
        click.echo(pairs.public_half(public_of, environment.hidden(environment.PASSWORD)), nl=False)
        return
    private, public, keyid = pairs.make(folder, name)
    say(f"{private}: keep it secret; sign with --key {private}, or GAMEDAY_SIGNING_KEY")
    say(f"{public}: hand it out, by another way than the evidence; verify with --key {public}")
    say(f"key {shown(keyid)}")


@click.command()
@click.argument("run_name", metavar="RUN")
@click.argument("where", metavar="[WHERE]", default=".")
@RESULTS
def export(run_name: str, where: str, results: Path | str) -> None:
    """Make one .zip of RUN to hand over, and read it back: in a folder, or at a URL such as s3://bucket/path.

    `gameday verify` takes the zip as it is. S3 goes by boto3, other URLs by fsspec, as far as what their
    scheme needs is installed.
    """
    from gameday.evidence import export as exporting
    from gameday.evidence import shelf
    from gameday.evidence.remote import shown

    with shelf.opened(results, run_name) as pack:
        say(shown(exporting.export(pack, where)))


@click.command()
@click.argument("run_name", metavar="RUN")
@click.argument("text")
@BY
@KEY
@TRUST
@RESULTS
def note(run_name: str, text: str, by: str | None, key: str | None, results: Path | str) -> None:
    """Add a note to RUN after its seal: what a person saw, decided or learned. Signed if there is a key."""
    with _run_to_add_to(run_name, results) as chosen:
        _add(chosen, run_name, results, key, "note", by, text=text)


@click.command()
@click.argument("run_name", metavar="RUN")
@click.argument("verb", type=click.Choice(["add", "close", "list"]))
@click.argument("words", nargs=-1, metavar="[FINDING | ID TEXT]")
@click.option("--severity", type=click.Choice(["low", "medium", "high", "critical"]), default="medium")
@click.option("--owner", help="Who will mend it.")
@click.option("--due", type=click.DateTime(["%Y-%m-%d"]), help="Until when, 2027-01-31.")
@BY
@KEY
@TRUST
@RESULTS
def action(
    run_name: str,
    verb: str,
    words: tuple[str, ...],
    severity: str,
    owner: str | None,
    due: datetime | None,
    by: str | None,
    key: str | None,
    results: Path | str,
) -> None:
    """Keep the findings of RUN: what must be mended, by whom, until when.

    \b
    gameday action latest add "the standby lagged by 4 s" --severity high --owner ann --due 2027-01-31
    gameday action latest close A1 "replication has its own network now"
    gameday action latest list
    """
    from gameday.evidence import afterwards

    with _run_to_add_to(run_name, results) as chosen:
        if verb == "list":
            for each in afterwards.read(chosen).actions:
                say(afterwards.in_words(each))
        elif verb == "add" and len(words) == 1:
            until = due.date().isoformat() if due else None
            fields = {"text": words[0], "severity": severity, "owner": owner, "due": until}
            _add(chosen, run_name, results, key, "action", by, id=afterwards.next_action(chosen), **fields)
        elif verb == "close" and len(words) in (1, 2):
            identity, text = words[0], words[1] if len(words) == 2 else ""
            afterwards.open_action(chosen, identity)
            _add(chosen, run_name, results, key, "action-closed", by, id=identity, text=text)
        else:
            raise click.UsageError('write: add "FINDING", or close ID ["TEXT"]')


@click.command("sign-off")
@click.argument("run_name", metavar="RUN")
@click.option("--role", help="As whom: service owner, head of risk.")
@click.option("--reject", is_flag=True, help="The run is not accepted as a test.")
@click.option("--text", default="", help="What is said with it.")
@BY
@KEY
@TRUST
@RESULTS
def sign_off(
    run_name: str,
    role: str | None,
    reject: bool,
    text: str,
    by: str | None,
    key: str | None,
    results: Path | str,
) -> None:
    """Accept RUN as a test, or reject it, in your own name. Signed if there is a key."""
    fields = {"role": role, "accepted": not reject, "text": text}
    with _run_to_add_to(run_name, results) as chosen:
        _add(chosen, run_name, results, key, "sign-off", by, **fields)


@contextlib.contextmanager
def _run_to_add_to(run_name: str, results: Path | str) -> Iterator[Pack]:
    """As much of a run as entries need."""
    from gameday.evidence import shelf
    from gameday.evidence.holding import InFolder

    with shelf.opened(results, run_name, shelf.OF_ENTRIES) as pack:
        InFolder(pack.folder).must_be_plain()  # a line after a link would be added to another file
        yield pack


def _add(
    pack: Pack, run_name: str, results: Path | str, key: str | None, kind: str, by: str | None, **fields: Any
) -> None:
    """Add an entry after the seal, where the run was found, and say what was added."""
    from gameday.evidence import afterwards, shelf
    from gameday.run.custody import Custody

    how = sealing(key, None)
    lock = Custody.of(pack).lock
    if not lock.take():
        raise GamedayError(f"somebody works on run {pack.run_id}; try again when that has ended")
    try:
        before = shelf.entries(pack)
        made = afterwards.add(pack, how, kind, by, **fields)
        where = shelf.put_back(results, run_name, pack, before)
    finally:
        lock.release()
    signed = f"signed with key {made.signature['keyid'][:16]}" if made.signature else "not signed"
    say(f"{kind}{f' {made.id}' if made.id else ''} by {made.by}, {signed}: {where}")


COMMANDS = (report, compare, verify, keys, export, note, action, sign_off)
