"""For those who write faults: does a fault keep the protocol? What is wrong is told in words.

    from gameday.testing import check_fault

    def test_hide_keeps_the_protocol(tmp_path):
        page = tmp_path / "status.html"
        page.write_text("up")
        check_fault(hide, {"page": str(page)}, state=page.exists)

The fault is looked at, cut off at each of its undos, played to its end, and undone each time: from the log's
lines alone, once in another process, and twice in all. So the target is broken and put back several times.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gameday.errors import GamedayError
from gameday.faults.protocol import (
    Landed,
    Undo,
    aims,
    is_fault,
    nothing_to_undo,
    places_of,
    preview,
    steps_of,
)
from gameday.faults.undolog import LOG_VARIABLE, Entry, UndoLog
from gameday.places import Aim
from gameday.processes import python
from gameday.run import undoing
from gameday.terms import Terms

__all__ = ["Broken", "broken_rules", "check_fault"]

MOST_UNDOS = 100

Action = Callable[..., Any]
Arguments = dict[str, Any]
State = Callable[[], Any]


class Broken(AssertionError):
    """A fault does not keep the protocol; the message says what is wrong, a line each."""


def check_fault(
    action: Action,
    arguments: Arguments | None = None,
    *,
    state: State,
    lands: bool = True,
    owes: bool = True,
) -> None:
    """Raise Broken unless a fault keeps the protocol when it is called with these arguments.

    state: reads what the fault changes; what it returns is compared, so it must be the same again afterwards.
    lands: whether the fault is to land here. owes: whether it leaves anything behind that is to be put back.
    """
    if said := broken_rules(action, arguments, state=state, lands=lands, owes=owes):
        name = getattr(action, "__name__", "it")
        raise Broken("\n- ".join([f"fault '{name}' does not keep the protocol:", *said]))


def broken_rules(
    action: Action,
    arguments: Arguments | None = None,
    *,
    state: State,
    lands: bool = True,
    owes: bool = True,
) -> list[str]:
    """What `check_fault` would say, a text for each rule that is broken."""
    with tempfile.TemporaryDirectory(prefix="gameday-testing-") as folder:
        trial = _Trial(action, arguments or {}, state, UndoLog(Path(folder) / "undo.jsonl"))
        with _outside_a_run(), trial.put_back_at_the_end(), contextlib.suppress(_Over):
            trial.look()
            trial.play(lands, owes)
    return list(dict.fromkeys(trial.said))


class _Over(Exception):
    """After this nothing more can be said."""


class _Trial:
    """A fault on trial, and what is to be said about it."""

    def __init__(self, action: Action, arguments: Arguments, state: State, log: UndoLog) -> None:
        self.action, self.arguments, self.state, self.log = action, arguments, state, log
        self.before = state()
        self.aim: Aim | None = None
        self.undos: list[Undo] = []
        self.said: list[str] = []

    @property
    def has_changed(self) -> bool:
        return bool(self.state() != self.before)

    def stop(self, words: str) -> None:
        """Say what makes everything that follows worthless."""
        self.said.append(words)
        raise _Over

    def look(self) -> None:
        """As a plan does."""
        if not is_fault(self.action):
            self.stop("it is no fault: write @fault(where=…) above it")
        try:
            if not aims(self.action):
                self.said.append("it does not say where it acts: write @fault(where=…), yield an Aim first")
            elif places_of(self.action, self.arguments) != places_of(self.action, self.arguments):
                self.said.append("its where says something else the second time: arguments alone decide")
            found = preview(self.action, self.arguments)
        except Exception as error:  # noqa: BLE001 - whatever it raises, it cannot be looked at
            self.stop(f"it cannot be looked at: {_words(error)}")
        else:
            self.aim = found if isinstance(found, Aim) else None
        if self.aim is not None and not self.aim.targets:
            self.said.append("it aims at nothing: name its targets")
        if self.has_changed:
            self.stop(
                "something has changed while it was only looked at: up to its first yield it only looks, "
                "for `gameday plan` goes that far"
            )

    def play(self, lands: bool, owes: bool) -> None:
        """Cut it off at each of its undos, then let it come to its end; undo it each time."""
        for number in range(1, MOST_UNDOS):
            result = self.play_until(number)
            if result is not None:
                self.judge(result, lands, owes)
                return
            if number == 1 and self.has_changed:
                self.said.append("something has changed before its undo was on disk: yield, then act")
            elif number > 1:
                self.undo_here(f"when it is cut off before its undo {number} is on disk")
            self.write(self.undos[-1])
            self.undo_here(f"when it is cut off at its undo {number}")
        self.stop(f"it has {MOST_UNDOS} undos or more, which is too many to try")

    def play_until(self, number: int) -> Landed | None:
        """Play it up to its undo of this number, which is not written; how it landed when it ended before."""
        steps = steps_of(self.action, **self.arguments)
        self.undos.clear()
        try:
            while len(self.undos) < number:
                step = next(steps)
                if isinstance(step, Undo) and step.func is not nothing_to_undo:
                    self.owe(step, is_written=len(self.undos) + 1 < number)
        except StopIteration as end:
            result: Landed = end.value
            return result
        except _Over:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it raises, it could not act
            self.stop(f"it cannot act: {_words(error)}")
        finally:
            steps.close()
        return None

    def owe(self, undo: Undo, is_written: bool) -> None:
        """Take an undo that can be read back as data, and write it to the log."""
        for why in _unlike_data(undo):
            self.stop(why)
        if self.aim is not None and self.aim.undo is not undo.func:
            told = "nothing" if self.aim.undo is None else f"'{self.aim.undo.__name__}'"
            self.said.append(
                f"its Aim says that {told} puts it back, and it owes '{undo.func.__name__}': "
                f"write Aim(…, undo={undo.func.__name__})"
            )
        self.undos.append(undo)
        if is_written:
            self.write(undo)

    def write(self, undo: Undo) -> None:
        """Write an undo to the log, which says no when it holds a secret."""
        try:
            self.log.owe("", self.action.__name__, undo.as_call())
        except GamedayError as error:
            self.stop(str(error))

    def judge(self, result: Landed, lands: bool, owes: bool) -> None:
        """What it says of itself at its end, and whether its undos undo it."""
        has_changed = self.has_changed
        if result.landed and not has_changed:
            self.said.append("it says that it landed, and nothing has changed: look, do not assume")
        elif has_changed and not result.landed:
            self.said.append("it says that it did not land, and something has changed: look, do not assume")
        elif result.landed != lands:
            ought = "it did not land here" if lands else "it landed where it should not"
            self.said.append(f"{ought}: {result.proof}")
        if bool(self.undos) != owes:
            is_owed = "leaves nothing behind, and owes an undo" if self.undos else "owes no undo"
            self.said.append(f"it {is_owed}; owes={not owes} if that is right")
        if has_changed:
            for entry in self.log.owed():
                self.must_not_be_verified(entry)
        self.undo_elsewhere()
        self.undo_here("a second time", self.log.entries()[::-1][: len(self.undos)])

    def must_not_be_verified(self, entry: Entry) -> None:
        """Whether its verification sees that it is not undone yet."""
        if (name := entry.call["verify"]) is None:
            self.said.append(f"undo '{entry.call['func']}' has no verify: a run that uses it does not pass")
        elif not undoing.attempt(undoing.verify, entry.call)["said"].endswith("says that it is not undone"):
            self.said.append(f"its verify '{name}' does not say False while the fault is in force")

    def undo_elsewhere(self) -> None:
        """Undo it from the log's lines alone, in another process, as a run does."""
        for entry in self.log.owed():
            for answer, what in zip(_undone_elsewhere(entry.call), ("undo", "verify"), strict=False):
                if answer["ok"] is False:
                    self.said.append(
                        f"its {what} '{entry.call[FUNCTIONS[what]]}' fails in another process, where it has "
                        f"its arguments alone: {answer['said']}"
                    )
            self.log.note(entry.id, "undone")
        self.must_be_back("after its undo")

    def undo_here(self, when: str, entries: list[Entry] | None = None) -> None:
        """Undo it in this process, where its undos must find whatever they find."""
        for entry in self.log.owed() if entries is None else entries:
            undone, *verified = undoing.answers(entry.call)
            if not undone["ok"]:
                self.stop(f"its undo '{entry.call['func']}' fails {when}: {undone['said']}")
            if verified[0]["ok"] is False:
                self.said.append(f"its verify does not say True {when}: {verified[0]['said']}")
            self.log.note(entry.id, "undone")
        self.must_be_back(when)

    def must_be_back(self, when: str) -> None:
        """Whether everything is as it was."""
        now = self.state()
        if now != self.before and self.undos:
            self.stop(f"things are not as they were {when}: {now!r:.100} instead of {self.before!r:.100}")

    @contextlib.contextmanager
    def put_back_at_the_end(self) -> Iterator[None]:
        """Leave nothing broken behind, whatever was found out."""
        here = os.getcwd()  # noqa: PTH109 - an undo changes it
        try:
            yield
        finally:
            if self.has_changed:
                for undo in reversed(self.undos):
                    with contextlib.suppress(Exception):
                        undo.func(**undo.arguments)
            os.chdir(here)


