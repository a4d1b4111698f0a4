"""What gameday adds to a Chaos Toolkit experiment, as types. The JSON Schema is made from these.

Keys are written with hyphens (`spawn-rate`); durations are seconds once read, rates are per second.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

from gameday.experiment.blocks import Block, Dsn, Duration, HttpUrl, Name, Rate, RedisUrl, text_schema
from gameday.experiment.drtest import DrTest
from gameday.experiment.rules import Guardrails
from gameday.units import Share, duration_s, shown

FAULT, FAILOVER, FAILBACK = "fault", "failover", "failback"
ROLES = (FAULT, FAILOVER, FAILBACK)
EXPECT_INSTEAD = {
    "http": "write a status such as expect: 200, or expect: any",
    "tcp": "write expect: banner, or leave it out",
    "sql": "leave it out: the query must succeed",
}
LONGEST_SLUG = 60
LONGEST_CONDITION = 1000  # characters
MOST_SLIS = 100
ENVIRONMENT = re.compile(r"\w(?:[\w .:/-]*\w)?")
GOOD_LATENCY = re.compile(r"latency\s*(<=|<)\s*(\S+)")


def _objective(value: object) -> Share:
    try:
        return Share.parse(value)
    except ValueError:
        raise ValueError(
            f"{shown(value)} is not an objective; write a share of good samples such as 99.9%, with 8 digits "
            "after the point at most"
        ) from None


Objective = Annotated[
    Share,
    BeforeValidator(lambda value: value if isinstance(value, Share) else _objective(value)),
    PlainSerializer(str),
    text_schema(r"\d+(?:\.\d+)?%", "99.9%"),
]


@dataclass(frozen=True, slots=True)
class GoodLatency:
    """How long a good answer may take. is_included: whether one that takes just as long is good."""

    seconds: float
    is_included: bool

    def __str__(self) -> str:
        return f"latency {'<=' if self.is_included else '<'} {self.seconds:g}s"


def _good(value: object) -> GoodLatency:
    match = GOOD_LATENCY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{shown(value)} does not say what is good; write for example latency < 300ms")
    return GoodLatency(duration_s(match[2]), match[1] == "<=")


Good = Annotated[
    GoodLatency,
    BeforeValidator(lambda value: value if isinstance(value, GoodLatency) else _good(value)),
    PlainSerializer(str),
    text_schema(r"latency\s*<=?\s*\S+", "latency < 300ms"),
]


def _host_and_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError(f"{shown(value)} is not a host and port; write for example db.example:5432")
    return value


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


class Probe(Block):
    """One open-loop probe, by exactly one of `http`, `tcp` or `sql`."""

    http: HttpUrl | None = Field(None, description="A web address to GET.")
    tcp: Annotated[str, AfterValidator(_host_and_port)] | None = Field(
        None, description="host:port to connect to."
    )
    sql: Dsn | None = Field(None, description="A PostgreSQL DSN to connect to.")
    query: str = Field("SELECT 1", description="What `sql` runs.")
    every: Duration = Field(0.02, ge=0.001, description="The period; each probe is sent on schedule.")
    timeout: Duration = Field(1.0, gt=0, description="When a probe without an answer has failed.")
    connections: Literal["fresh", "reuse"] = Field(
        "fresh",
        description="A new connection a probe, or kept ones but for one probe in ten; "
        "a kept dead one can hide a recovery.",
    )
    expect: Annotated[int, Field(ge=100, le=599)] | Literal["any", "banner"] | None = Field(
        None,
        description="For `http` the only good status, or `any` below 500; below 400 by default. "
        "For `tcp` a `banner`: the server must say something first.",
    )
    headers: dict[str, str] = Field(default_factory=dict, description="Headers of an `http` probe.")

    @model_validator(mode="after")
    def _one_kind(self) -> Probe:
        _exactly_one(self, "http", "tcp", "sql")
        return self

    @model_validator(mode="after")
    def _expects_what_it_can_see(self) -> Probe:
        kind = next(kind for kind in EXPECT_INSTEAD if getattr(self, kind) is not None)
        fits = {
            "http": self.expect != "banner",
            "tcp": self.expect in (None, "banner"),
            "sql": self.expect is None,
        }
        if not fits[kind]:
            raise ValueError(f"expect: {self.expect} does not go with {kind}; {EXPECT_INSTEAD[kind]}")
        return self


class Sli(Block):
    """What a customer sees, as good and bad samples with an objective."""

    name: Name = Field(min_length=1)
    source: Literal["load", "probe", "ledger"] = Field(description="Who makes the samples.")
    match: str | None = Field(None, description="Only this request of the load, such as `POST /orders`.")
    good: Good | None = Field(None, description="What else a good sample needs, such as `latency < 300ms`.")
    objective: Objective = Field(description="The share of good samples in each window.")
    window: Duration = Field(5.0, gt=0, description="The trailing window in which the objective must hold.")
    probe: Probe | None = Field(None, description="What to probe, for `source: probe`.")

    @model_validator(mode="after")
    def _probe_with_source(self) -> Sli:
        if self.source == "probe" and self.probe is None:
            raise ValueError(
                "source: probe needs a probe; write for example probe: {http: https://…, every: 20ms}"
            )
        if self.source != "probe" and self.probe is not None:
            raise ValueError(f"a probe needs source: probe, not source: {self.source}")
        if self.match is not None and self.source != "load":
            raise ValueError("match chooses among the requests of source: load")
        return self

    @property
    def tolerated_s(self) -> float:
        """The longest total outage that misses no window: what the objective bears."""
        return float(1 - self.objective.fraction) * self.window

    @property
    def unseen_s(self) -> float:
        """The longest outage, a freeze, that may miss no window of a probe.

        It is answered in the end, and only what waited longer than the limit was bad.
        """
        if self.probe is None:
            return self.tolerated_s
        limit_s = self.probe.timeout if self.good is None else min(self.good.seconds, self.probe.timeout)
        return round(limit_s + self.probe.every + self.tolerated_s, 9)  # nanoseconds: no float's last digit


def recorders(slis: Sequence[Sli]) -> list[str]:
    """The name of each SLI's recorder, and of its files. Numbered: two names may look alike as file names."""
    return [
        f"probe-{number}-{slug(sli.name)}" if sli.source == "probe" else sli.source
        for number, sli in enumerate(slis, 1)
    ]


