"""What a source of samples says of itself: all that the core decides by. Its own sources stand here, by name.

Others come as plug-ins, under the entry point group `gameday.sources`; docs/sources.md says how.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from gameday.experiment import plugged

GROUP = "gameday.sources"
LONGEST_LAG_S = 86_400.0


@dataclass(frozen=True, slots=True)
class About:
    """A source as it describes itself.

    is_first_hand: whether the service itself answers each sample; a value that somebody else measured before
    is second-hand. may_be_clock: whether an RTO may rest on it alone: it asks the service on schedule.
    knows_own_delays: whether its sends follow the schedule one by one, so that its own delays can be told
    from the service's. judges: what `good` compares. takes, needs: the keys of an SLI that it takes, and
    those of them that it needs. block: the block of the file that it lives from. is_shared: whether all
    its SLIs have one recorder. lag_s: how old what it says may be.
    """

    key: str
    is_first_hand: bool = True
    may_be_clock: bool = False
    knows_own_delays: bool = False
    judges: Literal["latency", "value"] = "latency"
    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    block: str = ""
    is_shared: bool = False
    lag_s: float = 0.0

    def __post_init__(self) -> None:
        if self.may_be_clock and not (self.is_first_hand and self.knows_own_delays):
            raise ValueError("only a source that asks the service itself, on schedule, may be a clock")


OWN = {
    about.key: about
    for about in (
        About("load", takes=("match",), block="load", is_shared=True),
        About("probe", may_be_clock=True, knows_own_delays=True, takes=("probe",), needs=("probe",)),
        About("ledger", block="ledger", is_shared=True),
        About(
            "prometheus",
            is_first_hand=False,
            judges="value",
            takes=("query",),
            needs=("query",),
            block="prometheus",
        ),
    )
}
# what a plug-in says of itself; the rest is the same for all of them
SAID: dict[str, Any] = {"is_first_hand": bool, "may_be_clock": bool, "judges": str, "lag_s": (int, float)}
OF_PLUG_INS: dict[str, Any] = {
    "knows_own_delays": True,
    "takes": ("options", "every", "timeout"),
    "needs": ("every",),
}
# how samples are judged, which a plan states; the plan of an older pack has the words of its day
JUDGED_BY = ("is_first_hand", "knows_own_delays", "may_be_clock")


class UnknownSource(ValueError):
    """No source has this name."""


@cache
def about(key: str) -> About:
    """What a source says of itself. Raises UnknownSource, or ValueError for a plug-in that cannot say it."""
    if key in OWN:
        return OWN[key]
    if key not in known():
        raise UnknownSource(key)
    return of_plug_in(key, plugged.ask(GROUP, key, "about"))


def known() -> list[str]:
    """The names of all sources."""
    return [*OWN, *(name for name in plugged.offered(GROUP) if name not in OWN)]


def of_plug_in(key: str, said: Any) -> About:
    """The description that a plug-in has given, checked. Raises ValueError."""
    if not isinstance(said, dict) or not all(name in SAID for name in said):
        raise ValueError(f"the plug-in '{key}' must describe itself by {', '.join(SAID)}, not {said!r:.100}")
    if any(not isinstance(value, SAID[name]) for name, value in said.items()) or not _may_be(said):
        raise ValueError(f"the plug-in '{key}' cannot be what it says of itself: {said!r:.100}")
    # a value is what somebody measured, however fresh
    second_hand = {"is_first_hand": False} if said.get("judges") == "value" else {}
    return About(key, **{**OF_PLUG_INS, **said, **second_hand})


def _may_be(said: dict[str, Any]) -> bool:
    return said.get("judges", "latency") in ("latency", "value") and 0 <= said.get("lag_s", 0) < LONGEST_LAG_S


def as_before(key: str) -> dict[str, Any]:
    """How the samples of a source were judged before plans said it."""
    return {name: getattr(OWN.get(key, About(key)), name) for name in JUDGED_BY}
