"""The `@fault` protocol: say where, aim, yield the undo, then break it, then prove that it broke."""

from __future__ import annotations

import functools
import inspect
import logging
import os
from collections.abc import Callable, Generator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ParamSpec, overload

from gameday.errors import FaultError
from gameday.faults import context
from gameday.faults.undolog import UndoLog
from gameday.hosts import Unclear
from gameday.places import Aim, Place, places_in
from gameday.terms import WITHIN_S, Terms

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


Steps = Generator[Aim | Undo, None, Landed]
Body = Callable[P, Generator[Aim | Undo, None, Landed] | Generator[Undo, None, Landed]]
Action = Callable[P, dict[str, Any]]
Where = Callable[..., Place | tuple[Place, ...]]
Runs = Callable[..., str]


@overload
def fault(body: Body[P], /) -> Action[P]: ...
@overload
def fault(*, where: Where, runs: Runs | None = None) -> Callable[[Body[P]], Action[P]]: ...
def fault(body: Body[P] | None = None, /, *, where: Where | None = None, runs: Runs | None = None) -> Any:
    """Turn a generator that aims, yields its undo, acts and returns `landed(…)` into a Chaos Toolkit action.

    where: a function that says where it acts, from some of the fault's arguments, which it takes by the same
    names, and from nothing else: nothing is asked of a place before it is known that it may be. runs: one
    like it that says which command the undo would run, of which nobody knows what it touches; "" is none.

    With `where`, the body yields an `Aim` first and an `Undo` for each target at the most; up to the first
    `Undo` it only looks, and `gameday plan` goes as far as the `Aim`. Without, it yields `Undo`s alone. The
    body goes on past an `Undo` when that is on disk; one that raises then still owes it. The action's output
    is `{"fault", "landed", "proof"}`, with `where` and `targets` of one that aims.
    """
    if body is None:
        return functools.partial(_action, where=where, runs=runs)
    return _action(body)


