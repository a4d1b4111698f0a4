"""A finished run on a shelf at a URL: by itself, or at the end of `gameday run`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gameday.cli.options import LIMIT, RESULTS_HERE
from gameday.cli.say import complain, say
from gameday.errors import GamedayError

if TYPE_CHECKING:
    from gameday.evidence.pack import Pack
    from gameday.run.outcome import Outcome

NOT_PUBLISHED = 6
MADE_IN = Path("results")


@click.command()
@click.argument("run_name", metavar="RUN")
@click.argument("url", metavar="URL")
@LIMIT
@RESULTS_HERE
def publish(run_name: str, url: str, limit_s: float, results: Path) -> None:
    """Copy the finished RUN to the shelf at URL, such as s3://bucket/path, and read it back from there.

    Safe to repeat. Afterwards `--results URL` finds it, for every command that reads runs.
    """
    from gameday.evidence import shelf

    say(_copied(shelf.find(results, run_name), url, limit_s))


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a run goes: the folder that it is made in, and the URL of the shelf that it is published to."""

    folder: Path
    url: str | None = None

    @classmethod
    def of(cls, results: Path | str) -> Destination:
        """Raises GamedayError when the shelf does not answer: nothing has been touched yet."""
        if isinstance(results, Path):
            return cls(results)
        from gameday.evidence import published

        published.check(results)
        return cls(MADE_IN, results)

    def take(self, outcome: Outcome) -> int:
        """Publish a run that is over; what the command ends with. The run's own folder stays as it is."""
        from gameday.evidence.limits import LIMIT_S
        from gameday.run.outcome import UNDO_OWED

        if self.url is None:
            return outcome.exit_code
        again = f"gameday publish {outcome.pack.folder} {self.url}"
        if outcome.exit_code == UNDO_OWED:
            say(f"not published, as it still owes something: gameday recover, then {again}", err=True)
            return outcome.exit_code
        try:
            say(f"published: {_copied(outcome.pack, self.url, LIMIT_S)}", err=True)
        except (GamedayError, KeyboardInterrupt) as error:
            why = error if isinstance(error, GamedayError) else GamedayError("given up")
            complain(why, "not published: ")
            say(f"the run is whole in its own folder; try again: {again}", err=True)
            return outcome.exit_code or NOT_PUBLISHED
        return outcome.exit_code


def _copied(pack: Pack, url: str, limit_s: float) -> str:
    from gameday.evidence import published
    from gameday.evidence.limits import within
    from gameday.evidence.shelf import is_url

    if not is_url(url):
        raise GamedayError(f"{url} is no URL; write s3://bucket/path, or file:///path")
    with within(limit_s):
        return published.publish(pack, url)


COMMANDS = (publish,)
