"""What an undo needs around it: variables of the environment, and files.

Whoever plays it may be another process, after a reboot, of somebody who works on another account meanwhile.
So what the fault had is kept in the undo log and restored. A secret is only named there: it has to be there
again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from gameday import redact
from gameday.terms import NAME

Call = dict[str, Any]


def found(needs: Sequence[str], environment: MutableMapping[str, str]) -> Call:
    """The context of a call, for the undo log; nothing when it needs nothing.

    `variables` has what they say, None for one that is not set, `secrets` the names of the secret ones, and
    `files` what has to be there: those that are named, and those that a variable leads to.
    """
    if not needs:
        return {}
    variables: dict[str, str | None] = {}
    secrets: list[str] = []
    files = [need for need in needs if need.startswith("/")]
    for name in (need for need in needs if not need.startswith("/")):
        value = environment.get(name)
        led_to = list(_files_in(value or ""))
        if value is not None and _is_secret(name, value, is_path=bool(led_to)):
            secrets.append(name)
        else:
            variables[name] = value
            files += led_to
    return {"context": {"variables": variables, "secrets": secrets, "files": files}}


def missing(call: Call, environment: MutableMapping[str, str]) -> list[str]:
    """What a call needs and this process does not have, in words; nothing when it may be played."""
    context = _context(call)
    unset = [f"the variable {name}" for name in _texts(context, "secrets") if not environment.get(name)]
    return unset + [f"the file {name}" for name in _texts(context, "files") if not Path(name).exists()]


def restore(call: Call, environment: MutableMapping[str, str]) -> None:
    """Let the environment be as it was where the fault acted; what was not set then is not set now."""
    variables = _context(call).get("variables")
    for name, value in variables.items() if isinstance(variables, dict) else ():
        if not NAME.fullmatch(name):
            continue
        if value is None:
            environment.pop(name, None)
        elif isinstance(value, str) and "\0" not in value:
            environment[name] = value


def _is_secret(name: str, value: str, *, is_path: bool) -> bool:
    """Whether a value may not lie on disk. Where a secret lies is none."""
    if redact.holds_known(value):
        return True
    return not is_path and (redact.names_a_secret(name) or redact.text(value) != value)


def _files_in(value: str) -> Iterator[str]:
    """The files that a value leads to: a path, or several as in PATH. What is not there is not needed."""
    for part in value.split(os.pathsep):
        if "/" in part and Path(part).is_file():
            yield str(Path(part).resolve())


def _context(call: Call) -> Call:
    context = call.get("context")
    return context if isinstance(context, dict) else {}


def _texts(context: Call, key: str) -> list[str]:
    values = context.get(key)
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
