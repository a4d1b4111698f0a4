"""Finders: what a call would hit, found without touching it.

A finder knows the functions of some modules. It says where a call acts, and is asked what is there only once
that place may be asked at all. Those of gameday lie here; a package registers its own, a module or an object
with `where` and `aim`, under the entry point group `gameday.finders`, named by the module that it knows.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, cast

from gameday.errors import GamedayError
from gameday.faults.protocol import aims, is_fault
from gameday.guardrails.values import Values
from gameday.places import Aim, Place

GROUP = "gameday.finders"
OWN = {
    "chaosk8s": "gameday.guardrails.finders.kubernetes",
    "chaosaws": "gameday.guardrails.finders.aws",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of a Python function, about which a finder is asked.

    arguments: filled in; what is not known yet is still `${name}`. secrets: those that the call asks for, as
    Chaos Toolkit hands them over. written: the arguments as they stand in the file.
    """

    function: Callable[..., Any]
    arguments: dict[str, Any] = field(repr=False)
    configuration: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, Any] = field(default_factory=dict, repr=False)
    written: dict[str, Any] = field(default_factory=dict)
    values: Values = field(default_factory=lambda: Values({}))

    @classmethod
    def of(cls, function: Callable[..., Any], provider: dict[str, Any], values: Values) -> Asked:
        """The call that a provider describes."""
        written = provider.get("arguments") or {}
        groups = [values.secrets.get(name) for name in provider.get("secrets") or []]
        secrets = {
            name: value for group in groups if isinstance(group, dict) for name, value in group.items()
        }
        return cls(function, values.filled_in(written), values.configuration, secrets, written, values)


class Finder(Protocol):
    """What knows the functions of some modules. Whatever it raises means that nothing is known."""

    def where(self, asked: Asked) -> Place | tuple[Place, ...]:
        """Where a call acts, without asking whoever is there."""

    def aim(self, asked: Asked, where: tuple[Place, ...]) -> Aim:
        """What a call would hit there. Asked only where that may be asked; nothing is changed."""


def of_function(function: Callable[..., Any]) -> Finder | None:
    """The finder of a fault, or of another function of gameday; None for functions of others."""
    if aims(function):
        return _module("gameday.guardrails.finders.faults")
    if is_fault(function) or str(getattr(function, "__module__", "")).startswith("gameday."):
        return _module("gameday.guardrails.finders.unaimed")
    return None


def of_provider(provider: dict[str, Any]) -> Finder | None:
    """The finder of what a provider calls, if it is a fault or a function of gameday."""
    if provider.get("type") != "python":
        return None
    try:
        return of_function(function_of(provider))
    except Exception:  # noqa: BLE001 - whatever its import does, the call will say it
        return None


def function_of(provider: dict[str, Any]) -> Callable[..., Any]:
    """The function that a Python provider calls. Raises ImportError or AttributeError."""
    module = importlib.import_module(str(provider.get("module")))
    function: Callable[..., Any] = getattr(module, str(provider.get("func")))
    return function


def of_module(module: str) -> Finder | None:
    """The finder that knows a module, by the longest name that it begins with; None when there is none.

    Raises GamedayError when two know it alike.
    """
    parts = module.split(".")
    registered = entry_points(group=GROUP)
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in OWN:
            return _module(OWN[name])
        found = {point.value: point for point in registered.select(name=name)}
        if len(found) > 1:
            raise GamedayError(f"two finders know {name}: {' and '.join(sorted(found))}; uninstall one")
        if found:
            return _Registered(*found.values())
    return None


class _Registered:
    """A finder of a package, loaded when it is asked: a module that hangs on its import is its own fault."""

    def __init__(self, point: EntryPoint) -> None:
        self.point = point

    def where(self, asked: Asked) -> Place | tuple[Place, ...]:
        return self.point.load().where(asked)  # type: ignore[no-any-return]

    def aim(self, asked: Asked, where: tuple[Place, ...]) -> Aim:
        return self.point.load().aim(asked, where)  # type: ignore[no-any-return]


def _module(name: str) -> Finder:
    return cast(Finder, importlib.import_module(name))
