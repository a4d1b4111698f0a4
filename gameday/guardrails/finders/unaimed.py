"""Find what a fault that does not aim would hit, or another function of gameday, as well as can be.

Where it acts is read from its arguments by their names: `host`, `dsn`, `url`, and those that end so. A fault
runs as far as its first undo, and how often it yields one is read from its code.
"""

from __future__ import annotations

import dis
import inspect
import shlex
from collections.abc import Callable
from typing import Any

from gameday import hosts
from gameday.errors import FaultError
from gameday.faults.protocol import Undo, is_fault, nothing_to_undo, preview
from gameday.faults.where import on_host
from gameday.guardrails.finders import Asked
from gameday.guardrails.values import Values
from gameday.places import LONGEST_NAME, Aim, Place

Function = Callable[..., Any]


def where(asked: Asked) -> tuple[Place, ...]:
    """The places among its arguments; of gameday's functions that name none, this host. Raises Unclear."""
    found: list[Place] = []
    for key, written in _with_defaults(asked.function, asked.written).items():
        last = key.rpartition("_")[2]
        if written not in (None, "") and last in READ:
            found += _known(written, asked.values, READ[last])
    if not found and asked.function.__module__.startswith("gameday."):
        found = [hosts.place(hosts.LOCALHOST)]
    return tuple(dict.fromkeys(found))


def aim(asked: Asked, where: tuple[Place, ...]) -> Aim:
    """What it owes first, which names what it breaks; of another function, its arguments."""
    shown = str(asked.values.shown(asked.written))[:LONGEST_NAME]
    if not is_fault(asked.function):
        return Aim(where, (shown,))
    first = preview(asked.function, asked.arguments)
    if not isinstance(first, Undo):
        raise FaultError(f"fault '{asked.function.__name__}' yields no undo")
    undo = None if first.func is nothing_to_undo else first.func
    uncounted = "" if hits_one(asked.function) else "it may break more than one"
    return Aim(where, (str(first.target)[:LONGEST_NAME] or shown,), undo=undo, uncounted=uncounted)


def runs(asked: Asked) -> str:
    """The command that it, or its undo, runs: its `restart`."""
    restart = asked.arguments.get("restart")
    return shlex.join(map(str, restart)) if isinstance(restart, list) else str(restart or "")


def hits_one(action: Function) -> bool:
    """Whether a fault yields one undo and no more: it has one `yield`, and that in no loop."""
    code = getattr(inspect.unwrap(action), "__code__", None)
    if code is None:
        return False
    steps = list(dis.get_instructions(code))
    yields = [step.offset for step in steps if step.opname == "YIELD_VALUE"]
    back = [(step.argval, step.offset) for step in steps if "JUMP_BACKWARD" in step.opname]
    return len(yields) == 1 and not any(start <= yields[0] <= end for start, end in back)


def _with_defaults(function: Function, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        given = inspect.signature(function).bind_partial(**arguments)
    except TypeError:  # the call itself will say what is wrong
        return arguments
    given.apply_defaults()
    return dict(given.arguments)


def _known(written: Any, values: Values, read: Callable[[str], list[Place]]) -> list[Place]:
    """What an address says, once it is known. A part that comes later may matter: then it is Unclear."""
    why = values.comes_later(written)
    try:
        said = read(str(values.filled_in(written)))
    except (hosts.Unclear, FaultError) as error:
        raise hosts.Unclear(why or str(error)) from None
    if why and read is not _of_url:
        raise hosts.Unclear(why)
    return said


def _of_url(text: str) -> list[Place]:
    return [hosts.place(hosts.of_url(text))]


READ: dict[str, Callable[[str], list[Place]]] = {
    "host": lambda text: [on_host(text)],
    "dsn": lambda text: [hosts.place(name) for name in hosts.of_dsn(text)],
    "url": _of_url,
}
