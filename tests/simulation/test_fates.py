"""Whatever befalls a run, wherever: nothing broken is left, or it is owed; and the record says so."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable
from itertools import chain

import pytest

from tests.simulation.experiments import EXPERIMENTS
from tests.simulation.fates import (
    MISHAPS,
    OF_A_RECOVERY,
    Fate,
    at_every_point,
    befallen,
    by_chance,
    points_of,
)

SEED = int(os.environ.get("GAMEDAY_SIMULATION_SEED", "20261123"))
A_SHARE = 40


def all_end_well(fates: Iterable[Fate]) -> None:
    """Fails with every fate after which something does not hold, and what."""
    wrong = {fate: found for fate in fates if (found := befallen(fate))}
    told = [f"{fate}:\n{textwrap.indent(chr(10).join(found), '    ')}" for fate, found in wrong.items()]
    assert not wrong, "\n".join(told)


@pytest.mark.parametrize("share", range(8))
def test_whatever_befalls_a_run_it_comes_to_a_good_end(share: int) -> None:
    first = SEED + share * A_SHARE
    all_end_well(map(by_chance, range(first, first + A_SHARE)))


@pytest.mark.parametrize("what", ["kill runner", "kill runner and guardian", "power cut", "SIGINT", "defect"])
def test_a_run_cut_off_at_any_point_comes_to_a_good_end(what: str) -> None:
    begins = enumerate(EXPERIMENTS, 1 + SEED % 20)
    all_end_well(chain(*(at_every_point(name, what, every=37, first=first) for first, name in begins)))


@pytest.mark.parametrize("name", ["plain", "whole", "halting"])
def test_a_second_signal_at_any_point_hands_over_to_a_guardian_that_makes_it_good(name: str) -> None:
    firsts = range(40, points_of(name), 29)
    signals = [((first, "SIGINT"), (first + later, "SIGTERM")) for first in firsts for later in (1, 4, 9)]
    all_end_well(Fate(name, 0, pair) for pair in signals)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("what", MISHAPS)
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_mishap_at_every_point(name: str, what: str) -> None:
    all_end_well(at_every_point(name, what))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("what", OF_A_RECOVERY)
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_recovery_cut_off_at_any_point_is_made_good_by_another(name: str, what: str) -> None:
    middle = points_of(name) // 2
    cuts = [(middle, "kill runner and guardian")]
    all_end_well(Fate(name, 0, tuple(cuts), (), ((point, what),), 2) for point in range(1, 120))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("share", range(20))
def test_ten_thousand_runs_by_chance(share: int) -> None:
    first = SEED + 1_000_000 + share * 500
    all_end_well(map(by_chance, range(first, first + 500)))
