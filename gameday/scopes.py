"""How places are written: what may be touched, in a rule, and what is, in an activity's `targets:`.

A kind of place has a key, and an entry that knows which places it means; one that has no key of its own, such
as a plug-in's, is written under `places`. Nobody else knows the kinds.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gameday import hosts
from gameday.places import Place

KUBERNETES, AWS = "kubernetes", "aws"
OF_A_KEY = {hosts.KIND: "hosts", KUBERNETES: "kubernetes", AWS: "aws"}


class Written(BaseModel):
    """A block of the file: unknown keys are errors, keys are hyphenated."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-")
    )


class KubernetesScope(Written):
    """Where in Kubernetes. Patterns such as `orders-*` are allowed."""

    context: str = Field(description="The kubeconfig's context.")
    namespaces: list[str] = Field(min_length=1, description="Its namespaces; `*` for what has none.")

    def places(self) -> Iterator[Place]:
        """Every place that it names."""
        return (Place(KUBERNETES, self.context, namespace) for namespace in self.namespaces)


class AwsScope(Written):
    """Where in AWS."""

    account: Annotated[str, BeforeValidator(str)] = Field(pattern=r"^\d{12}$", description="The account.")
    regions: list[str] = Field(min_length=1, description="Its regions.")

    def places(self) -> Iterator[Place]:
        """Every place that it names."""
        return (Place(AWS, self.account, region) for region in self.regions)


class PlaceScope(Written):
    """Where in a system that has no key of its own here. Patterns such as `orders-*` are allowed."""

    kind: str = Field(min_length=1, description="Its kind, as whoever finds it says.")
    name: str = Field(min_length=1, description="Its name.")
    parts: list[str] = Field([""], min_length=1, description="Its parts; without them what has none.")

    @model_validator(mode="after")
    def _has_no_key(self) -> Self:
        if key := OF_A_KEY.get(self.kind):
            raise ValueError(f"a place of kind {self.kind} is written under {key}")
        return self

    def places(self) -> Iterator[Place]:
        """Every place that it names."""
        return (Place(self.kind, self.name, part) for part in self.parts)


class Scope(Written):
    """What may be touched, or is; whatever is not listed is not."""

    hosts: list[str] = Field(
        default_factory=list, description="Names, patterns such as `db-*`, addresses, networks; `localhost`."
    )
    kubernetes: list[KubernetesScope] = Field(default_factory=list)
    aws: list[AwsScope] = Field(default_factory=list)
    places: list[PlaceScope] = Field(default_factory=list, description="Of every other kind.")

    def allows(self, place: Place) -> bool:
        """Whether a place is among those that are listed."""
        if place.kind == hosts.KIND:
            return _is_a_host_among(place.name, self.hosts)
        return any(_means(pattern, place) for pattern in self._with_patterns())

    def as_json(self) -> dict[str, Any]:
        """Plain data, for a pipe."""
        return self.model_dump(mode="json", by_alias=True)

    def named(self) -> tuple[Place, ...]:
        """Every place that is listed, by its name. Raises Unclear."""
        return (*map(hosts.place, self.hosts), *self._with_patterns())

    def _with_patterns(self) -> Iterator[Place]:
        entries: list[KubernetesScope | AwsScope | PlaceScope]
        entries = [*self.kubernetes, *self.aws, *self.places]
        return (place for entry in entries for place in entry.places())


def _is_a_host_among(name: str, patterns: Iterable[str]) -> bool:
    try:
        return hosts.is_among(hosts.of_name(name), patterns)
    except hosts.Unclear:
        return False


def _means(pattern: Place, place: Place) -> bool:
    return (
        pattern.kind == place.kind
        and fnmatch.fnmatchcase(place.name, pattern.name)
        and fnmatch.fnmatchcase(place.part, pattern.part)
    )


def all_allow(scopes: Iterable[Scope], places: Iterable[Place]) -> bool:
    """Whether every scope allows every place; of no place nobody knows that."""
    places = tuple(places)
    scopes = tuple(scopes)
    return not scopes or (bool(places) and all(scope.allows(place) for scope in scopes for place in places))