class Workers(Block):
    """Locust workers on other hosts, which join gameday's master."""

    expect: int = Field(ge=1, description="How many workers to wait for.")
    bind: Annotated[str, AfterValidator(_host_and_port)] = Field(
        "127.0.0.1:5557", description="Where the master listens for them."
    )
    within: Duration = Field(60.0, description="How long to wait for them.")


class Load(Block):
    """The load, made by Locust from an unchanged locustfile."""

    locustfile: str = Field(min_length=1, description="Path, relative to the experiment file.")
    host: HttpUrl = Field(description="The base address of the service.")
    users: int = Field(1, ge=1)
    spawn_rate: float = Field(1.0, gt=0, allow_inf_nan=False, description="Users started per second.")
    warm_up: Duration = Field(0.0, description="How long to run before the baseline is watched.")
    processes: int = Field(1, ge=1, le=256, description="Local Locust processes.")
    workers: Workers | None = Field(None, description="Locust workers on other hosts.")
    user_classes: list[str] = Field(
        default_factory=list, description="Which users of the locustfile; all by default."
    )

    @model_validator(mode="after")
    def _local_or_remote(self) -> Load:
        if self.workers is not None and self.processes > 1:
            raise ValueError("processes are local, workers are remote: write one of them")
        return self


class HttpLedger(Block):
    """A ledger over HTTP: a POST that writes and a GET that reads one write back."""

    url: HttpUrl = Field(description="Where to POST.")
    body: dict[str, Any] = Field(
        default_factory=lambda: {"id": "{key}", "payload": "{payload}"},
        description="The JSON to POST; {key} and {payload} are filled in.",
    )
    get: str | None = Field(None, description="Where to read a write back; default `<url>/{key}`.")
    headers: dict[str, str] = Field(default_factory=dict)


HttpStore = Annotated[
    HttpLedger,
    BeforeValidator(
        lambda value: {"url": value} if isinstance(value, str) else value,
        json_schema_input_type=str | HttpLedger,
    ),
]


class Ledger(Block):
    """Writes that the system acknowledges, made on schedule and read back afterwards; exactly one store."""

    http: HttpStore | None = Field(None, description="A web address to POST to, or url, body, get.")
    postgresql: Dsn | None = Field(
        None, description="A PostgreSQL DSN; writes go to the table `gameday_ledger`."
    )
    redis: RedisUrl | None = Field(None, description="A Redis URL; writes are keys under `gameday:`.")
    store: str | None = Field(None, description="The name of a store that a plug-in offers (gameday.stores).")
    options: dict[str, Any] = Field(default_factory=dict, description="What the plug-in's store takes.")
    rate: Rate = Field(50.0, le=2000, description="Writes per second, on schedule.")
    timeout: Duration = Field(2.0, gt=0, description="When a write without an answer is unknown.")

    @model_validator(mode="after")
    def _one_store(self) -> Ledger:
        _exactly_one(self, "http", "postgresql", "redis", "store")
        return self


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


def slug(text: str) -> str:
    """A name as a file name: `Order latency!` is `order-latency`, and one without Latin letters is `x`."""
    return re.sub(r"[^a-z0-9]+", "-", PurePath(text).as_posix().lower()).strip("-")[:LONGEST_SLUG] or "x"


def _exactly_one(block: Block, *names: str) -> None:
    given = [name for name in names if getattr(block, name) is not None]
    if len(given) != 1:
        choices = ", ".join(names[:-1]) + f" or {names[-1]}"
        raise ValueError(
            f"write exactly one of {choices}" + (f", not {' and '.join(given)}" if given else "")
        )
