"""The record: the machine-readable result of a run. Its JSON Schema is `record.schema.json` beside this file.

Times are RFC 3339 in UTC, durations are seconds. `null` means not known or not applicable, never zero.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

import gameday
from gameday.errors import GamedayError
from gameday.measure.rules import FIRST, RULES

Verdict = Literal["passed", "failed", "inconclusive", "halted", "aborted"]
Moment = str
VERSION = 3
SEALED_SINCE = 2  # packs of earlier versions of the record have no seal


class Part(BaseModel):
    """A part of the record."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class ExperimentPart(Part):
    """The file that was run, and the commit that it is of; `git_modified` when it was changed since.

    `redacted`: the copy in the pack lacks secrets, so that only the file itself has this digest.
    """

    title: str
    path: str
    sha256: str
    version: str | None = None
    git_commit: str | None = None
    git_modified: bool | None = None
    redacted: bool = False


class ServicePart(Part):
    """The service under test."""

    name: str
    tier: int | None = None
    owner: str | None = None


class ParticipantPart(Part):
    """Somebody who took part."""

    name: str
    role: str


class DrPlanPart(Part):
    """The recovery plan that was exercised."""

    name: str
    version: str | None = None
    url: str | None = None


class ApprovalPart(Part):
    """Somebody's agreement to the file, before the run."""

    by: str
    at: Moment


class TestPart(Part):
    """What people say about the test: null and empty for what nobody said."""

    id: str | None = None
    type: str | None = None
    environment: str | None = None
    authors: list[str] = Field(default_factory=list)
    plan: DrPlanPart | None = None
    scope: list[str] = Field(default_factory=list)
    exclusions: list[str] = Field(default_factory=list)
    scenario: str | None = None
    assumptions: list[str] = Field(default_factory=list)
    success_criteria: list[str] = Field(default_factory=list)
    participants: list[ParticipantPart] = Field(default_factory=list)
    next_due: str | None = None


class RtoPart(Part):
    """Time without service. `seconds` is null when no impact was seen or service did not come back.

    `low` and `high` hold the truth; `met` compares `high`. `starts` gives the figure from each possible
    start: `[seconds, low, high]`. `longest_good_latency` is the one assumption: a live service answers
    within it.
    """

    seconds: float | None
    low: float | None
    high: float | None
    objective: float | None
    met: bool | None
    from_: Literal["impact", "inject", "declare"] = Field("impact", alias="from")
    impact_seen: bool
    recovered: bool
    deadline: float | None = None
    starts: dict[str, tuple[float, float, float]] = Field(default_factory=dict)
    probe_period: float | None = None
    longest_good_latency: float | None = None


class RpoPart(Part):
    """Acknowledged data lost. Counts are of ledger writes."""

    seconds: float | None
    objective: float | None
    met: bool | None
    acknowledged: int
    survived: int
    lost: int
    unknown: int
    unknown_survived: int
    refused: int
    phantom: int
    corrupt: int
    duplicated: int
    split_brain: int
    not_read: int
    lost_writes: list[str] = Field(default_factory=list)
    lost_writes_omitted: int = 0
    write_period: float | None = None


class OutagePart(Part):
    """One outage of one SLI; `end` is null when it lasted to the end of the run.

    `began` and `ended` are the earliest and the latest moment that each can have been.
    """

    start: Moment
    end: Moment | None
    began: tuple[Moment, Moment]
    ended: tuple[Moment, Moment] | None
    seconds: float | None
    low: float | None
    high: float | None
    bad: int
    total: int
    phase: str | None = None


class BudgetPart(Part):
    """What the drill cost of the SLI's 30-day error budget."""

    bad_minutes: float
    budget_minutes: float
    percent: float | None


class SliPart(Part):
    """One SLI: the share of good samples before, during and after, and its outages."""

    name: str
    source: str
    objective: str
    samples: int
    before: float | None
    during: float | None
    after: float | None
    outages: list[OutagePart]
    budget: BudgetPart | None = None


class StepPart(Part):
    """One activity that was played."""

    name: str
    kind: str
    phase: str
    role: str | None = None
    runbook: str | None = None
    started: Moment
    ended: Moment | None
    seconds: float | None
    status: str
    landed: bool | None = None
    proof: str | None = None
    where: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    error: str | None = None


