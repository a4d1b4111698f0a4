"""Everything that an experiment has Chaos Toolkit call: steps, probes, undos, tolerances and controls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gameday.experiment.walk import walk
from gameday.phases import METHOD

PROBES, UNDO, CONTROLS = "probes", "undo", "controls"
Dictionary = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One of them. part: `method`, `rollbacks`, or what it is instead; a probe in the method is a probe.

    step: its name, for people. targets: what the file says that it touches; None when it says nothing.
    """

    part: str
    index: int
    step: str
    activity: Dictionary
    targets: Any = None

    @property
    def provider(self) -> Dictionary:
        """What is called, and how."""
        return _mapping(self.activity.get("provider"))


def calls(document: Dictionary) -> Iterator[Call]:
    """All of them, in the order of the file; a `ref` is what it refers to."""
    yield from _controls(document)
    for key, value in _mapping(document.get("configuration")).items():
        if isinstance(value, dict) and value.get("type") == "probe":
            yield Call(PROBES, 0, str(value.get("name") or key), value, value.get("targets"))
    yield from _controls(_mapping(document.get("steady-state-hypothesis")))
    named = {str(activity.get("name")): activity for _, activity in walk(document)}
    for path, written in walk(document):
        activity = named.get(str(written.get("ref")), written)
        yield from of_activity(activity, str(path[0]), int(path[-1]))
        yield from _controls(activity)


def of_activity(activity: Dictionary, part: str = METHOD, index: int = 0) -> Iterator[Call]:
    """An activity, its undo, what reads that back, and the probe that is its tolerance.

    These touch the same as it does if nothing is said.
    """
    name, targets = str(activity.get("name", "")), activity.get("targets")
    yield Call(PROBES if activity.get("type") != "action" else part, index, name, activity, targets)
    for key, kind in (("undo", UNDO), ("tolerance", PROBES)):
        more = activity.get(key)
        if isinstance(more, dict) and "provider" in more:
            touched = more.get("targets", targets)
            yield Call(kind, index, f"{key} of {name}", more, touched)
            yield from _verify(more, index, name, touched)


def _verify(undo: Dictionary, index: int, name: str, targets: Any) -> Iterator[Call]:
    """The probe that reads an undo back, and the one that is its tolerance."""
    verify = _mapping(undo.get("verify"))
    for key, more in (("verify", verify), ("tolerance", _mapping(verify.get("tolerance")))):
        if "provider" in more:
            asks = {"type": "probe", "name": f"{key} of the undo of {name}", **more}
            yield Call(PROBES, index, str(asks["name"]), asks, more.get("targets", targets))


def _controls(owner: Dictionary) -> Iterator[Call]:
    controls = owner.get("controls")
    for index, control in enumerate(controls if isinstance(controls, list) else ()):
        if isinstance(control, dict) and "provider" in control:
            name = f"control {control.get('name', '')}"
            yield Call(CONTROLS, index, name, control, control.get("targets"))


def _mapping(value: Any) -> Dictionary:
    return value if isinstance(value, dict) else {}
