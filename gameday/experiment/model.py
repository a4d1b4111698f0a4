"""What gameday adds to a Chaos Toolkit experiment, as types. The JSON Schema is made from these.

Keys are written with hyphens (`spawn-rate`); durations are seconds once read, rates are per second.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from gameday.experiment.blocks import Block, Duration, Name
from gameday.experiment.drtest import DrTest
from gameday.experiment.observers import Ledger, Load, Prometheus
from gameday.experiment.rules import Guardrails
from gameday.experiment.sli import Sli
from gameday.units import Share, shown

FAULT, FAILOVER, FAILBACK = "fault", "failover", "failback"
ROLES = (FAULT, FAILOVER, FAILBACK)
LONGEST_CONDITION = 1000  # characters
MOST_SLIS = 100
ENVIRONMENT = re.compile(r"\w(?:[\w .:/-]*\w)?")


class Service(Block):
    """The service under test."""

    name: Name = Field(min_length=1, description="The service's name, as in your catalogue.")
    tier: int | None = Field(None, ge=0, le=9, description="Its tier; 0 is the most critical.")
    owner: str | None = Field(None, description="The team that answers for it.")


class Objectives(Block):
    """What the drill must show."""

    rto: Duration | None = Field(None, description="Longest time without service.")
    rpo: Duration | None = Field(None, description="Longest span of acknowledged writes that may be lost.")
    rto_from: Literal["impact", "inject", "declare"] = Field(
        "impact",
        description="What starts the RTO clock: the first bad request, the fault, or the declaration.",
    )
    sustain: Duration = Field(
        10.0, description="How long the objective must hold before service counts as back."
    )
    deadline: Duration | None = Field(
        None, description="How long to wait for recovery. Default: 3 × rto, or 5m."
    )
    baseline: Duration = Field(5.0, description="How long to watch the steady state before the method.")
    after_check: Duration = Field(5.0, description="How long to watch after everything is put back.")

    @property
    def recovery_deadline_s(self) -> float:
        """Seconds to wait for recovery after the method."""
        if self.deadline is not None:
            return self.deadline
        return max(3 * self.rto, self.sustain) if self.rto else 300.0


HALT = re.compile(r"(?P<sli>.+?)\s*(?P<comparison><=|<)\s*(?P<share>[\d.]+%)")


def _when(value: str) -> str:
    match = HALT.fullmatch(value.strip()) if len(value) <= LONGEST_CONDITION else None
    if match is None:
        raise ValueError(f"{shown(value)} is not a condition; write for example availability < 20%")
    Share.parse(match["share"])
    return value.strip()


def _environment(value: str) -> str:
    if not ENVIRONMENT.fullmatch(value) or not value.isprintable():
        raise ValueError(f"{value!r} is no name of an environment; write for example staging")
    return value


class HaltCondition(Block):
    """Stop the run when an SLI falls too low for too long."""

    when: Annotated[str, AfterValidator(_when)] = Field(
        description="An SLI and a share: `availability < 20%`."
    )
    for_: Duration = Field(0.0, alias="for", description="How long it must hold before the run stops.")

    @property
    def sli(self) -> str:
        """The SLI that is judged."""
        return self._parts()["sli"]

    def is_breached(self, share: Fraction) -> bool:
        """Whether a good share of the last window breaches the condition."""
        parts = self._parts()
        limit = Share.parse(parts["share"]).fraction
        return share <= limit if parts["comparison"] == "<=" else share < limit

    def _parts(self) -> dict[str, str]:
        match = HALT.fullmatch(self.when)
        return match.groupdict() if match else {}


Authors = Annotated[
    list[Name],
    BeforeValidator(
        lambda value: [value] if isinstance(value, str) else value, json_schema_input_type=str | list[str]
    ),
]


class Blocks(BaseModel):
    """Every block that gameday adds at the top level. Other keys belong to Chaos Toolkit."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    service: Service | None = None
    objectives: Objectives | None = None
    slis: list[Sli] = Field(default_factory=list, max_length=MOST_SLIS)
    load: Load | None = None
    ledger: Ledger | None = None
    prometheus: Prometheus | None = None
    halt: list[HaltCondition] = Field(
        default_factory=list, max_length=MOST_SLIS, description="When to stop by itself."
    )
    max_duration: Duration | None = Field(
        None,
        alias="max-duration",
        description="The longest that a run may last. Default: 1h and what the file itself waits for.",
    )
    environment: Annotated[str, AfterValidator(_environment)] | None = Field(
        None, min_length=1, description="Where it runs, such as staging; production when left out."
    )
    author: Authors = Field(
        default_factory=list, description="Who wrote the experiment; the author's approval does not count."
    )
    dr_test: DrTest | None = Field(
        None, alias="dr-test", description="What the DR test record says besides the measurements."
    )
    guardrails: Guardrails | None = Field(None, description="What must hold before anything is touched.")