FUNCTIONS = {"undo": "func", "verify": "verify"}


def _unlike_data(undo: Undo) -> Iterator[str]:
    """Why an undo could not be played from the log alone."""
    for function in (undo.func, undo.verify):
        if function is None:
            continue
        where = f"{function.__module__}.{function.__qualname__}"
        try:
            found = getattr(importlib.import_module(function.__module__), function.__qualname__)
        except Exception:  # noqa: BLE001 - whatever its import raises
            found = None
        if found is not function:
            yield f"{where} cannot be imported by its name: an undo stands at the top level of a module"
    if undo.verify is not None and undo.verify.__module__ != undo.func.__module__:
        yield f"verify '{undo.verify.__name__}' is not in the module of undo '{undo.func.__name__}'"
    for name, value in undo.arguments.items():
        try:
            back = json.loads(json.dumps(value, default=str))
        except ValueError as error:
            yield f"its undo's argument '{name}' is no data: {error}"
            continue
        if back != value:
            yield f"its undo's argument '{name}' comes back from the log as {back!r:.99}, not {value!r:.99}"


def _undone_elsewhere(call: dict[str, Any]) -> list[dict[str, Any]]:
    """What another process answers that undoes it, and verifies that."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = python("gameday.run.undoing", call["module"])
    given, within_s = json.dumps(call, default=str), Terms.of(call).within_s
    try:
        done = subprocess.run(
            command,
            input=given,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return [{"ok": False, "said": f"no answer within {within_s:g} s"}]
    lines = done.stdout.splitlines()
    return [json.loads(line) for line in lines] or [{"ok": False, "said": f"it ended with {done.returncode}"}]


@contextlib.contextmanager
def _outside_a_run() -> Iterator[None]:
    """No run's log hears of what is tried here."""
    kept = dict(os.environ)  # an undo puts back what it needs in it
    os.environ.pop(LOG_VARIABLE, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
