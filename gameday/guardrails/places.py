"""The places that an address names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gameday import hosts
from gameday.guardrails.values import Values
from gameday.places import Place


def of_hosts(names: Iterable[str]) -> tuple[Place, ...]:
    """Hosts that are read already."""
    return tuple(map(hosts.place, names))


def of_url(provider: dict[str, Any], values: Values) -> tuple[Place, ...]:
    """Where an HTTP call goes, once its host is known. Raises Unclear."""
    written = provider.get("url")
    try:
        return of_hosts([hosts.of_url(str(values.filled_in(written)))])
    except hosts.Unclear as error:
        raise hosts.Unclear(values.comes_later(written) or str(error)) from None
