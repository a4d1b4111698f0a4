"""Whether a place is among those that may be touched."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from gameday import hosts
from gameday.experiment.rules import Scope
from gameday.guardrails.touch import HOST, KUBERNETES
from gameday.places import Place


def allows(scope: Scope, place: Place) -> bool:
    """Whether a place is among those that may be touched."""
    if place.kind == HOST:
        return hosts.is_among(place.name, scope.hosts)
    if place.kind == KUBERNETES:
        return any(
            fnmatch.fnmatchcase(place.name, allowed.context)
            and any(fnmatch.fnmatchcase(place.part, pattern) for pattern in allowed.namespaces)
            for allowed in scope.kubernetes
        )
    return any(
        place.name == allowed.account
        and any(fnmatch.fnmatchcase(place.part, region) for region in allowed.regions)
        for allowed in scope.aws
    )


def all_allowed(scopes: Iterable[Scope], places: Iterable[Place]) -> bool:
    """Whether every scope allows every place; of no place nobody knows that."""
    places = tuple(places)
    scopes = tuple(scopes)
    return not scopes or (bool(places) and all(allows(scope, place) for scope in scopes for place in places))
