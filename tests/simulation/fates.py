"""What befalls a run and those who recover it: by chance, from a seed, or at every single point."""

from __future__ import annotations

import functools
import random
import traceback
from collections.abc import Iterator
from dataclasses import dataclass

from tests.simulation.experiments import EXPERIMENTS
from tests.simulation.world import DISKS, TOO_FEW_PROCESSES, world

KILLS = (
    "kill runner",
    "kill engine",
    "kill prober",
    "kill ledger",
    "kill load",
    "kill guardian",
    "kill undoing",
    "kill runner and guardian",
    "kill runner and engine",
    "kill runner and undoing",
)
OTHERS = ("power cut", "SIGINT", "SIGTERM", "defect", "kill switch")
MISHAPS = (*KILLS, *OTHERS, *DISKS, *TOO_FEW_PROCESSES, "word")
OF_A_RECOVERY = ("kill recover", "kill recover and engine", "kill undoing", "power cut")
LONGEST = 250  # points of a run, and a few more


@dataclass(frozen=True)
class Fate:
    """A run of an experiment and everything that befalls it.

    mishaps: a point of the machine each, and what. stubborn: what becomes of the first undos on a part.
    recoveries: one after the other, the points until something befalls each, and what; together: how many
    recover at once.
    """

    experiment: str
    seed: int
    mishaps: tuple[tuple[int, str], ...] = ()
    stubborn: tuple[tuple[str, tuple[str, ...]], ...] = ()
    recoveries: tuple[tuple[int, str], ...] = ()
    together: int = 1


def befallen(fate: Fate) -> list[str]:
    """Play it to its end; what does not hold then."""
    with world(fate.experiment, fate.seed) as made:
        made.harden({part: list(hows) for part, hows in fate.stubborn})
        for point, what in fate.mishaps:
            made.at(point, what)
        try:
            made.check_the_run(made.play())
            made.heal()
            for points, what in fate.recoveries:
                made.machine.at = {}
                made.at(made.machine.points + points, what)
                made.recover(together=fate.together)
            made.machine.at = {}
            made.recover(together=fate.together)
            made.check_the_end()
        except Exception:  # noqa: BLE001 - whatever it is, the fate that led there has to be told
            made.wrong.append(traceback.format_exc())
        return made.wrong


def by_chance(seed: int) -> Fate:
    """A fate drawn from a seed."""
    draw = random.Random(seed)
    name = draw.choice(list(EXPERIMENTS))
    points = sorted(draw.sample(range(1, LONGEST), draw.choice([0, 1, 1, 1, 2, 2, 3])))
    return Fate(
        name,
        seed,
        tuple((point, draw.choice(MISHAPS)) for point in points),
        tuple(_stubborn(draw, name)) if draw.random() < 0.3 else (),
        tuple((draw.randint(1, 80), draw.choice(OF_A_RECOVERY)) for _ in range(draw.choice([0, 0, 1, 2]))),
        draw.choice([1, 1, 2]),
    )


def _stubborn(draw: random.Random, name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """How the first undos on some parts go. What nobody can read back may not lie."""
    for part in "abcde":
        hows = ["raises", "hangs", "dies", "dies after", *(["lies"] if part != "c" else [])]
        hows += ["throttled"] * 3 if part in "de" else []
        if draw.random() < 0.5:
            yield part, tuple(draw.choices(hows, k=draw.choice([1, 2, 4, 5, 9])))


@functools.cache
def points_of(name: str, seed: int = 0) -> int:
    """How many points a run has that nothing befalls."""
    with world(name, seed) as made:
        made.play()
        return made.machine.points


def at_every_point(name: str, what: str, every: int = 1, first: int = 1) -> Iterator[Fate]:
    """The same mishap at one point after the other."""
    for point in range(first, points_of(name) + 1, every):
        yield Fate(name, 0, ((point, what),))
