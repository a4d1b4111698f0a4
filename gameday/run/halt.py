"""When a run must stop by itself: its halt conditions, the kill switch, its longest duration."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from gameday.clock import NS_PER_S
from gameday.experiment.model import HaltCondition
from gameday.run import killswitch
from gameday.run.watch import SliNow
from gameday.units import percent, spoken


class HaltRules:
    """Judges the live samples, ten times a second.

    folders: where a kill switch may lie. longest_s: how long the run may last, None for any time.
    """

    def __init__(
        self,
        conditions: Iterable[HaltCondition],
        folders: tuple[Path, ...],
        longest_s: float | None,
        start_ns: int,
    ) -> None:
        self.conditions = tuple(conditions)
        self.folders = folders
        self.longest_s = longest_s
        self.start_ns = start_ns
        self.since_ns: dict[int, int] = {}

    def reason(self, slis: list[SliNow], at_ns: int) -> str | None:
        """Why the run must stop now; None when it may go on."""
        for folder in self.folders:
            if why := killswitch.thrown(folder):
                return why
        if self.longest_s is not None and at_ns - self.start_ns > self.longest_s * NS_PER_S:
            return f"the run has lasted longer than max-duration, {spoken(self.longest_s)}"
        shares = {sli.name: sli.share for sli in slis}
        for number, condition in enumerate(self.conditions):
            if why := self._breach(number, condition, shares.get(condition.sli), at_ns):
                return why
        return None

    def _breach(
        self, number: int, condition: HaltCondition, share: Fraction | None, at_ns: int
    ) -> str | None:
        """Why a condition holds for long enough. A window without samples breaches nothing."""
        if share is None or not condition.is_breached(share):
            self.since_ns.pop(number, None)
            return None
        since_ns = self.since_ns.setdefault(number, at_ns)
        if at_ns - since_ns < condition.for_ * NS_PER_S:
            return None
        return (
            f"halt condition '{condition.when}' holds for {spoken(condition.for_)}: it is at {percent(share)}"
        )
