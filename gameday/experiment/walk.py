"""The activities of an experiment, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]

LISTS: tuple[Path, ...] = (("steady-state-hypothesis", "probes"), ("method",), ("rollbacks",))


def walk(document: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every activity of the experiment with its path."""
    for path in LISTS:
        block: Any = document
        for part in path:
            block = block.get(part) if isinstance(block, dict) else None
        for index, activity in enumerate(block if isinstance(block, list) else ()):
            if isinstance(activity, dict):
                yield (*path, index), activity


def with_role(document: dict[str, Any], *roles: str) -> list[dict[str, Any]]:
    """The activities of the method and the rollbacks that have one of these roles, in order."""
    return [activity for _, activity in walk(document) if activity.get("role") in roles]


def modules_of_gameday(document: dict[str, Any]) -> set[str]:
    """The modules of gameday that the experiment's activities call."""
    providers = [activity.get("provider") or {} for _, activity in walk(document)]
    modules = {str(provider.get("module", "")) for provider in providers}
    return {module for module in modules if module.startswith("gameday.")}
