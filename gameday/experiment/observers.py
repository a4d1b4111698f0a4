"""What asks the service while a run lasts, as types: an SLI's probe, the load, the ledger, a Prometheus."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gameday.experiment.blocks import Block, Dsn, Duration, HttpUrl, Rate, RedisUrl, exactly_one
from gameday.experiment.holds import Holds
from gameday.experiment.tls import Tls
from gameday.units import shown

OF_HTTP = ("method", "body", "holds", "tls")
WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")
EXPECT_INSTEAD = {
    "http": "write a status such as expect: 200, or expect: any",
    "tcp": "write expect: banner, or leave it out",
    "sql": "leave it out: the query must succeed",
}


def _host_and_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError(f"{shown(value)} is not a host and port; write for example db.example:5432")
    return value


class Probe(Block):
    """One open-loop probe, by exactly one of `http`, `tcp` or `sql`."""

    http: HttpUrl | None = Field(None, description="A web address to ask.")
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
    method: Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] = Field(
        "GET", description="The method of an `http` probe."
    )
    headers: dict[str, str] = Field(default_factory=dict, description="Headers of an `http` probe.")
    body: str | dict[str, Any] | list[Any] | None = Field(
        None, description="What an `http` probe sends: a text as it is, anything else as JSON."
    )
    holds: Holds | None = Field(None, description="What the answer to an `http` probe must hold.")
    tls: Tls | None = Field(None, description="The client certificate of an `http` probe, and a CA.")

    @model_validator(mode="after")
    def _one_kind(self) -> Probe:
        exactly_one(self, "http", "tcp", "sql")
        return self

    @model_validator(mode="after")
    def _only_http_has_them(self) -> Probe:
        for key in OF_HTTP if self.http is None else ():
            if key in self.model_fields_set and getattr(self, key) is not None:
                raise ValueError(f"{key} goes with http")
        if self.body is not None and self.method not in WITH_BODY:
            raise ValueError(f"a body goes with method: {', '.join(WITH_BODY)}, not {self.method}")
        if self.holds is not None and self.method == "HEAD":
            raise ValueError("the answer to HEAD has nothing in it; use method: GET")
        return self

    @property
    def writes(self) -> bool:
        """Whether each probe may change something."""
        return self.method in WITH_BODY

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

    @property
    def period_s(self) -> float | None:
        """None: it is a closed loop."""
        return None

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
        exactly_one(self, "http", "postgresql", "redis", "store")
        return self

    @property
    def period_s(self) -> float:
        """The period of its writes."""
        return 1 / self.rate


class Prometheus(Block):
    """A Prometheus, or what speaks its API: where SLIs of `source: prometheus` ask."""

    url: HttpUrl = Field(description="Its base address.")
    headers: dict[str, str] = Field(default_factory=dict)
    tls: Tls | None = Field(None, description="The client certificate, and whom to believe.")
    every: Duration = Field(2.0, ge=0.1, description="How often each query is asked.")
    timeout: Duration = Field(5.0, gt=0, description="When a query without an answer gives nothing.")
    stale_after: Duration = Field(
        120.0, ge=0.1, description="How old a value may be; keep it above two scrape intervals."
    )

    @property
    def period_s(self) -> float:
        """The period of its queries."""
        return self.every
