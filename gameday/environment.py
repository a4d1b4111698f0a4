"""Variables of the environment that only gameday itself may see: no child inherits them.

What a process was started with can be read in `/proc/PID/environ` for as long as it lives, whatever it takes
out of its environment. So a gameday that was started with a key starts itself anew without it, as the same
process, and hands the key over in memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping

KEY = "GAMEDAY_SIGNING_KEY"
PASSWORD = "GAMEDAY_SIGNING_KEY_PASSWORD"  # noqa: S105 - the name of a variable
TIME_STAMP = "GAMEDAY_TIME_STAMP"
TOKEN = "GAMEDAY_LISTEN_TOKEN"  # noqa: S105 - the name of a variable
HIDDEN = (KEY, PASSWORD, TOKEN)
HANDED_OVER = "GAMEDAY_HANDED_OVER"  # the descriptor on which the new start finds them

_hidden: dict[str, str] = {}


def begin() -> None:
    """Hide them, also from whoever reads what this process was started with: starts it anew if need be."""
    if handed_over := os.environ.pop(HANDED_OVER, ""):
        _take_over(handed_over)
    if any(name in os.environ for name in HIDDEN):
        hide()
        _start_anew()


def hide() -> None:
    """Take them out of the environment; `hidden` still knows them."""
    for name in HIDDEN:
        if name in os.environ:
            _hidden[name] = os.environ.pop(name)


def hidden(name: str) -> str | None:
    """What such a variable said, or says where nobody has hidden it: gameday may be a part of the process."""
    return _hidden.get(name, os.environ.get(name))


def of_child(wanted: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child, this process's by default, without what only gameday itself may see."""
    found = os.environ if wanted is None else wanted
    return {name: value for name, value in found.items() if name not in HIDDEN}


def _start_anew() -> None:
    """Become the same command again, without them; where that cannot be, go on as it is."""
    descriptor = os.memfd_create("gameday-key", 0)
    os.write(descriptor, json.dumps(_hidden).encode())
    environment = {**os.environ, HANDED_OVER: str(descriptor)}
    with contextlib.suppress(OSError):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606
    os.close(descriptor)


def _take_over(handed_over: str) -> None:
    """Take what the start before this one knew; the memory it lay in is given back."""
    with contextlib.suppress(ValueError, OSError), os.fdopen(int(handed_over), "rb") as file:
        file.seek(0)
        _hidden.update(json.load(file))
