"""Runs that nothing befalls: the simulation plays them as real ones go."""

from __future__ import annotations

import pytest

from tests.simulation.experiments import EXPERIMENTS
from tests.simulation.world import world

VERDICTS = {
    "plain": (0, "passed"),
    "watched": (0, "passed"),
    "whole": (0, "passed"),
    "declared": (0, "passed"),
    "mended in rollbacks": (0, "passed"),
    "slow": (0, "passed"),
    "settling": (0, "passed"),
    "halting": (3, "halted"),
    "limited": (3, "halted"),
    "lost for good": (1, "failed"),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_run_that_nothing_befalls_ends_as_it_should(name: str, seed: int) -> None:
    with world(name, seed) as made:
        runner = made.play()
        made.check_the_run(runner)
        made.check_the_end()
        record = made.record()
        assert record is not None
        assert (runner.code, record.verdict) == VERDICTS[name], record.reasons
        assert made.wrong == []


def test_the_same_seed_brings_the_same_run() -> None:
    traces = []
    for seed in (1, 1, 2):
        with world("whole", seed) as made:
            made.play()
            folder = made.results.parent.name, str(made.pack and made.pack.folder.name)
            traces.append([line for line in made.machine.trace if not any(part in line for part in folder)])
    assert traces[0] == traces[1] != traces[2]
