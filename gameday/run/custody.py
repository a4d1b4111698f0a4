"""What is kept of a run outside of its folder until it has come to its end: all that undoes it.

A run's folder is evidence: it is copied, moved, deleted, and anybody may write to it. So the undo log, the
processes of the run and its experiment lie in a folder of this user's own, and the run's folder has a copy of
the log. A run that is not in custody is foreign.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gameday import state
from gameday.errors import GamedayError
from gameday.evidence.pack import Pack
from gameday.experiment.load import Experiment
from gameday.experiment.meant import packed, unpacked
from gameday.faults.logbook import opened
from gameday.faults.undolog import LOG_COPY_VARIABLE, LOG_VARIABLE, UndoLog
from gameday.files import append_line, read_lines, write_atomically
from gameday.processes import Identity
from gameday.run.asked import AS_THE_FILE_SAYS, Asked
from gameday.run.lock import Lock

ABOUT, UNDO_LOG, PROCESSES = "run.json", "undo.jsonl", "processes.jsonl"
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,120}")


@dataclass(frozen=True, slots=True)
class About:
    """What a rescuer has to know of a run.

    pack: its folder. cwd: the folder that it was started in. path: the experiment's file, and document: what
    it says. variables: as `--var` gives them. rollbacks: Chaos Toolkit's strategy, None for the default;
    asked: its other options. undo_log: the address of its undo log, None when that lies here.
    """

    pack: str
    cwd: str
    path: str
    service: str | None
    document: dict[str, Any]
    variables: tuple[str, ...] = ()
    rollbacks: str | None = None
    asked: dict[str, Any] = field(default_factory=dict)
    undo_log: str | None = None


@dataclass(frozen=True, slots=True)
class Custody:
    """A run, and the folder that its rescuers look into. about: None for a foreign run.

    That of a foreign run is the run's own: there is no other.
    """

    folder: Path
    pack: Pack
    about: About | None = None

    @classmethod
    def begin(
        cls,
        pack: Pack,
        experiment: Experiment,
        variables: tuple[str, ...],
        rollbacks: str | None,
        asked: Asked = AS_THE_FILE_SAYS,
        books: str | None = None,
    ) -> Custody:
        """Take a run into custody, before it touches anything. Raises GamedayError when that cannot be.

        books: the address under which undo logs lie, None for files in the custody.
        """
        service = experiment.blocks.service
        about = About(
            pack=str(pack.folder.resolve()),
            cwd=os.getcwd(),  # noqa: PTH109 - a text
            path=str(experiment.path.resolve()),
            service=service.name if service else None,
            document=experiment.document,
            variables=variables,
            rollbacks=rollbacks,
            asked=asked.orders(),
            undo_log=None if books is None else f"{books.rstrip('/')}/{pack.folder.name}",
        )
        folder = state.folder("runs", pack.folder.name)
        try:
            write_atomically(folder / ABOUT, json.dumps(packed(asdict(about)), default=str) + "\n")
        except OSError as error:
            raise GamedayError(f"{folder} cannot be written: {error.strerror}") from None
        return cls(folder, Pack(Path(about.pack)), about)

    @classmethod
    def load(cls, folder: Path) -> Custody | None:
        """The custody that a folder holds; None when it holds none."""
        try:
            told = unpacked(json.loads((folder / ABOUT).read_bytes()))
            about = About(**{**told, "variables": tuple(told["variables"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return cls(folder, Pack(Path(about.pack)), about)

    @classmethod
    def of(cls, pack: Pack) -> Custody:
        """The custody of the run in a folder, which may have been moved since."""
        here, run_id = pack.folder.resolve(), pack.run_id
        known = cls.load(state.folder("runs") / run_id) if RUN_ID.fullmatch(run_id) else None
        if known is not None and known.about is not None:
            was = Path(known.about.pack)
            if was == here or not was.exists():
                return cls(known.folder, Pack(here), known.about)
        return cls(here, Pack(here))

    @property
    def is_foreign(self) -> bool:
        """Whether nobody knows that this user's own gameday wrote what the folder holds."""
        return self.about is None

    @property
    def undo_log(self) -> UndoLog:
        """The undo log that counts."""
        if self.about is None:
            return UndoLog(self.folder / UNDO_LOG)
        where = self.about.undo_log
        return UndoLog(self.folder / UNDO_LOG if where is None else opened(where), self.pack.undo_log)

    @property
    def lock(self) -> Lock:
        """Whoever works on the run has it."""
        return Lock(self.folder)

    def remember(self, name: str, pid: int) -> None:
        """Write down a process of the run, so that it can be ended by somebody else."""
        identity = Identity.of(name, pid)
        if identity is not None:
            append_line(self.folder / PROCESSES, asdict(identity))

    def left_over(self) -> list[Identity]:
        """The processes of the run that still live."""
        known = [Identity(**entry) for entry in read_lines(self.folder / PROCESSES)]
        return [identity for identity in known if identity.is_alive]

    def environment(self) -> dict[str, str]:
        """The environment of an engine: its faults find the undo log there."""
        log = self.undo_log
        copy = {} if log.copy is None else {LOG_COPY_VARIABLE: str(log.copy)}
        return {**os.environ, LOG_VARIABLE: log.book.where, **copy}

    def hand_in(self) -> None:
        """Let the run's folder have the whole undo log, whatever its copy has missed. Raises OSError."""
        log = self.undo_log
        whole = b"".join(line + b"\n" for line in log.book.lines())
        if whole and log.copy is not None and (not log.copy.exists() or log.copy.read_bytes() != whole):
            write_atomically(log.copy, whole)

    def end(self) -> None:
        """Let go of a run that has come to its end. Never of a foreign one, which is its own custody."""
        if not self.is_foreign:
            shutil.rmtree(self.folder, ignore_errors=True)


def custodies() -> Iterator[Custody]:
    """Every run of this user's that has not come to its end, oldest first."""
    for folder in sorted(state.folder("runs").iterdir()):
        custody = Custody.load(folder)
        if custody is not None:
            yield custody
