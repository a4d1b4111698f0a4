"""The folder that gameday keeps for this user outside of every results folder, as XDG asks for.

What lies there was written by this user's own gameday: nobody else can write to it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gameday.errors import GamedayError

VARIABLE = "XDG_STATE_HOME"
OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def folder(*inside: str) -> Path:
    """`$XDG_STATE_HOME/gameday`, else `~/.local/state/gameday`, or a folder in it; made if it is not there.

    Raises GamedayError when it cannot be made, or others can write to it.
    """
    home = os.environ.get(VARIABLE, "")
    base = (Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "state") / "gameday"
    path = base.joinpath(*inside)
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = base.stat()
    except OSError as error:
        raise GamedayError(
            f"{path} cannot be made ({error.strerror}), and no fault is played that could be forgotten; "
            f"set {VARIABLE} to a folder of yours that outlives a reboot"
        ) from None
    if found.st_uid != os.geteuid() or found.st_mode & OTHERS_MAY_WRITE:
        raise GamedayError(f"{base} could be written by others; it must be yours alone: chmod 700 {base}")
    return path
