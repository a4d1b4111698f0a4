"""What is said to a run is heard once, wherever the run is cut off."""

from __future__ import annotations

import pytest

from tests.simulation.fates import Fate, befallen, points_of

EVERY, PARTS = 7, 4


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("what", ["kill runner", "kill runner and guardian", "power cut", "full disk"])
def test_what_is_said_before_a_mishap_is_heard_once(what: str, part: int) -> None:
    for point in range(1 + part * EVERY, points_of("plain"), EVERY * PARTS):
        for later in (1, 4):
            fate = Fate("plain", 0, ((point, "word"), (point + later, what)))
            assert befallen(fate) == [], fate
