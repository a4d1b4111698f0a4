"""The demos that `gameday demo` plays, each a shipped experiment and the lab that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gameday.errors import GamedayError
from gameday.lab.failover import FailoverLab

__all__ = ["DEFAULT", "DEMOS", "Demo", "experiment_path"]


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo: what it shows, its experiment and the lab to start for it."""

    name: str
    summary: str
    experiment: str
    lab: Callable[[Path], FailoverLab]


def synchronous_lab(folder: Path) -> FailoverLab:
    """A lab whose primary acknowledges a commit once the standby has it."""
    return FailoverLab(folder, synchronous=True)


def asynchronous_lab(folder: Path) -> FailoverLab:
    """A lab whose primary acknowledges a commit without waiting for the standby."""
    return FailoverLab(folder, synchronous=False)


DEFAULT = "failover-sync"
DEMOS = {
    demo.name: demo
    for demo in (
        Demo(
            "failover-sync",
            "the primary of a synchronous PostgreSQL pair dies: no acknowledged order may be lost",
            "postgresql-failover-sync.yaml",
            synchronous_lab,
        ),
        Demo(
            "failover-async",
            "replication breaks three seconds before the primary dies: see what that costs",
            "postgresql-failover-async.yaml",
            asynchronous_lab,
        ),
    )
}


def experiment_path(name: str) -> Path:
    """The shipped experiment of a demo, in an installed package or in a checkout."""
    demo = DEMOS.get(name)
    if demo is None:
        raise GamedayError(f"there is no demo '{name}'; write {' or '.join(DEMOS)}")
    package = Path(__file__).resolve().parent
    for folder in (package / "experiments", package.parent.parent / "experiments"):
        if (folder / demo.experiment).is_file():
            return folder / demo.experiment
    raise GamedayError(f"{demo.experiment} is not part of this installation")
