"""What git says about a file, if there is git."""

from __future__ import annotations

import getpass
import subprocess
from pathlib import Path

from gameday.environment import of_child

WITHIN_S = 10.0


def git(folder: Path, *words: str) -> list[str]:
    """The lines of a git command in a folder; none when it fails, or there is no git."""
    command = ["git", "-C", str(folder), *words]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=WITHIN_S, check=False, env=of_child()
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line for line in done.stdout.splitlines() if line] if done.returncode == 0 else []


def whoever() -> str:
    """Who is at the keyboard: git's e-mail address, else the login name."""
    return next(iter(git(Path.cwd(), "config", "user.email")), getpass.getuser())
