"""The shape of what Chaos Toolkit reads: which keys are texts, lists, mappings. Their meaning is its own."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from gameday.experiment.complaints import Complaint, complaint
from gameday.experiment.positions import Path
from gameday.units import LONGEST_S, shown

MOST_ACTIVITIES = 1000


def _pause(value: object) -> object:
    if isinstance(value, str) and value.startswith("${"):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_S:
        raise ValueError(f"{shown(value)} is no pause; write seconds, such as pauses: {{after: 3}}")
    return value


Pause = Annotated[Any, BeforeValidator(_pause)]
Mapping = dict[str, Any]


class Part(BaseModel):
    """A mapping of Chaos Toolkit's: keys that are not known here are extensions'."""

    model_config = ConfigDict(extra="allow", alias_generator=lambda name: name.replace("_", "-"))


class Pauses(Part):
    """Seconds to wait before and after an activity."""

    before: Pause = 0
    after: Pause = 0


class Provider(Part):
    """What an activity calls."""

    type: str | None = None
    module: str | None = None
    func: str | None = None
    path: str | None = None
    url: str | None = None
    method: str | None = None
    headers: Mapping | None = None
    secrets: list[str] | None = None
    arguments: Any = None

    @model_validator(mode="after")
    def _arguments_of_a_function(self) -> Provider:
        if self.type == "python" and not isinstance(self.arguments, dict | None):
            raise ValueError("arguments of a function are a mapping of names to values")
        return self


class Activity(Part):
    """An action or a probe, or a reference to one."""

    type: str | None = None
    name: str | None = None
    ref: str | None = None
    runbook: str | None = None
    provider: Provider | None = None
    pauses: Pauses = Pauses()
    background: bool = False
    controls: list[Mapping] | None = None


class Hypothesis(Part):
    """What must hold before and after."""

    title: str | None = None
    probes: list[Activity] = Field(default_factory=list, max_length=MOST_ACTIVITIES)


class OfRollbacks(Part):
    """When rollbacks are played."""

    strategy: Literal["always", "default", "never", "deviated"] | None = None


class OfHypothesis(Part):
    """When the hypothesis is checked."""

    strategy: (
        Literal[
            "default", "before-method-only", "after-method-only", "during-method-only", "continuously", "skip"
        ]
        | None
    ) = None


class Runtime(Part):
    """Strategies."""

    rollbacks: OfRollbacks | None = None
    hypothesis: OfHypothesis | None = None


class Experiment(Part):
    """The top level."""

    title: str = ""
    description: str = ""
    tags: list[str] | None = None
    contributions: Mapping | None = None
    extensions: list[Mapping] | None = None
    configuration: Mapping = Field(default_factory=dict)
    secrets: Mapping = Field(default_factory=dict)
    controls: list[Mapping] | None = None
    runtime: Runtime | None = None
    steady_state_hypothesis: Hypothesis = Hypothesis()
    method: list[Activity] = Field(default_factory=list, max_length=MOST_ACTIVITIES)
    rollbacks: list[Activity] = Field(default_factory=list, max_length=MOST_ACTIVITIES)


def misshapen(document: Mapping) -> list[Complaint]:
    """What has another shape than Chaos Toolkit needs."""
    return _complaints(Experiment, document, ())


def in_shape(document: Mapping, found: list[Complaint]) -> Mapping:
    """The document without what is misshapen: of an activity its name is left, of all else nothing."""
    activities = {each.path[:2] for each in found if len(each.path) > 1 and isinstance(each.path[1], int)}
    others = {each.path[0] for each in found if each.path and each.path[:2] not in activities}
    whole = {key: value for key, value in document.items() if key not in others}
    for key in {key for key, _ in activities} & {*whole}:
        whole[str(key)] = [
            {"name": str(_get(each, "name"))} if (key, index) in activities else each
            for index, each in enumerate(whole[str(key)])
        ]
    return whole


def _get(value: Any, key: str) -> Any:
    return value.get(key, "") if isinstance(value, dict) else ""


def misshapen_activity(activity: Mapping, path: Path) -> list[Complaint]:
    """The same of an activity that stands at a path of the file."""
    return _complaints(Activity, activity, path)


def _complaints(part: type[Part], value: Mapping, path: Path) -> list[Complaint]:
    try:
        part.model_validate(value)
    except ValidationError as invalid:
        return [complaint(error, path) for error in invalid.errors()]
    return []
