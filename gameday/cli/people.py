"""What people say to a run that is going: `gameday say`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from gameday.cli.say import say as tell
from gameday.clock import NS_PER_S
from gameday.errors import GamedayError
from gameday.events import SAID, Event
from gameday.units import duration_s

if TYPE_CHECKING:
    from gameday.run.going import Going
    from gameday.run.messages import Message

ANSWER = "answer"
WORDS = (*map(str, SAID), ANSWER)
HEARD_WITHIN_S, LOOK_EVERY_S = 3.0, 0.05
NOT_HEARD = "the run is busy; it hears it at its next tick"


class Moment(click.ParamType):  # type: ignore[type-arg]
    """`3m` ago, or a moment with its zone such as `2026-11-24T10:15:02Z`; nanoseconds before now."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value).strip().removesuffix("ago").strip()
        try:
            return round(duration_s(text) * NS_PER_S)
        except ValueError:
            pass
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{value!r}: write how long ago, such as 3m, or a moment such as {_now()}", param, ctx)
        if at.tzinfo is None:
            self.fail(f"{value!r} has no zone; write for example {_now()}", param, ctx)
        ago_ns = round((datetime.now(UTC) - at).total_seconds() * NS_PER_S)
        if ago_ns < 0:
            self.fail(f"{value!r} is still to come", param, ctx)
        return ago_ns


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def complete_runs(context: click.Context, option: click.Parameter, begun: str) -> list[CompletionItem]:
    """The runs that are going, for the shell."""
    from gameday.run.going import going

    return [CompletionItem(each.run_id) for each in going() if each.run_id.startswith(begun)]


def complete_asks(context: click.Context, option: click.Parameter, begun: str) -> list[CompletionItem]:
    """The open asks of those runs, each with what is asked."""
    from gameday.run.going import going

    asks = [ask for each in going() for ask in each.asks()]
    return [CompletionItem(ask["id"], help=ask["what"]) for ask in asks if ask["id"].startswith(begun)]


@click.command()
@click.argument("word", type=click.Choice(WORDS))
@click.argument("text", required=False, default="")
@click.option("--run", "run_name", shell_complete=complete_runs, help="To which run, if several are going.")
@click.option("--ask", "ask_id", shell_complete=complete_asks, help="Which ask, if several are open.")
@click.option("--at", "ago_ns", type=Moment(), default=0, help="When it was: 3m (ago), or a moment.")
@click.option("--by", help="Who says it. Default: git's user.email, else the login name.")
@click.option("--json", "is_json", is_flag=True, help="Print what was heard as JSON.")
def say(
    word: str, text: str, run_name: str | None, ask_id: str | None, ago_ns: int, by: str | None, is_json: bool
) -> None:
    """Tell a run that is going what happened, or answer what a step of it asks.

    WORD is what an incident's timeline has: detected, acknowledged, declared, mitigated, or a note with
    its TEXT. `answer TEXT` answers an ask. The timeline has it with when it was said and when it was heard.
    """
    from gameday.git import whoever
    from gameday.run.going import going
    from gameday.run.messages import LONGEST_TEXT, Message, drop

    run = _chosen(going(), run_name)
    if len(text) > LONGEST_TEXT:
        raise GamedayError(f"the text has {len(text):,} characters; {LONGEST_TEXT:,} are the most")
    if word in (Event.NOTE, ANSWER) and not text.strip():
        raise GamedayError(f"say what: gameday say {word} TEXT")
    if ask_id is not None and word != ANSWER:
        raise GamedayError(f"--ask is for an answer: gameday say answer TEXT --ask {ask_id}")
    ask = _answered(run, ask_id, text) if word == ANSWER else None
    what = Event.ANSWERED if word == ANSWER else Event(word)
    message = Message.now(what, by or whoever(), text, ago_ns, ask=ask)
    _must_be_of_the_run(run, message)
    try:
        dropped = drop(run.inbox, message)
    except OSError as error:
        raise GamedayError(f"run {run.run_id} cannot be told: {error.strerror}") from None
    _told(run, dropped, message, is_json)


def _chosen(runs: list[Going], name: str | None) -> Going:
    """The run that is meant. Raises GamedayError when none is going, or it is not clear which."""
    if not runs:
        raise GamedayError("no run is going; what is said of one that has ended: gameday note RUN TEXT")
    found = runs if name is None else [run for run in runs if run.run_id.startswith(Path(name).name)]
    if len(found) == 1:
        return found[0]
    ids = ", ".join(run.run_id for run in found or runs)
    if not found:
        raise GamedayError(f"no run '{name}' is going; these are: {ids}")
    raise GamedayError(f"say which run with --run: {ids}")


def _answered(run: Going, ask_id: str | None, text: str) -> str:
    """The ask that is answered. Raises GamedayError when there is none, or this is no answer to it."""
    asks = run.asks()
    found = asks if ask_id is None else [ask for ask in asks if ask["id"] == ask_id]
    if len(found) != 1:
        listed = "; ".join(f"--ask {ask['id']}: {ask['what']}" for ask in asks)
        raise GamedayError(f"say which ask: {listed}" if asks else f"run {run.run_id} asks nothing now")
    choices = found[0]["choices"]
    if choices and text not in choices:
        raise GamedayError(f"'{text}' is no answer to '{found[0]['what']}'; one of: {', '.join(choices)}")
    return str(found[0]["id"])


def _must_be_of_the_run(run: Going, message: Message) -> None:
    began = run.began()
    if began is not None and message.said.utc_ns < began.utc_ns:
        raise GamedayError(f"--at is before the run began, at {began.utc(began.monotonic_ns)}")


def _told(run: Going, dropped: Path, message: Message, is_json: bool) -> None:
    """Say what became of it. Raises GamedayError when the run does not take it."""
    heard = run.heard(dropped.name, HEARD_WITHIN_S, LOOK_EVERY_S)
    refused = heard is not None and heard["event"] == Event.MESSAGE_REFUSED
    if is_json:
        said_at = None if heard is None or refused else heard["said_at"]
        told = {"run": run.run_id, "event": str(message.what), "by": message.by, "said_at": said_at}
        reason = heard["reason"] if heard is not None and refused else None
        click.echo(json.dumps({**told, "heard_at": heard and heard["at"], "refused": reason}))
    if heard is not None and refused:
        raise GamedayError(f"run {run.run_id} does not take it: {heard['reason']}")
    if not is_json:
        moment = (
            NOT_HEARD if heard is None else f"said {heard['said_at'][11:19]}, heard {heard['at'][11:19]} UTC"
        )
        tell(f"{message.what} by {message.by}: {run.run_id}: {moment}")


COMMANDS = (say,)