class SaidPart(Part):
    """What somebody said during the run: when it was said, and when the run heard it.

    `asked`: the question that it answers.
    """

    what: str
    by: str
    text: str = ""
    asked: str | None = None
    said: Moment
    heard: Moment


class AlarmPart(Part):
    """An alarm during the run: when it was received and heard; `starts_at` is its own, by another clock."""

    name: str
    status: str
    received: Moment
    heard: Moment
    starts_at: str = ""
    fingerprint: str = ""
    summary: str = ""
    labels: dict[str, str] = Field(default_factory=dict)


class UndoPart(Part):
    """One undo that a fault owed."""

    fault: str
    step: str
    state: str
    verified: bool
    detail: str = ""


class PhasePart(Part):
    """One phase of the run."""

    name: str
    started: Moment
    ended: Moment | None
    seconds: float | None


class LatencyPart(Part):
    """Latency of one request in one phase, in milliseconds."""

    source: str
    phase: str
    series: str
    count: int
    bad: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


class LoadPart(Part):
    """The load that Locust made."""

    users: int
    requests: int
    failures: int
    requests_per_second: float | None = None
    processes: int = 1
    spawn_rate: float | None = None
    warm_up: float | None = None
    clock_uncertainty: float = 0.0


class RecorderPart(Part):
    """One recorder: how many samples it took and its longest silence, in seconds.

    `unexplained_skips`: samples that were due and that it did not send, though nothing was failing.
    """

    name: str
    samples: int
    longest_gap: float | None
    period: float | None = None
    unexplained_skips: int = 0


class Record(Part):
    """The result of a run."""

    schema_: Literal["gameday/record/1", "gameday/record/2", "gameday/record/3"] = Field(
        "gameday/record/3", alias="schema"
    )
    run_id: str
    rules: int = Field(FIRST, description="The number of the rules by which it was measured.")
    started: Moment
    ended: Moment
    experiment: ExperimentPart
    service: ServicePart | None = None
    test: TestPart = Field(default_factory=TestPart)
    guardrails: list[str] = Field(default_factory=list, description="What allowed the run.")
    approvals: list[ApprovalPart] = Field(default_factory=list)
    verdict: Verdict
    reasons: list[str]
    rto: RtoPart | None = None
    rpo: RpoPart | None = None
    moments: dict[str, Moment | None]
    response: dict[str, tuple[float, float, float]] = Field(
        default_factory=dict,
        description="Seconds from the impact until it was noticed, acknowledged, declared, mitigated: "
        "[seconds, low, high].",
    )
    said: list[SaidPart] = Field(default_factory=list)
    alarms: list[AlarmPart] = Field(default_factory=list)
    phases: list[PhasePart]
    slis: list[SliPart]
    latency: list[LatencyPart]
    steps: list[StepPart]
    undo: list[UndoPart]
    deviations: list[str] = Field(default_factory=list, description="What did not go as planned.")
    load: LoadPart | None = None
    recorders: list[RecorderPart]
    chaos_toolkit: dict[str, Any] = Field(description="Chaos Toolkit's own status and deviated flag.")
    clock: dict[str, Any] = Field(description="How the run clock was tied to UTC, and the drift between.")
    environment: dict[str, Any]
    files: dict[str, str] = Field(default_factory=dict, description="SHA-256 of the pack's data files.")

    def as_json(self) -> str:
        """The record as it stands in the pack."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"


def refuse_newer(record: Any, where: Path) -> None:
    """Raise GamedayError when a record was made by a later gameday than this one can judge."""
    if not isinstance(record, dict):
        return
    number = record.get("rules")
    rules = number if isinstance(number, int) else FIRST
    if version_of(record) > VERSION or rules > RULES:
        environment = record.get("environment")
        made_by = environment.get("gameday") if isinstance(environment, dict) else None
        raise GamedayError(
            f"this gameday {gameday.__version__} is too old for {where}: gameday {made_by or '?'} made it "
            f"(record {version_of(record)}, rules {rules}); update gameday"
        )


def version_of(record: dict[str, Any]) -> int:
    """The version of a record's format; 0 when it has none."""
    number = str(record.get("schema", "")).rpartition("/")[2]
    return int(number) if number.isdecimal() else 0


def schema() -> dict[str, Any]:
    """The JSON Schema of the record."""
    made = Record.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
