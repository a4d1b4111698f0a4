"""The `@fault` protocol: yield the undo, then break it, then prove that it broke."""

from __future__ import annotations

import dis
import functools
import inspect
import itertools
import logging
import os
from collections.abc import Callable, Generator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ParamSpec

from gameday.errors import FaultError
from gameday.faults import context
from gameday.faults.terms import WITHIN_S, Terms
from gameday.faults.undolog import UndoLog

logger = logging.getLogger("chaostoolkit")
current_step: ContextVar[str] = ContextVar("current_step", default="")
most_targets: ContextVar[int | None] = ContextVar("most_targets", default=None)

P = ParamSpec("P")


class Undo:
    """How to put back what a fault is about to break: a module-level function and plain arguments.

    `verify` is a module-level function that takes the same arguments and returns True once the state
    is as it was. Both must be idempotent: an undo may be played twice. `target` names what is about to be
    broken, for `gameday plan`.

    What takes its time says so. within_s: how long one attempt may take, verification included. poll_s: how
    often `verify` is asked until it holds; without it, once. settles: whether other undos may begin while
    `verify` is polled. needs: environment variables by name, and files by absolute paths, that it must have
    when it is played: what they say is kept in the log, but for secrets. An undo that is told to come back
    later raises `Throttled` of `gameday.faults.throttled`. Raises FaultError on terms that nobody could keep.
    """

    def __init__(
        self,
        func: Callable[..., Any],
        /,
        *,
        target: str = "",
        verify: Callable[..., bool] | None = None,
        within_s: float = WITHIN_S,
        poll_s: float | None = None,
        settles: bool = False,
        needs: Sequence[str] = (),
        **arguments: Any,
    ) -> None:
        self.func = func
        self.target = target
        self.verify = verify
        self.terms = Terms.agreed(within_s, poll_s, needs, settles=settles)
        if poll_s is not None and verify is None:
            raise FaultError("an undo cannot be played so: poll_s says how often to verify, and nothing does")
        self.arguments = arguments

    def as_call(self) -> dict[str, Any]:
        """The undo as data, replayable from the log alone."""
        return {
            "module": self.func.__module__,
            "func": self.func.__qualname__,
            "verify": self.verify.__qualname__ if self.verify else None,
            "arguments": self.arguments,
            **self.terms.as_data(),
            **context.found(self.terms.needs, os.environ),
        }


def nothing_to_undo() -> None:
    """The undo of an action that leaves nothing behind to put back."""


def nothing(target: str = "") -> Undo:
    """Yielded by an action that leaves nothing behind: it owes nothing and stands in no log."""
    return Undo(nothing_to_undo, target=target)


@dataclass(frozen=True, slots=True)
class Landed:
    """Whether a fault did what it says, and how that is known."""

    landed: bool
    proof: str


def landed(has_landed: bool, proof: str) -> Landed:
    """What a fault returns: whether it landed and the evidence that says so."""
    return Landed(has_landed, proof)


Body = Callable[P, Generator[Undo, None, Landed]]


def fault(body: Body[P]) -> Callable[P, dict[str, Any]]:
    """Turn a generator that yields its undo, acts and returns `landed(…)` into a Chaos Toolkit action.

    The undo is on disk before the body goes on past its `yield`. A body that raises after the yield
    still owes its undo. Before its first yield a body only looks: `preview` goes as far as that. The
    action's output is `{"fault", "landed", "proof"}`.
    """

    @functools.wraps(body)
    def action(*args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        log = UndoLog.of_this_run()
        owed: list[str] = []
        steps = body(*args, **kwargs)
        try:
            for number in itertools.count(1):
                undo = next(steps)
                _refuse_more(body.__name__, number)
                owed += _record(log, body.__name__, undo)
        except StopIteration as end:
            result = end.value
        finally:
            steps.close()
        if not isinstance(result, Landed):
            raise FaultError(f"fault '{body.__name__}' ended without saying whether it landed")
        if log is not None and result.landed:
            for identity in owed:
                log.note(identity, "landed", result.proof)
        return {"fault": body.__name__, "landed": result.landed, "proof": result.proof}

    # functools.wraps copies the generator's annotation; the action returns a dictionary
    action.__annotations__ = {**body.__annotations__, "return": dict[str, Any]}
    action.is_fault = True  # type: ignore[attr-defined]
    return action


def is_fault(function: Any) -> bool:
    """Whether a function was made by `@fault`."""
    return bool(getattr(function, "is_fault", False))


def hits_one(action: Callable[..., Any]) -> bool:
    """Whether a fault yields one undo and no more: it has one `yield`, and that in no loop."""
    code = getattr(inspect.unwrap(action), "__code__", None)
    if code is None:
        return False
    steps = list(dis.get_instructions(code))
    yields = [step.offset for step in steps if step.opname == "YIELD_VALUE"]
    back = [(step.argval, step.offset) for step in steps if "JUMP_BACKWARD" in step.opname]
    return len(yields) == 1 and not any(start <= yields[0] <= end for start, end in back)


def preview(action: Callable[..., Any], arguments: dict[str, Any]) -> Undo:
    """What a fault would owe if it were called now. Nothing is touched: its body stops at its first yield.

    Raises FaultError when the fault could not act.
    """
    steps = inspect.unwrap(action)(**arguments)
    try:
        found = next(steps, None)
    finally:
        steps.close()
    if not isinstance(found, Undo):
        raise FaultError(f"fault '{action.__name__}' yields no undo")
    return found


def _refuse_more(fault_name: str, number: int) -> None:
    """Raise FaultError before a fault breaks more than its limit: it breaks what it yielded for only now."""
    most = most_targets.get()
    if most is not None and number > most:
        raise FaultError(f"fault '{fault_name}' would break more than {most}; say how many in its targets:")


def _record(log: UndoLog | None, fault_name: str, undo: Undo) -> list[str]:
    if undo.func is nothing_to_undo:
        return []
    if log is None:
        logger.warning("Outside `gameday run` nothing remembers how to undo '%s'", fault_name)
        return []
    return [log.owe(current_step.get(), fault_name, undo.as_call())]
