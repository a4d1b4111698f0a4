"""The gate: whether a call may go where it leads, at the moment of the call, when all of that is known.

What was checked before the run may have been incomplete: `${base}` of a probe's output was unknown, and a
redirect is known by nobody. So every activity passes here, with its values filled in.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gameday import hosts
from gameday.errors import FaultError
from gameday.experiment.calls import Call, of_activity
from gameday.faults.protocol import most_targets
from gameday.files import write_atomically
from gameday.guardrails import finders, places
from gameday.guardrails.finders import Asked
from gameday.guardrails.values import Values
from gameday.places import Place, places_in

LIMITS = "limits.json"
_here = threading.local()


def must_pass(activity: dict[str, Any], configuration: Any, secrets: Any) -> None:
    """Raise Outside when an activity, its undo or its tolerance leads where the guardrails do not allow.

    From now on the HTTP calls of this thread are stopped at a redirect that does, until its next activity.
    """
    _here.is_watched = False
    most_targets.set(_most(activity))
    if not hosts.scopes():
        return
    from gameday.scopes import Scope, all_allow  # with pydantic, which no other run waits for

    scopes = [Scope.model_validate(scope) for scope in hosts.scopes()]
    values = Values(dict(configuration or {}), dict(secrets or {}))
    for call in of_activity(activity):
        for place in _places(call, values):
            if not all_allow(scopes, [place]):
                raise hosts.Outside(f"guardrails.targets: {place} is not among the allowed targets")
    _here.is_watched = _is_http(activity)
    hosts.watch_requests(lambda: getattr(_here, "is_watched", False))


def _places(call: Call, values: Values) -> Iterator[Place]:
    try:
        if _is_http(call.activity):
            yield from places.of_url(call.provider, values)
        elif finder := finders.of_provider(call.provider):
            function = finders.function_of(call.provider)
            yield from places_in(finder.where(Asked.of(function, call.provider, values)))
    except (hosts.Unclear, FaultError) as error:
        why = f"nobody can tell where '{call.step}' leads: {error}"
        raise hosts.Outside(f"guardrails.targets: {why}") from None


def _is_http(activity: dict[str, Any]) -> bool:
    return (activity.get("provider") or {}).get("type") == "http"


def _most(activity: dict[str, Any]) -> int | None:
    """How many targets it may break: what the plan saw, or what it declares, if that is more."""
    planned = hosts.most()
    if planned is None:
        return None
    declared: int = (activity.get("targets") or {}).get("count", 1)
    return max(declared, planned.get(str(activity.get("name", "")), 0))


def keep(folder: Path) -> None:
    """Keep what this process was told where a recovery looks; a disk that takes no more keeps nothing."""
    if text := hosts.told():
        with contextlib.suppress(OSError):
            write_atomically(folder / LIMITS, text)


def recall(folder: Path) -> None:
    """Tell this process and its children what was kept there."""
    try:
        hosts.tell((folder / LIMITS).read_text())
    except (OSError, ValueError):
        hosts.limit(())
