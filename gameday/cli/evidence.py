"""The commands around evidence: report, verify, keys."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from gameday.cli.options import RESULTS


@click.command()
@click.argument("run_name", metavar="[RUN]", default="latest")
@RESULTS
def report(run_name: str, results: Path) -> None:
    """Rebuild the report of RUN from its pack: a folder, a run id, its beginning, or `latest`."""
    from gameday.evidence import pack, report

    click.echo(report.write(pack.find(results, run_name)))


@click.command()
@click.argument("run_name", metavar="RUN")
@click.option(
    "--key", type=click.Path(dir_okay=False, path_type=Path), help="The public key that must have signed."
)
@click.option(
    "--stamp-roots",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificates (PEM) of the time-stamp authorities to believe.",
)
@RESULTS
def verify(run_name: str, key: Path | None, stamp_roots: Path | None, results: Path) -> None:
    """Check the seal of RUN and measure it again: a folder, a zip, a run id, or `latest`. Needs no network.

    Signature, every hash, the timeline's chain, the schema; then RTO, RPO, SLIs and verdict from the raw
    samples. Ends with 1 and names the file or the figure that is wrong.
    """
    from gameday.evidence import keys, pack
    from gameday.evidence.verify import opened
    from gameday.evidence.verify import verify as check

    public = keys.public_key(key) if key else None
    path = Path(run_name) if Path(run_name).is_file() else pack.find(results, run_name).folder
    with opened(path) as chosen:
        found = check(chosen, public, stamp_roots)
        run_id = chosen.run_id if not found.findings else path.name
    for line in found.holds:
        click.secho(f"✓ {line}", fg="green")
    for line in found.unchecked:
        click.secho(f"? {line}", fg="yellow")
    for finding in found.findings:
        click.secho(f"✗ {finding}", fg="red")
    if found.findings:
        click.echo(f"{run_id} does not verify")
        sys.exit(1)
    click.echo(f"{run_id} verifies")


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
    from gameday.evidence.seal import PASSWORD_VARIABLE, shown

    if public_of is not None:
        click.echo(pairs.public_half(public_of, os.environ.get(PASSWORD_VARIABLE)), nl=False)
        return
    private, public, keyid = pairs.make(folder, name)
    click.echo(f"{private}: keep it secret; sign with --key {private}, or GAMEDAY_SIGNING_KEY")
    click.echo(f"{public}: hand it out, by another way than the evidence; verify with --key {public}")
    click.echo(f"key {shown(keyid)}")


COMMANDS = (report, verify, keys)
