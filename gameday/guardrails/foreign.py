"""Files of rules that somebody else may have written: what they send, and where, is asked about first.

A gameday.toml may name an address and variables of the environment, which are sent there. So one that is not
the user's own is not followed there until the user has said yes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gameday.errors import InvalidInput, Problem

VCS = (".git", ".hg", ".svn", ".jj")
ROOT = 0
OF_THE_HOST = Path("/etc/gameday")


@dataclass
class Consent:
    """What the user has agreed to. ask: puts a question to the user; None where nobody can answer."""

    trusted: set[Path] = field(default_factory=set)
    ask: Callable[[str], bool] | None = None

    def trust(self, path: Path) -> None:
        """Follow this file from now on."""
        self.trusted.add(path.resolve())


consent = Consent()


def must_be_trusted(path: Path, wants: str) -> None:
    """Raise InvalidInput when a file is foreign and the user does not agree to what it wants."""
    why = foreign(path)
    if why is None or path.resolve() in consent.trusted:
        return
    if consent.ask is not None and consent.ask(f"{path} {why}, and it {wants}. Follow it?"):
        consent.trust(path)
        return
    message = f"{why}, and it {wants}; read it, then say --trust-file {path}"
    raise InvalidInput([Problem(str(path), 0, 0, message)])


def foreign(path: Path) -> str | None:
    """Why a file is not the user's own; None when it is.

    It is when nobody else but root can write it, and it lies in the user's home, in the repository in which
    gameday is started, or in /etc/gameday.
    """
    real = path.resolve()
    for each in dict.fromkeys((path.absolute(), real)):
        if why := _writable(each):
            return why
    home = Path.home().resolve()
    own = [OF_THE_HOST, repository(Path.cwd()), home if home != home.parent else None]
    if any(root is not None and real.is_relative_to(root) for root in own):
        return None
    return "lies outside your home and the repository that you are in"


def _writable(path: Path) -> str | None:
    """Who else could have written a file, or a link, or put it there."""
    file, folder = path.lstat(), path.parent.stat()
    for found, what in ((file, ""), (folder, "lies in a folder that ")):
        if found.st_uid not in (os.geteuid(), ROOT):
            return f"{what}belongs to another user"
    if not stat.S_ISLNK(file.st_mode) and file.st_mode & stat.S_IWOTH:
        return "can be written by every user"
    if folder.st_mode & stat.S_IWOTH and not folder.st_mode & stat.S_ISVTX:
        return "lies in a folder that every user can write to"
    return None


def repository(folder: Path) -> Path | None:
    """The root of the repository that a folder lies in."""
    here = folder.resolve()
    return next((each for each in (here, *here.parents) if any((each / name).exists() for name in VCS)), None)
