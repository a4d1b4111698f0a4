"""Outages so far: those among the newest samples of an SLI, and one whose older samples are gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gameday.measure.core import Core
from gameday.measure.outage import Found, Search
from gameday.measure.sli import Judged

NEVER_NS = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class OutageSoFar:
    """An outage while the run goes on.

    impact_ns: the scheduled send of its first bad sample. recovered_ns: as in `Outage`; None while it lasts
    or may still go on. until_ns: when the newest bad sample since then, before the next outage, was known.
    """

    impact_ns: int
    recovered_ns: int | None
    until_ns: int

    def is_over_by(self, at_ns: int) -> bool:
        """Whether service was back before a moment, and stayed so."""
        return self.recovered_ns is not None and self.recovered_ns < at_ns


@dataclass(frozen=True, slots=True)
class Back:
    """The first good sample after an outage: when it was due, and when it or a later one was answered."""

    scheduled_ns: int
    answered_ns: int

    @classmethod
    def at(cls, search: Search, index: int) -> Back:
        """The one of this index."""
        return cls(int(search.judged.scheduled_ns[index]), search.answered_ns(index))


@dataclass(frozen=True, slots=True)
class Held:
    """An outage whose older samples are gone. back: None where every sample since was bad."""

    impact_ns: int
    back: Back | None


@dataclass(frozen=True, slots=True)
class InView:
    """An outage among the samples that are kept.

    miss_ns: the first sample whose window misses, None for one that is held. core: None where nothing has
    missed since it is held. after: the index of the first good sample after it, or where one is looked for.
    settled_ns: no sample that is scheduled later changes anything about it.
    """

    impact_ns: int
    miss_ns: int | None
    core: Core | None
    back: Back | None
    after: int
    is_over: bool
    settled_ns: int

    @property
    def recovered_ns(self) -> int | None:
        """When service was back; None while that is not sure."""
        return self.back.answered_ns if self.back is not None and self.is_over else None

    def has_lasted(self, sustain_ns: int, until_ns: int) -> bool:
        """Whether service has stayed back for a whole sustain period before a moment."""
        return self.is_over and self.back is not None and self.back.scheduled_ns + sustain_ns < until_ns


def in_view(search: Search, held: Held | None, floor: int) -> Iterator[InView]:
    """Every outage from a sample on, in order; the first one goes on with the one that is held."""
    if held is not None:
        first = _resumed(search, held, floor)
        yield first
        if not first.is_over:
            return
        floor = first.after
    for found in search.outages(floor):
        yield _whole(search, found)


def _whole(search: Search, found: Found) -> InView:
    """An outage all of whose samples are kept."""
    times = search.judged.scheduled_ns
    impact_ns = int(times[search.windows.bad[found.core.first]])
    return _after_core(search, found.core, impact_ns, int(times[found.miss]), found.back is not None)


def _resumed(search: Search, held: Held, floor: int) -> InView:
    """The outage that is held: what misses from the floor on is a relapse."""
    times, back = search.judged.scheduled_ns, held.back
    if back is None:
        index = search.next_good(floor)
        if index is None:
            return InView(held.impact_ns, None, None, None, floor, is_over=False, settled_ns=NEVER_NS)
        floor, back = index, Back.at(search, index)
    miss = search.windows.first_miss(floor)
    if miss is None or times[miss] > back.scheduled_ns + search.criteria.sustain_ns:
        is_over = search.has_lasted(back.scheduled_ns)
        return InView(held.impact_ns, None, None, back, floor, is_over, settled_ns=NEVER_NS)
    core, over, _ = search.grown(search.core(miss, floor))
    return _after_core(search, core, held.impact_ns, None, over is not None)


def _after_core(search: Search, core: Core, impact_ns: int, miss_ns: int | None, is_over: bool) -> InView:
    index = search.next_good(int(search.windows.bad[core.last]) + 1)
    if index is None:
        return InView(impact_ns, miss_ns, core, None, len(search.judged), is_over, settled_ns=NEVER_NS)
    back = Back.at(search, index)
    settled_ns = max(core.settled_ns, back.scheduled_ns + search.criteria.sustain_ns, back.answered_ns)
    return InView(impact_ns, miss_ns, core, back, index, is_over, settled_ns)


def with_bad(found: list[OutageSoFar], judged: Judged) -> list[OutageSoFar]:
    """The outages, each with the bad samples since it and before the next one."""
    if not found:
        return found
    bad_ns, known_ns = judged.scheduled_ns[~judged.good], judged.done_ns[~judged.good]
    edges = np.searchsorted(bad_ns, [*(outage.impact_ns for outage in found), NEVER_NS])
    with_more = list(found)
    for place in np.flatnonzero(np.diff(edges)):
        newest_ns = max(found[place].until_ns, int(known_ns[edges[place] : edges[place + 1]].max()))
        with_more[place] = replace(found[place], until_ns=newest_ns)
    return with_more