def _action(body: Body[P], where: Where | None = None, runs: Runs | None = None) -> Action[P]:
    @functools.wraps(body)
    def action(*args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        log = UndoLog.of_this_run()
        owed: list[str] = []
        aimed: dict[str, Any] = {}
        steps = steps_of(action, *args, **kwargs)
        try:
            while True:
                step = next(steps)
                if isinstance(step, Aim):
                    aimed = {"where": list(map(str, step.places)), "targets": list(step.targets)}
                owed += _record(log, body.__name__, step)
        except StopIteration as end:
            result: Landed = end.value
        finally:
            steps.close()
        if log is not None and result.landed:
            for identity in owed:
                log.note(identity, "landed", result.proof)
        return {"fault": body.__name__, "landed": result.landed, "proof": result.proof, **aimed}

    # functools.wraps copies the generator's annotation; the action returns a dictionary
    action.__annotations__ = {**body.__annotations__, "return": dict[str, Any]}
    action.is_fault = True  # type: ignore[attr-defined]
    action.where = where  # type: ignore[attr-defined]
    action.runs = runs  # type: ignore[attr-defined]
    for function in (where, runs):
        _must_ask_for_arguments_of(action, function)
    return action


def is_fault(function: Any) -> bool:
    """Whether a function was made by `@fault`."""
    return bool(getattr(function, "is_fault", False))


def aims(function: Any) -> bool:
    """Whether a function is a fault that says where it acts, and so aims."""
    return is_fault(function) and getattr(function, "where", None) is not None


def places_of(action: Callable[..., Any], arguments: dict[str, Any]) -> tuple[Place, ...]:
    """Where a fault says that it acts. Raises FaultError when its arguments do not say."""
    return _places(action, _given(action, **arguments))


def command_of(action: Callable[..., Any], arguments: dict[str, Any]) -> str:
    """The command that the undo of a fault would run; empty when it runs none."""
    runs = getattr(action, "runs", None)
    return "" if runs is None else str(runs(**_asked_by(runs, _given(action, **arguments))))


def asked_for(action: Callable[..., Any]) -> list[str]:
    """The names of the arguments that decide where a fault acts."""
    return list(inspect.signature(action.where).parameters)  # type: ignore[attr-defined]


def steps_of(action: Callable[..., Any], *args: Any, **kwargs: Any) -> Steps:
    """What a fault yields, step by step, as long as it keeps its promise; it acts in between.

    Raises FaultError when it does not.
    """
    steps = inspect.unwrap(action)(*args, **kwargs)
    promise = _Promise(action, _given(action, *args, **kwargs))
    try:
        while True:
            step = next(steps)
            promise.must_hold(step)
            yield step
    except StopIteration as end:
        promise.must_have_aimed()
        if not isinstance(end.value, Landed):
            raise FaultError(f"fault '{action.__name__}' ended without saying whether it landed") from None
        return end.value
    finally:
        steps.close()


def preview(action: Callable[..., Any], arguments: dict[str, Any]) -> Aim | Undo:
    """What a fault yields first if it is called now. Nothing is touched: its body stops there.

    Raises FaultError when the fault could not act.
    """
    steps = steps_of(action, **arguments)
    try:
        return next(steps)
    except StopIteration:
        raise FaultError(
            f"fault '{action.__name__}' yields {'no aim' if aims(action) else 'no undo'}"
        ) from None
    finally:
        steps.close()


class _Promise:
    """What a fault may break at the most: what it has aimed at, where it says, and no more than it may."""

    def __init__(self, action: Callable[..., Any], given: dict[str, Any]) -> None:
        self.name = action.__name__
        self.places = _places(action, given) if aims(action) else None
        self.aim: Aim | None = None
        self.undos = 0

    def must_hold(self, step: Any) -> None:
        """Raise FaultError when a step breaks the promise, before anything else is broken."""
        if self.places is not None and self.aim is None:
            self._aim_at(step, self.places)
        elif isinstance(step, Undo):
            self._break_one()
        else:
            why = "a second time" if self.aim else "but does not say where it acts: write @fault(where=…)"
            what = f"aims {why}" if isinstance(step, Aim) else f"yields {step!r:.100}, which is no undo"
            raise FaultError(f"fault '{self.name}' {what}")

    def must_have_aimed(self) -> None:
        """Raise FaultError when it is over and was to aim."""
        if self.places is not None and self.aim is None:
            self._aim_at(None, self.places)

    def _aim_at(self, aim: Any, places: tuple[Place, ...]) -> None:
        if not isinstance(aim, Aim):
            raise FaultError(f"fault '{self.name}' does not aim first: its first yield is an Aim")
        if outside := aim.outside(places):
            raise FaultError(f"fault '{self.name}' aims at {outside}, where it does not say that it acts")
        self.aim = aim
        self._must_be_few(aim.count)

    def _break_one(self) -> None:
        self.undos += 1
        if self.aim is not None and self.undos > self.aim.count:
            most = f"the {self.aim.count} that it aims at"
            raise FaultError(f"fault '{self.name}' would break more than {most}")
        self._must_be_few(self.undos)

    def _must_be_few(self, number: int) -> None:
        most = most_targets.get()
        if most is not None and number > most:
            raise FaultError(
                f"fault '{self.name}' would break more than {most}; say how many in its targets:"
            )


def _places(action: Callable[..., Any], given: dict[str, Any]) -> tuple[Place, ...]:
    where = action.where  # type: ignore[attr-defined]
    try:
        return places_in(where(**_asked_by(where, given)))
    except (FaultError, Unclear) as error:
        raise FaultError(str(error)) from None
    except Exception as error:
        raise FaultError(f"where fault '{action.__name__}' acts is not known: {error}") from error


def _given(action: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """The arguments by name, with their defaults; the call itself says what is wrong with them."""
    try:
        given = inspect.signature(action).bind_partial(*args, **kwargs)
    except TypeError:
        return kwargs
    given.apply_defaults()
    return dict(given.arguments)


def _asked_by(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in inspect.signature(function).parameters if name in given}


def _must_ask_for_arguments_of(action: Callable[..., Any], function: Callable[..., Any] | None) -> None:
    """Raise TypeError at once when a function of the fault's arguments asks for one that it does not take."""
    asked = inspect.signature(function).parameters if function is not None else {}
    for name in asked:
        if name not in inspect.signature(action).parameters:
            raise TypeError(f"fault '{action.__name__}' takes no '{name}', for which its where or runs asks")


def _record(log: UndoLog | None, fault_name: str, step: Any) -> list[str]:
    if not isinstance(step, Undo) or step.func is nothing_to_undo:
        return []
    if log is None:
        logger.warning("Outside `gameday run` nothing remembers how to undo '%s'", fault_name)
        return []
    return [log.owe(current_step.get(), fault_name, step.as_call())]
