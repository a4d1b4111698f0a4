"""What gameday reads in the activities: role, runbook, undo, and the arguments of its own faults."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from gameday.experiment import toolkit
from gameday.experiment.complaints import complaint
from gameday.experiment.model import ROLES
from gameday.experiment.positions import Path
from gameday.experiment.rules import Targets
from gameday.experiment.spelling import did_you_mean, nearest

ADDED_KEYS = ("role", "runbook", "undo", "targets")
CHAOS_TOOLKIT_KEYS = (
    "type name provider tolerance pauses background timeout "
    "configuration secrets controls ref dry contributions description"
).split()
OWN_MODULE = re.compile(r"gameday\.(?:asking|(?:faults|lab)(?:\.[a-z]{1,30})?)")
LISTS: tuple[Path, ...] = (("steady-state-hypothesis", "probes"), ("method",), ("rollbacks",))


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something wrong in an activity: the path of the key or value, and what is wrong."""

    path: Path
    message: str
    on_key: bool = False


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


def troubles(document: dict[str, Any]) -> Iterator[Trouble]:
    """What is wrong with gameday's keys in the activities, and with calls of gameday's own functions."""
    # those that Chaos Toolkit finds; a reference to a reference leads nowhere
    known = {
        str(activity["name"])
        for path, activity in walk(document)
        if path[0] != "rollbacks" and _is_whole(activity)
    }
    for path, activity in walk(document):
        yield from _keys(path, activity)
        ref = activity.get("ref")
        if ref is not None and ref not in known:
            meant = did_you_mean(ref, known, "name an activity of the method or the hypothesis")
            yield Trouble((*path, "ref"), f"there is no activity '{ref}' to refer to{meant}")
        undo = activity.get("undo")
        if undo is not None:
            if not isinstance(undo, dict) or "provider" not in undo:
                yield Trouble((*path, "undo"), "undo is an activity; write for example undo: {provider: …}")
            else:
                for found in toolkit.misshapen_activity(undo, (*path, "undo")):
                    yield Trouble(found.path, found.message, found.on_key)
                yield from _provider((*path, "undo"), undo)
        yield from _provider(path, activity)
        yield from _targets(path, activity)


def _is_whole(activity: dict[str, Any]) -> bool:
    """Whether it is an activity itself, and one that can be named."""
    return bool(activity.get("name")) and activity.get("ref") is None


def _targets(path: Path, activity: dict[str, Any]) -> Iterator[Trouble]:
    if "targets" not in activity:
        return
    try:
        Targets.model_validate(activity["targets"])
    except ValidationError as invalid:
        for found in (complaint(error, (*path, "targets")) for error in invalid.errors()):
            yield Trouble(found.path, found.message, found.on_key)


def _keys(path: Path, activity: dict[str, Any]) -> Iterator[Trouble]:
    for key in activity:
        if key not in CHAOS_TOOLKIT_KEYS and key not in ADDED_KEYS and (near := nearest(key, ADDED_KEYS)):
            yield Trouble((*path, key), f"unknown key '{key}'; did you mean '{near}'?", on_key=True)
    role = activity.get("role")
    if role is not None and role not in ROLES:
        meant = did_you_mean(str(role), ROLES, f"write one of {', '.join(ROLES)}")
        yield Trouble((*path, "role"), f"unknown role '{role}'{meant}")


def _provider(path: Path, activity: dict[str, Any]) -> Iterator[Trouble]:
    """A call of one of gameday's own functions can be checked before anything runs."""
    provider = activity.get("provider")
    if not isinstance(provider, dict) or not str(provider.get("module")).startswith("gameday."):
        return
    module_name = str(provider["module"])
    path = (*path, "provider")
    try:
        # what else gameday is made of has no activities, and some of it changes who imports it
        if not OWN_MODULE.fullmatch(module_name):
            raise ImportError(module_name)
        module = importlib.import_module(module_name)
    except ImportError:
        yield Trouble((*path, "module"), f"there is no module '{module_name}'")
        return
    offered = getattr(module, "__all__", [])
    name = str(provider.get("func"))
    if name not in offered:
        word = "fault" if ".faults." in module_name else "function"
        meant = did_you_mean(name, offered, f"{module_name} offers {', '.join(offered)}")
        yield Trouble((*path, "func"), f"unknown {word} '{name}'{meant}")
        return
    yield from _arguments(
        path, name, inspect.signature(getattr(module, name)), provider.get("arguments") or {}
    )


def _arguments(path: Path, func: str, signature: inspect.Signature, given: Any) -> Iterator[Trouble]:
    if not isinstance(given, dict):
        return
    known = [name for name in signature.parameters if name not in ("configuration", "secrets")]
    for name in given:
        if name not in known:
            meant = did_you_mean(name, known, f"it takes {', '.join(known)}")
            yield Trouble((*path, "arguments", name), f"'{func}' takes no '{name}'{meant}", on_key=True)
    for name in known:
        if signature.parameters[name].default is inspect.Parameter.empty and name not in given:
            yield Trouble((*path, "arguments"), f"'{func}' needs the argument '{name}'")
