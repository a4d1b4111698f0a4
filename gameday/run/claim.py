"""A claim on a service: one drill at a time, whatever its results folder. It is the right to break it.

Here the kernel keeps it, for this host, and lets go of it when the run and its guardian have ended, however
they end. Another keeper has its class in a package, as an entry point of the group `gameday.claims`, named by
how its addresses begin, such as `kubernetes`: it is called with the address and the service, and `held` of it
with what `shared` said.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from gameday import clock, state
from gameday.errors import GamedayError
from gameday.experiment.plugged import entry
from gameday.faults.logbook import ADDRESS
from gameday.run.lock import Lock

if TYPE_CHECKING:  # the engine, which looks at the claim, has no use for the model
    from gameday.experiment.load import Experiment

GROUP = "gameday.claims"
KEEPER = "keeper"  # of what a claim shares: who can take it up; without it, this host
ADVICE = "wait for its end, or stop it with: gameday halt"

Shared = dict[str, Any]


class Claimed(GamedayError):
    """Another drill has the claim. by: which, as far as it is known. since: when it took it, RFC 3339."""

    def __init__(self, what: str, by: str = "", since: str = "") -> None:
        self.by = by
        self.since = since
        told = f": {by}" if by else ""
        told += f", since {since}" if since else ""
        super().__init__(f"a drill on {what} is under way{told}; {ADVICE}")


class Unclaimed(GamedayError):
    """A claim that was held is held no more: nothing more may be broken."""


class Claim(Protocol):
    """The right of one drill to break a service.

    renew_every_s: how often the run renews it. A keeper to whom that is not often enough gives it to somebody
    else; it must be patient for longer than a guardian needs to take over, a minute. Whatever asks over a
    network has its own time limit of a second or two: while it is asked, the run stands still.
    """

    renew_every_s: float

    def take(self) -> None:
        """Take it. Raises Claimed when another drill has it."""

    def sign(self, run: str) -> None:
        """Say which run has it, to those who come later."""

    def renew(self) -> None:
        """Keep it. Raises Unclaimed once it is lost; an error that may pass, it bears as long as it may."""

    def let_go(self) -> None:
        """Give it up. Raises nothing: one that cannot be given up runs out."""

    def shared(self) -> Shared:
        """What another process of this run needs to hold it too, as JSON holds it.

        `descriptors`: those that it has to inherit. `keeper`: the name of the entry point.
        """


class LockClaim:
    """A claim that the kernel keeps, by a lock on a file of this user's."""

    renew_every_s = 1.0

    def __init__(self, what: str, lock: Lock, inode: int | None = None) -> None:
        self.what = what
        self.lock = lock
        self.inode = inode

    @classmethod
    def on(cls, what: str) -> LockClaim:
        """The one on a service, however it is spelled."""
        name = hashlib.sha256(what.casefold().encode()).hexdigest()[:16]
        return cls(what, Lock(state.folder("claims"), f"{name}.lock"))

    @classmethod
    def held(cls, shared: Shared) -> LockClaim:
        """One that another process of this run holds."""
        path = Path(shared["path"])
        return cls(shared["what"], Lock(path.parent, path.name), shared["inode"])

    def take(self) -> None:
        """Take it."""
        if not self.lock.take():
            raise Claimed(self.what, *self._whose())
        self.inode = self.lock.path.stat().st_ino
        self.sign("")

    def sign(self, run: str) -> None:
        """Say which run has it, and since when."""
        signed = {"run": run, "pid": os.getpid(), "since": clock.rfc3339(clock.utc_ns())}
        with contextlib.suppress(OSError):  # for people alone: the kernel keeps the claim
            self.lock.path.write_text(json.dumps(signed))

    def renew(self) -> None:
        """See that the file is still the one that is locked: another one could be locked by anybody."""
        try:
            is_there = self.lock.path.stat().st_ino == self.inode
        except OSError:
            is_there = False
        if not is_there:
            raise Unclaimed(f"the claim on {self.what} is lost: somebody has removed {self.lock.path}")

    def let_go(self) -> None:
        """Give it up, as far as this process holds it."""
        self.lock.release()

    def shared(self) -> Shared:
        """The file, and the descriptor that holds the lock."""
        descriptors = [] if self.lock.descriptor is None else [self.lock.descriptor]
        about = {"what": self.what, "path": str(self.lock.path), "inode": self.inode}
        return {**about, "descriptors": descriptors}

    def _whose(self) -> tuple[str, str]:
        try:
            told = json.loads(self.lock.path.read_text())
            by = ", ".join(filter(None, [str(told["run"]), f"process {told['pid']}"]))
            return by, str(told.get("since", ""))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return "", ""


class Renewal:
    """Renews a claim as often as its keeper wants it."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.due_ns = 0

    def when_due(self) -> None:
        """Renew it, if that is due. Raises Unclaimed once it is lost."""
        if clock.now_ns() >= self.due_ns:
            self.due_ns = clock.now_ns() + round(self.claim.renew_every_s * clock.NS_PER_S)
            try:
                self.claim.renew()
            except GamedayError:
                raise
            except Exception as error:  # whatever a keeper raises: nobody knows whether it is held
                raise Unclaimed(f"the claim cannot be renewed: {type(error).__name__}: {error}") from error


@contextlib.contextmanager
def taken_over(shared: Shared) -> Iterator[Callable[[], None]]:
    """The claim of a run that another process brings to its end; what this yields is called again and again.

    One that is lost stops nothing: what is owed is undone, whoever may break the service next.
    """
    try:
        renewal = Renewal(held(shared))
    except GamedayError:
        yield lambda: None
        return

    def keep_it() -> None:
        with contextlib.suppress(GamedayError):
            renewal.when_due()

    try:
        yield keep_it
    finally:
        renewal.claim.let_go()


def claim_on(experiment: Experiment, where: str | None = None) -> Claim:
    """The claim on the service of an experiment, or on its file if it names none.

    where: the address at which claims are kept, None for this host. Raises GamedayError when nobody knows it.
    """
    service = experiment.blocks.service
    what = f"service '{service.name}'" if service else str(experiment.path.resolve())
    if where is None:
        return LockClaim.on(what)
    address = ADDRESS.fullmatch(where)
    if address is None:
        raise GamedayError(f"claims cannot be kept at {where}; write for example kubernetes:NAMESPACE")
    return cast(Claim, _keeper(address[1])(where, what))


def held(shared: Shared) -> Claim:
    """A claim that another process of this run holds, and has shared."""
    keeper = LockClaim if KEEPER not in shared else _keeper(shared[KEEPER])
    return cast(Claim, keeper.held(shared))


def _keeper(name: str) -> Any:
    try:
        return entry(GROUP, name).load()
    except ValueError as error:
        raise GamedayError(f"nobody keeps claims by the name of {name}: {error}") from None
