"""Find what a fault that aims would hit: it says where it acts, and runs as far as its aim."""

from __future__ import annotations

from gameday import hosts
from gameday.errors import FaultError
from gameday.faults.protocol import asked_for, command_of, places_of, preview
from gameday.guardrails.finders import Asked
from gameday.places import Aim, Place


def where(asked: Asked) -> tuple[Place, ...]:
    """Where it says that it acts. Raises Unclear while an argument that decides that is not known."""
    deciding = {name: asked.written[name] for name in asked_for(asked.function) if name in asked.written}
    if why := asked.values.comes_later(deciding):
        raise hosts.Unclear(why)
    return places_of(asked.function, asked.arguments)


def aim(asked: Asked, where: tuple[Place, ...]) -> Aim:
    """What it yields first."""
    found = preview(asked.function, asked.arguments)
    if not isinstance(found, Aim):
        raise FaultError(f"fault '{asked.function.__name__}' does not aim first")
    return found


def runs(asked: Asked) -> str:
    """The command that its undo would run."""
    return command_of(asked.function, asked.arguments)
