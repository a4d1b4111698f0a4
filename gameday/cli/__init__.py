"""The command line: flags, exit codes, nothing else. Every command imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress

import click

import gameday
from gameday import environment
from gameday.cli import drills, evidence, people, publish, streams
from gameday.cli.say import complain, say
from gameday.errors import GamedayError

EXIT_CODES = """\b
Exit codes:
  0  passed
  1  objectives missed, or the steady state deviated
  2  invalid input, nothing touched
  3  halted or aborted, everything undone
  4  inconclusive: the run cannot know
  5  an undo is still owed, or the record could not be written: gameday recover
  6  passed, but not published: the run is whole in its own folder
  70  gameday itself failed
"""
GAMEDAY_FAILED = 70
READER_HAS_GONE = 141  # as the shell says of a program that SIGPIPE ended
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(epilog=EXIT_CODES, context_settings=CONTEXT)
@click.version_option(gameday.__version__, prog_name="gameday")
def cli() -> None:
    """Break a system on purpose, fail it over, and prove how long it was down and what it lost.

    \b
    Start here:
      gameday demo                       a real database failover on this machine
      gameday validate experiment.yaml   what is wrong with a file, and where
      gameday plan experiment.yaml       what it would touch, and whether it may
      gameday run experiment.yaml        play it
      gameday verify latest              check its evidence, and measure it again
    """


for command in (*drills.COMMANDS, *publish.COMMANDS, *people.COMMANDS, *evidence.COMMANDS):
    cli.add_command(command)


def main() -> None:
    """Run the command; an error that people should read is one message and its exit code."""
    streams.complete()
    streams.show_any_name()
    environment.begin()
    code = played()
    streams.flush()
    sys.exit(code)


def played() -> int:  # noqa: PLR0911 - a code for each way to end
    """Run the command; what it ends with. An error of gameday itself passes for no missed objective."""
    try:
        os.getcwd()  # noqa: PTH109 - whether there is one
    except FileNotFoundError:
        say("gameday: the current folder is gone; cd to one that is there", err=True)
        return 2
    try:
        cli(standalone_mode=False)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.Abort:
        return 3
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        return 2
    except GamedayError as error:
        complain(error, "gameday: ")
        return error.exit_code
    except BrokenPipeError:
        return READER_HAS_GONE
    except Exception as error:  # noqa: BLE001 - whatever it is, it says nothing of the objectives
        for line in [
            *traceback.format_exc().splitlines(),
            f"gameday itself failed: {type(error).__name__}: {error}",
        ]:
            say(line, err=True)
        return GAMEDAY_FAILED
    return 0
