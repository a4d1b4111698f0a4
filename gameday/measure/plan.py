"""What a run is measured against: the resolved objectives and SLIs, as they stand in the pack's plan.json.

Nothing secret is in it: no address, no DSN.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Literal

from gameday.clock import NS_PER_S
from gameday.experiment.model import Blocks, Objectives
from gameday.units import Share


@dataclass(frozen=True, slots=True)
class SliPlan:
    """How one SLI is judged. good: seconds a good answer may take. window, period: seconds."""

    name: str
    source: str
    recorder: str
    match: str | None
    good: float | None
    objective: str
    window: float
    period: float | None

    @property
    def share(self) -> Fraction:
        """The objective, exactly."""
        return Share.parse(self.objective).fraction

    @property
    def good_within_ns(self) -> int | None:
        """How long a good answer may take."""
        return None if self.good is None else round(self.good * NS_PER_S)


@dataclass(frozen=True, slots=True)
class Plan:
    """Objectives and observers of a run; durations in seconds, `None` for what is not asked."""

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

    def as_json(self) -> dict[str, Any]:
        """The plan as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        """The plan of `as_json`; other keys beside it are left alone."""
        known = {name: data[name] for name in cls.__slots__ if name in data}
        return cls(**{**known, "slis": tuple(SliPlan(**sli) for sli in data["slis"])})

    @property
    def is_watched(self) -> bool:
        """Whether anything observes the service."""
        return bool(self.slis) or self.write_period is not None or self.users > 0


def plan_of(blocks: Blocks) -> Plan:
    """The plan of an experiment's blocks."""
    slis = tuple(
        SliPlan(
            name=sli.name,
            source=sli.source,
            recorder=sli.recorder,
            match=sli.match,
            good=sli.good,
            objective=str(sli.objective),
            window=sli.window,
            period=_period(blocks, sli.source, sli.probe.every if sli.probe else None),
        )
        for sli in blocks.slis
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


def _period(blocks: Blocks, source: str, every_s: float | None) -> float | None:
    """The period of an open-loop source; a load has none."""
    if source == "ledger" and blocks.ledger is not None:
        return 1 / blocks.ledger.rate
    return every_s
