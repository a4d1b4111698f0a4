"""What gameday reads in the activities: role, runbook, undo, and the arguments of its own faults."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from gameday.experiment import toolkit, undos
from gameday.experiment.complaints import complaint
from gameday.experiment.model import ROLES
from gameday.experiment.positions import Path
from gameday.experiment.rules import Targets
from gameday.experiment.spelling import did_you_mean, nearest
from gameday.experiment.walk import walk

ADDED_KEYS = ("role", "runbook", "undo", "targets")
CHAOS_TOOLKIT_KEYS = (
    "type name provider tolerance pauses background timeout "
    "configuration secrets controls ref dry contributions description"
).split()
# what people write beside the provider by mistake
OF_PROVIDER = ("arguments", "module", "func", "path", "url")
OWN_MODULE = re.compile(r"gameday\.(?:asking|(?:faults|lab)(?:\.[a-z]{1,30})?)")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something wrong in an activity: the path of the key or value, and what is wrong.

    may_be_a_note: in a file without anything of gameday's it stops nothing.
    """

    path: Path
    message: str
    on_key: bool = False
    may_be_a_note: bool = False


def misplaced(document: dict[str, Any]) -> Iterator[Path]:
    """Keys of a provider that stand beside it, where Chaos Toolkit does not read them."""
    for path, activity in walk(document):
        if isinstance(activity.get("provider"), dict):
            yield from ((*path, key) for key in OF_PROVIDER if key in activity)


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
                message = "undo is an activity; write for example undo: {provider: …}"
                yield Trouble((*path, "undo"), message, may_be_a_note=True)
            else:
                yield from _undo((*path, "undo"), undo)
        yield from _provider(path, activity)
        yield from _targets(path, activity)


def _is_whole(activity: dict[str, Any]) -> bool:
    """Whether it is an activity itself, and one that can be named."""
    return bool(activity.get("name")) and activity.get("ref") is None


def _undo(path: Path, undo: dict[str, Any]) -> Iterator[Trouble]:
    for found in toolkit.misshapen_activity(undo, path):
        yield Trouble(found.path, found.message, found.on_key)
    yield from _provider(path, undo)
    for key in undo:
        is_known = key in CHAOS_TOOLKIT_KEYS or key in ADDED_KEYS or key in undos.KEYS
        if not is_known and (near := nearest(key, undos.KEYS)):
            yield Trouble((*path, key), f"unknown key '{key}'; did you mean '{near}'?", on_key=True)
    try:
        verify = undos.terms_of(undo).verify
    except ValidationError as invalid:
        for each in (complaint(error, path) for error in invalid.errors()):
            yield Trouble(each.path, each.message, each.on_key)
        return
    if verify is not None:
        for found in toolkit.misshapen_activity(verify, (*path, "verify")):
            yield Trouble(found.path, found.message, found.on_key)
        yield from _provider((*path, "verify"), verify)


def _targets(path: Path, activity: dict[str, Any]) -> Iterator[Trouble]:
    if "targets" not in activity:
        return
    try:
        Targets.model_validate(activity["targets"])
    except ValidationError as invalid:
        for found in (complaint(error, (*path, "targets")) for error in invalid.errors()):
            yield Trouble(found.path, found.message, found.on_key, may_be_a_note=True)


def _keys(path: Path, activity: dict[str, Any]) -> Iterator[Trouble]:
    for key in activity:
        if key not in (*CHAOS_TOOLKIT_KEYS, *ADDED_KEYS, *OF_PROVIDER) and (near := nearest(key, ADDED_KEYS)):
            message = f"unknown key '{key}'; did you mean '{near}'?"
            yield Trouble((*path, key), message, on_key=True, may_be_a_note=True)
    role = activity.get("role")
    if role is not None and role not in ROLES:
        meant = did_you_mean(str(role), ROLES, f"write one of {', '.join(ROLES)}")
        yield Trouble((*path, "role"), f"unknown role '{role}'{meant}", may_be_a_note=True)


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
