"""Other places for what a run keeps, small but whole: as one in a cluster would be, without the cluster.

Whoever builds a real one begins here: it has to pass the tests beside this file.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from gameday import clock
from gameday.experiment import plugged
from gameday.run.claim import KEEPER, Claimed, Shared, Unclaimed
from gameday.run.lifeline import SILENT_S, End

NS_PER_S = 1_000_000_000


class Objects:
    """A logbook of objects, a line each: an object store puts one only where there is none."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.folder = Path(where.partition(":")[2])

    def append(self, line: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f".{uuid.uuid4().hex}"
        draft.write_bytes(line)
        number = len(self._names())
        while True:
            with contextlib.suppress(FileExistsError):
                os.link(draft, self.folder / f"{number:08}")
                break
            number += 1
        draft.unlink()

    def lines(self) -> Iterator[bytes]:
        for name in self._names():
            yield (self.folder / name).read_bytes()

    def _names(self) -> list[str]:
        if not self.folder.exists():
            return []
        return sorted(path.name for path in self.folder.iterdir() if not path.name.startswith("."))


class Lease:
    """A claim that runs out, as a Lease of Kubernetes does: its holder renews it."""

    renew_every_s = 2.0
    lasts_s = 100.0

    def __init__(self, where: str, what: str, holder: str = "") -> None:
        self.where = where
        self.what = what
        self.holder = holder
        self.path = Path(where.partition(":")[2]) / what.casefold().replace("/", "-")

    @classmethod
    def held(cls, shared: Shared) -> Lease:
        return cls(shared["where"], shared["what"], shared["holder"])

    def take(self) -> None:
        now = self._read()
        if now is not None and clock.now_ns() < now["until_ns"]:
            raise Claimed(self.what, now["by"], now["since"])
        self.holder = uuid.uuid4().hex
        self._write("", clock.rfc3339(clock.utc_ns()))

    def sign(self, run: str) -> None:
        now = self._mine()
        self._write(run, now["since"])

    def renew(self) -> None:
        now = self._mine()
        self._write(now["by"], now["since"])

    def let_go(self) -> None:
        with contextlib.suppress(Unclaimed, FileNotFoundError):
            self._mine()
            self.path.unlink()

    def shared(self) -> Shared:
        return {KEEPER: "lease", "where": self.where, "what": self.what, "holder": self.holder}

    def _mine(self) -> dict[str, Any]:
        now = self._read()
        if now is None or now["holder"] != self.holder:
            raise Unclaimed(f"the claim on {self.what} is lost: {now and now['by']} has it")
        return now

    def _read(self) -> dict[str, Any] | None:
        try:
            told: dict[str, Any] = json.loads(self.path.read_text())
        except FileNotFoundError:
            return None
        return told

    def _write(self, by: str, since: str) -> None:
        until_ns = clock.now_ns() + round(self.lasts_s * NS_PER_S)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        told = {"holder": self.holder, "by": by, "since": since, "until_ns": until_ns}
        draft = self.path.with_name(uuid.uuid4().hex)
        draft.write_text(json.dumps(told))
        draft.replace(self.path)


@dataclass
class Board:
    """Where heartbeats are written down: how often a runner has beaten, and for how long that is enough."""

    beats: int = 0
    within_s: float = SILENT_S
    is_done: bool = False
    is_left: bool = False
    is_cut: bool = False


class BoardHeart:
    """The runner's end of a lifeline that is written down somewhere."""

    def __init__(self, board: Board) -> None:
        self.board = board

    def beat(self, within_s: float = SILENT_S) -> None:
        self.board.beats, self.board.within_s = self.board.beats + 1, within_s

    def done(self) -> None:
        self.board.is_done = True

    def leave(self) -> None:
        self.board.is_left = True


class BoardLifeline:
    """The guardian's end: on another host, so it sees nothing of the runner but what is written down."""

    is_stopped = False

    def __init__(self, board: Board) -> None:
        self.board = board
        self.seen = 0

    def heard(self, within_s: float) -> list[float | End]:
        if self.board.is_done:
            return [End.DONE]
        if self.board.is_left:
            return [End.LEFT]
        if self.board.beats == self.seen:
            return []
        self.seen = self.board.beats
        return [self.board.within_s]

    def cut(self) -> None:
        self.board.is_cut = True


@contextlib.contextmanager
def offered() -> Iterator[None]:
    """Let them be what installed packages offer."""
    known = {("gameday.logbooks", "objects"): Objects, ("gameday.claims", "lease"): Lease}

    def entry_points(group: str, name: str = "") -> list[Any]:
        found = known.get((group, name))
        return [SimpleNamespace(name=name, load=lambda: found)] if found else []

    with patch.object(plugged, "entry_points", entry_points):
        yield
