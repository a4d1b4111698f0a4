"""A plug-in's object, asked in a process of its own: one that fails, hangs or prints is not felt here.

`python -m gameday.experiment.plugged` takes a question, a line of JSON on standard input, and answers once.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from gameday import redact
from gameday.environment import of_child
from gameday.processes import python

ANSWER_WITHIN_S = 10.0  # its import, and what it asks in turn
LARGEST_ANSWER = 100_000  # characters
LONGEST_SAID = 300


def offered(group: str) -> list[str]:
    """The names of what plug-ins offer, without loading any."""
    return sorted({point.name for point in entry_points(group=group)})


def entry(group: str, name: str) -> EntryPoint:
    """The entry point of a name. Raises ValueError when no plug-in offers it."""
    found = entry_points(group=group, name=name)
    if not found:
        known = ", ".join(offered(group)) or "none"
        raise ValueError(f"no plug-in offers '{name}'; installed: {known}")
    return next(iter(found))


def ask(group: str, name: str, what: str, options: dict[str, Any] | None = None) -> Any:
    """What an attribute of the plug-in's class says, or, with options, a method of its instance.

    Plain data. Raises ValueError, with what went wrong, when it gives none in time.
    """
    question = {"group": group, "name": name, "what": what, "options": options, "known": redact.known()}
    try:
        done = subprocess.run(
            python("gameday.experiment.plugged"),
            input=json.dumps(question).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=ANSWER_WITHIN_S,
            check=False,
            env=of_child(),
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"the plug-in '{name}' has not answered for {ANSWER_WITHIN_S:g} s") from None
    try:
        answer = json.loads(done.stdout[:LARGEST_ANSWER])
        trouble, said = answer["trouble"], answer["said"]
    except (ValueError, LookupError, TypeError):
        raise ValueError(f"the plug-in '{name}' gave no answer (exit code {done.returncode})") from None
    if trouble is not None:
        raise ValueError(f"the plug-in '{name}': {str(trouble)[:LONGEST_SAID]}")
    return said


def _answer(question: dict[str, Any]) -> Any:
    made = entry(question["group"], question["name"]).load()
    if question["options"] is None:
        return getattr(made, question["what"])
    said = getattr(made(**question["options"]), question["what"])()
    import asyncio  # a twentieth of a second, which the engine need not wait for

    return asyncio.run(said) if inspect.iscoroutine(said) else said


def _main() -> None:
    answers = os.dup(1)
    os.dup2(2, 1)  # what the plug-in prints is no answer
    question = json.loads(sys.stdin.readline())
    redact.learn(**question["known"])
    said: dict[str, Any] = {"trouble": None, "said": None}
    try:
        said["said"] = _answer(question)
        text = json.dumps(said)
    except Exception as error:  # noqa: BLE001 - whatever a plug-in raises, this says it
        lines = str(error).splitlines()
        said = {"trouble": redact.text(f"{type(error).__name__}: {lines[0] if lines else ''}"), "said": None}
        text = json.dumps(said)
    with contextlib.suppress(BrokenPipeError):
        os.write(answers, text.encode())
    os._exit(0)  # threads that a plug-in has started keep nobody


if __name__ == "__main__":
    _main()
