"""What a run is measured against: the resolved objectives and SLIs, as they stand in the pack's plan.json.

Nothing secret is in it: no address, no DSN.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Literal

from gameday.clock import NS_PER_S
from gameday.experiment.good import GoodLatency, GoodValue
from gameday.experiment.model import Blocks, Objectives
from gameday.experiment.sli import recorders
from gameday.experiment.sources import JUDGED_BY, as_before
from gameday.measure.rules import FIRST, RULES
from gameday.measure.sli import Goodness
from gameday.measure.values import Wanted
from gameday.units import Share


@dataclass(frozen=True, slots=True)
class SliPlan:
    """How one SLI is judged. good: seconds that a good answer stays below, or, with `limit_is_good`, does not
    exceed. window, period: seconds. comparison, limit: what a good value is like. lag: how old a value may be
    when it is read, in seconds. What its source says of itself: see `experiment.sources.About`.
    """

    name: str
    source: str
    recorder: str
    match: str | None
    good: float | None
    objective: str
    window: float
    period: float | None
    limit_is_good: bool = False
    is_first_hand: bool = True
    may_be_clock: bool = False
    knows_own_delays: bool = False
    comparison: str | None = None
    limit: float | None = None
    lag: float = 0.0

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> SliPlan:
        """The SLI of a plan; in an older one its source has not said what it is."""
        return cls(**{**as_before(data["source"]), **data})

    @property
    def share(self) -> Fraction:
        """The objective, exactly."""
        return Share.parse(self.objective).fraction

    @property
    def window_ns(self) -> int:
        """The trailing window."""
        return round(self.window * NS_PER_S)

    @property
    def period_ns(self) -> int | None:
        """The period of an open-loop source."""
        return None if self.period is None else round(self.period * NS_PER_S)

    @property
    def goodness(self) -> Goodness:
        """What makes a sample good."""
        limit_ns = None if self.good is None else round(self.good * NS_PER_S)
        within_ns = limit_ns if limit_ns is None or self.limit_is_good else limit_ns - 1
        return Goodness(self.match, within_ns, self.knows_own_delays, self.wanted)

    @property
    def wanted(self) -> Wanted | None:
        """What a good value is like; None for a source of answers."""
        return None if self.comparison is None or self.limit is None else Wanted(self.comparison, self.limit)

    @property
    def lag_ns(self) -> int:
        """How old a value may be when it is read."""
        return round(self.lag * NS_PER_S)


@dataclass(frozen=True, slots=True)
class Plan:
    """Objectives and observers of a run; durations in seconds, `None` for what is not asked.

    rules: the number of the rules by which it is measured.
    """

    slis: tuple[SliPlan, ...] = ()
    service: dict[str, Any] | None = None
    rto: float | None = None
    rpo: float | None = None
    rto_from: Literal["impact", "inject", "declare"] = "impact"
    sustain: float = 10.0
    deadline: float = 300.0
    baseline: float = 0.0
    after_check: float = 0.0
    users: int = 0
    spawn_rate: float | None = None
    warm_up: float | None = None
    processes: int = 1
    write_period: float | None = None
    rules: int = RULES

    def as_json(self) -> dict[str, Any]:
        """The plan as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        """The plan of `as_json`; other keys beside it are left alone."""
        known = {name: data[name] for name in cls.__slots__ if name in data}
        slis = tuple(map(SliPlan.from_json, data["slis"]))
        return cls(**{"rules": FIRST, **known, "slis": slis})

    @property
    def is_watched(self) -> bool:
        """Whether anything observes the service."""
        return bool(self.slis) or self.write_period is not None or self.users > 0

    @property
    def write_period_ns(self) -> int | None:
        """The period of the ledger's writes."""
        return None if self.write_period is None else round(self.write_period * NS_PER_S)

    @property
    def sustain_ns(self) -> int:
        """How long an objective must hold before service counts as back."""
        return round(self.sustain * NS_PER_S)

    @property
    def deadline_ns(self) -> int:
        """How long after the fault service may come back."""
        return round(self.deadline * NS_PER_S)


def plan_of(blocks: Blocks) -> Plan:
    """The plan of an experiment's blocks."""
    names = recorders(blocks.slis)
    slis = tuple(
        SliPlan(
            name=sli.name,
            source=sli.source,
            recorder=names[number],
            match=sli.match,
            **_goodness(sli.good),
            **{name: getattr(sli.about, name) for name in JUDGED_BY},
            objective=str(sli.objective),
            window=sli.window,
            period=sli.period_s(blocks),
            lag=sli.lag_s(blocks),
        )
        for number, sli in enumerate(blocks.slis)
    )
    goal = blocks.objectives or Objectives.model_validate({})
    is_watched = bool(slis or blocks.load or blocks.ledger)
    return Plan(
        slis=slis,
        service=blocks.service.model_dump() if blocks.service else None,
        rto=goal.rto,
        rpo=goal.rpo,
        rto_from=goal.rto_from,
        sustain=goal.sustain,
        deadline=goal.recovery_deadline_s,
        baseline=goal.baseline if is_watched else 0.0,
        after_check=goal.after_check if is_watched else 0.0,
        users=blocks.load.users if blocks.load else 0,
        spawn_rate=blocks.load.spawn_rate if blocks.load else None,
        warm_up=blocks.load.warm_up if blocks.load else None,
        processes=blocks.load.processes if blocks.load else 1,
        write_period=1 / blocks.ledger.rate if blocks.ledger else None,
    )


def _goodness(good: GoodLatency | GoodValue | None) -> dict[str, Any]:
    if isinstance(good, GoodValue):
        return {"good": None, "comparison": good.comparison, "limit": good.limit}
    return {"good": good and good.seconds, "limit_is_good": good is not None and good.is_included}
