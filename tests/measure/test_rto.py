"""Which outages the RTO counts when probes and a closed loop saw it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gameday.measure.bounds import Span
from gameday.measure.outage import Outage
from gameday.measure.rto import Seen, incident
from tests.measure.histories import at, only, out, outages

INJECT_NS, UNTIL_NS = at(6), at(26)


def outage(start_s: float, end_s: float) -> Outage:
    return only(outages(out((start_s, end_s))))


def counted(load: Outage, *probed: Outage) -> bool:
    """Whether the outage of a closed loop counts beside these of the probes."""
    slis = [*(Seen(True, (each,)) for each in probed), Seen(False, (load,))]
    return load in incident(slis, INJECT_NS, UNTIL_NS)


def test_a_closed_loop_is_told_by_all_probes_together() -> None:
    early, late = outage(6.1, 7), outage(6.5, 8)
    assert counted(outage(6.2, 7.6), early, late) is False
    assert counted(outage(6.2, 7.6), early) is True
    assert counted(outage(6.2, 7.6), late) is True


@pytest.mark.parametrize(("beyond_ns", "is_counted"), [(0, False), (1, True)])
def test_a_closed_loop_counts_when_its_bounds_lie_apart_from_those_of_the_probes(
    beyond_ns: int, is_counted: bool
) -> None:
    probed = outage(6.1, 7)
    assert probed.ended is not None
    low_ns, high_ns = probed.began.low_ns, probed.ended.high_ns
    began_earlier = replace(probed, began=Span(at(6), low_ns - beyond_ns))
    ended_later = replace(probed, ended=Span(high_ns + beyond_ns, at(9)))
    assert counted(began_earlier, probed) is is_counted
    assert counted(ended_later, probed) is is_counted
