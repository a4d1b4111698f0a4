"""What people say about a disaster-recovery test for its record: scope, participants, assumptions."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from gameday.experiment.blocks import Block

TestType = Literal[
    "walkthrough", "tabletop", "component", "simulation", "parallel", "failover", "full-interruption"
]


class Participant(Block):
    """Somebody who took part."""

    name: str = Field(min_length=1)
    role: str = Field(min_length=1, description="Such as incident commander, operator, observer.")


class DrPlan(Block):
    """The recovery plan that is exercised."""

    name: str = Field(min_length=1)
    version: str | None = Field(None, coerce_numbers_to_str=True)
    url: str | None = Field(None, description="Where it can be read.")


class DrTest(Block):
    """What auditors ask for and no instrument measures; optional, and the report says what is missing."""

    id: str | None = Field(None, description="The test's number in your own register.")
    type: TestType | None = Field(None, description="The kind of test.")
    plan: DrPlan | None = Field(None, description="The recovery plan that is exercised.")
    scope: list[str] = Field(default_factory=list, description="What is tested.")
    exclusions: list[str] = Field(default_factory=list, description="What is not, and why.")
    scenario: str | None = Field(None, description="The disaster that is played.")
    assumptions: list[str] = Field(default_factory=list, description="What is taken for granted.")
    success_criteria: list[str] = Field(
        default_factory=list, description="What must hold besides the measured objectives."
    )
    participants: list[Participant] = Field(
        default_factory=list, description="Who takes part, in which role."
    )
    next_due: date | None = Field(None, description="When this must be tested again.")
