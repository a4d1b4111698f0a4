"""Guardrails as types: the block `guardrails` of an experiment, and of an organisation's gameday.toml."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Annotated, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from gameday.experiment.blocks import Block, Duration, HttpUrl, Name, Portion
from gameday.scopes import Scope
from gameday.units import shown

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
DAY_MINUTES = 24 * 60
CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)|24:00")


def _moment(value: object) -> int | datetime:
    """Minutes since midnight, or a date and time; YAML and TOML read some of these by themselves."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= DAY_MINUTES:
        return value  # YAML 1.1 reads 16:00 as 960, its minutes
    if isinstance(value, time):
        return value.hour * 60 + value.minute
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, str) and CLOCK.fullmatch(value):
        hours, minutes = value.split(":")
        return int(hours) * 60 + int(minutes)
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(
            f"{shown(value)} is not a time; write '16:00', 2026-12-20 or 2026-12-20T18:00"
        ) from None


def zoned(moment: datetime, zone: ZoneInfo) -> datetime:
    """The moment, in its own time zone or else in this one."""
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{shown(value)} is not a time zone; write for example Europe/Berlin") from None
    return value


Moment = Annotated[
    int | datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["16:00", "2026-12-20", "2026-12-20T18:00"]}),
]


class Targets(Scope):
    """What an activity touches when gameday cannot find it out."""

    count: int = Field(1, ge=0, description="How many targets it hits.")
    of: int | None = Field(None, ge=1, description="How many of that kind there are.")


class Window(Block):
    """A time in which nothing may run: a daily one, one from one moment to another, or a calendar."""

    from_: Moment | None = Field(None, alias="from", description="'16:00', 2026-12-20 or 2026-12-20T18:00.")
    until: Moment | None = Field(None, description="The end, not included.")
    days: list[Day] = Field(
        list(DAYS), min_length=1, description="Of a daily window, the days on which it begins."
    )
    calendar: str | None = Field(
        None, description="An iCalendar file (.ics), whose events are forbidden; relative to this file."
    )
    zone: Annotated[str, AfterValidator(_zone)] = Field("UTC", description="The time zone, Europe/Berlin.")
    why: str = Field("", description="What it is for; part of the error.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.calendar is None) == (self.from_ is None and self.until is None):
            raise ValueError("write from and until, or a calendar")
        if self.calendar is None and type(self.from_) is not type(self.until):
            raise ValueError("from and until are both times of day ('16:00'), or both dates")
        if isinstance(self.from_, datetime) and isinstance(self.until, datetime):
            zone = ZoneInfo(self.zone)
            if zoned(self.until, zone) <= zoned(self.from_, zone):
                raise ValueError(
                    f"until {self.until} is not after from {self.from_}; nothing would be forbidden"
                )
        return self


class BlastRadius(Block):
    """How much may be hit at most."""

    count: int | None = Field(None, ge=0, description="Targets in all.")
    share: Portion | None = Field(
        None, description="Of the targets that a step finds and chooses from, such as 34%."
    )


class ErrorBudget(Block):
    """How much of the error budget must be left."""

    prometheus: HttpUrl = Field(description="The base address of a Prometheus.")
    query: str = Field(min_length=1, description="Gives the share that is left: 1 is all of it.")
    at_least: Portion = Field(description="What must be left, such as 25%.")
    headers: dict[str, str] = Field(default_factory=dict, description="Such as Authorization.")


class Approvals(Block):
    """Who must have agreed to this very file."""

    count: int = Field(1, ge=1, description="How many people, the author not counted.")
    valid_for: Duration = Field(86_400.0, gt=0, description="How old an approval may be.")
    from_: list[Name] = Field(
        default_factory=list, alias="from", description="Who may approve; everybody by default."
    )


class EvidenceSettings(Block):
    """How an organisation seals its evidence."""

    key: str | None = Field(None, description="The key that signs: a path, or `awskms:KEY`.")
    time_stamp: str | None = Field(None, description="The address of a time-stamp authority.")


class Guardrails(Block):
    """What must hold before anything is touched. Every rule given must hold; a rule left out asks nothing."""

    targets: Scope | None = Field(None, description="All that may be touched.")
    forbidden: list[Window] = Field(default_factory=list, description="When nothing may run.")
    blast_radius: BlastRadius | None = Field(None, description="How much may be hit.")
    error_budget: ErrorBudget | None = Field(None, description="How much error budget must be left.")
    approvals: Approvals | None = Field(None, description="Who must have agreed.")
    outside_production: list[int] = Field(
        default_factory=list, description="Tiers that may only run outside production."
    )
