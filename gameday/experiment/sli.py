"""An SLI as it stands in the file: what a customer sees, as a series of good and bad samples."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticKnownError

from gameday.experiment import sources
from gameday.experiment.blocks import Block, Duration, Name
from gameday.experiment.good import Good, GoodLatency, GoodValue, Objective
from gameday.experiment.observers import Probe

LONGEST_SLUG = 60
# the keys that only some sources take, each as it may be written
EXAMPLES = {
    "probe": "probe: {http: https://…, every: 20ms}",
    "match": "match: POST /orders",
    "query": "query: max(pg_replication_lag_seconds)",
    "every": "every: 1s",
    "timeout": "timeout: 1s",
    "options": "options: {region: eu-west-1}",
}


def _known_source(key: str) -> str:
    try:
        sources.about(key)
    except sources.UnknownSource:
        choices = [f"'{name}'" for name in sources.known()]
        expected = f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise PydanticKnownError("literal_error", {"expected": expected}) from None
    return key


def _who_takes(key: str) -> str:
    """Which sources take a key."""
    takers = [about.key for about in sources.OWN.values() if key in about.takes]
    return f"it goes with source: {' or '.join(takers)}" if takers else "it goes with a plug-in's source"


class Sli(Block):
    """What a customer sees, as good and bad samples with an objective."""

    name: Name = Field(min_length=1)
    source: Annotated[str, AfterValidator(_known_source)] = Field(
        description="Who makes the samples.",
        json_schema_extra={"anyOf": [{"enum": list(sources.OWN)}, {"type": "string"}]},
    )
    match: str | None = Field(None, description="Only this request of the load, such as `POST /orders`.")
    query: str | None = Field(None, min_length=1, max_length=10_000, description="What to ask Prometheus.")
    good: Good | None = Field(
        None, description="What else a good sample needs, such as `latency < 300ms`; of a value `value < 2`."
    )
    objective: Objective = Field(description="The share of good samples in each window.")
    window: Duration = Field(5.0, gt=0, description="The trailing window in which the objective must hold.")
    probe: Probe | None = Field(None, description="What to probe, for `source: probe`.")
    every: Duration | None = Field(None, ge=0.001, description="The period, of a plug-in's source.")
    timeout: Duration = Field(1.0, gt=0, description="When a plug-in's source has not answered.")
    options: dict[str, Any] = Field(default_factory=dict, description="What a plug-in's source takes.")

    @model_validator(mode="after")
    def _has_what_its_source_takes(self) -> Sli:
        about = self.about
        for key in about.needs:
            if key not in self.model_fields_set or getattr(self, key) is None:
                raise ValueError(f"source: {self.source} needs a {key}; write for example {EXAMPLES[key]}")
        for key in EXAMPLES:
            if key in self.model_fields_set and getattr(self, key) is not None and key not in about.takes:
                raise ValueError(f"source: {self.source} takes no {key}; {_who_takes(key)}")
        return self

    @model_validator(mode="after")
    def _judges_what_its_source_gives(self) -> Sli:
        is_value = self.about.judges == "value"
        if is_value and not isinstance(self.good, GoodValue):
            raise ValueError(f"source: {self.source} gives values; say which are good: good: value < 2")
        if not is_value and isinstance(self.good, GoodValue):
            raise ValueError(
                f"source: {self.source} gives no values; write for example good: latency < 300ms"
            )
        return self

    @property
    def about(self) -> sources.About:
        """What its source says of itself."""
        return sources.about(self.source)

    @property
    def tolerated_s(self) -> float:
        """The longest total outage that misses no window: what the objective bears."""
        return float(1 - self.objective.fraction) * self.window

    @property
    def asks_every_s(self) -> float:
        """The period of what asks for this SLI alone; 0 for none."""
        return (self.probe.every if self.probe is not None else self.every) or 0.0

    def period_s(self, blocks: Any) -> float | None:
        """The period of its samples, its own or that of its source's block; None for a closed loop."""
        return self.asks_every_s or getattr(getattr(blocks, self.about.block, None), "period_s", None)

    def lag_s(self, blocks: Any) -> float:
        """How old a value may be when it is read."""
        block = getattr(blocks, self.about.block, None)
        return float(getattr(block, "stale_after", self.about.lag_s))

    @property
    def unseen_s(self) -> float:
        """The longest outage, a freeze, that may miss no window of an SLI that asks on schedule.

        It is answered in the end, and only what waited longer than the limit was bad.
        """
        limit_s = self.probe.timeout if self.probe is not None else self.timeout
        if isinstance(self.good, GoodLatency):
            limit_s = min(self.good.seconds, limit_s)
        return round(limit_s + self.asks_every_s + self.tolerated_s, 9)  # nanoseconds: no float's last digit


def recorders(slis: Sequence[Sli]) -> list[str]:
    """The name of each SLI's recorder, and of its files. Numbered: two names may look alike as file names."""
    return [
        sli.source if sli.about.is_shared else f"{slug(sli.source)}-{number}-{slug(sli.name)}"
        for number, sli in enumerate(slis, 1)
    ]


def by_recorder(slis: Sequence[Sli]) -> dict[str, Sli]:
    """The SLIs by the names of their recorders; of those that share one, the last."""
    return dict(zip(recorders(slis), slis, strict=True))


def slug(text: str) -> str:
    """A name as a file name: `Order latency!` is `order-latency`, and one without Latin letters is `x`."""
    return re.sub(r"[^a-z0-9]+", "-", PurePath(text).as_posix().lower()).strip("-")[:LONGEST_SLUG] or "x"
