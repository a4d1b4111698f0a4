"""The service of the simulation, the faults that break it, and their undos, as the undo log names them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from gameday import clock
from gameday.faults.protocol import Landed, Undo, fault, landed

WELL = "well"


@dataclass
class Service:
    """Parts that can be broken; it is up while all are well, or once it has failed over.

    stubborn: what the next attempts to undo something on a part come to: `raises`, `hangs`, `lies` (says that
    it is undone, and does nothing), `dies`, `dies after`; then it can be undone. acts: what was done to it.
    """

    parts: dict[str, str] = field(default_factory=dict)
    has_failed_over: bool = False
    ups: list[tuple[int, bool]] = field(default_factory=list)
    stubborn: dict[str, list[str]] = field(default_factory=dict)
    acts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    watch: Callable[[str, dict[str, Any]], None] = lambda what, arguments: None
    takes: Callable[[str, float], None] = lambda what, seconds: None
    die: Callable[[], None] = lambda: None

    def was_up(self, at_ns: int) -> bool:
        """Whether it was up at a moment."""
        return next((is_up for since_ns, is_up in reversed(self.ups) if since_ns <= at_ns), True)

    def look(self) -> None:
        """Something has changed."""
        self.ups.append((clock.now_ns(), self.has_failed_over or not self.broken))

    @property
    def broken(self) -> dict[str, str]:
        return {part: state for part, state in self.parts.items() if state != WELL}

    def state(self, part: str) -> str:
        return self.parts.get(part, WELL)

    def become(self, what: str, part: str, state: str, before: str) -> None:
        """A part is as somebody wants it."""
        arguments = {"part": part, "before": before}
        self.watch(what, arguments)
        self.acts.append((what, arguments))
        self.parts[part] = state
        self.look()


here = Service()


@fault
def break_part(part: str, state: str, takes_s: float = 0.0) -> Generator[Undo, None, Landed]:
    """A part is in another state, after a while."""
    before = here.state(part)
    yield Undo(put_back, verify=is_back, part=part, before=before)
    here.takes(f"break {part}", takes_s / 2)
    here.become("break", part, state, before)
    here.takes(f"broke {part}", takes_s / 2)
    return landed(here.state(part) == state, f"{part} is {state}")


def break_undeclared(part: str, state: str) -> None:
    """The same by an action of somebody else, whose undo the experiment declares."""
    here.become("break", part, state, WELL)


def put_back(part: str, before: str) -> str:
    """Undo: a part is as it was before."""
    how = here.stubborn[part].pop(0) if here.stubborn.get(part) else "works"
    here.takes(f"undo {part}", 40.0 if how == "hangs" else 0.05)
    if how == "raises":
        raise OSError(f"{part} is stuck")
    if how == "raises oddly":
        raise OSError(f"{part} is stuck at \ud800")
    if how == "dies":
        here.die()
    if how != "lies":
        here.become("undo", part, before, before)
    if how == "dies after":
        here.die()
    here.takes(f"undid {part}", 0.01)
    return f"{part} is {before}"


def is_back(part: str, before: str) -> bool:
    """Whether a part is as it was."""
    return here.state(part) == before


def fail_over() -> None:
    """Another one serves now."""
    here.has_failed_over = True
    here.look()


def fail_back() -> None:
    """The old one serves again."""
    here.has_failed_over = False
    here.look()


def do_nothing() -> None:
    """An action that changes nothing."""


def raise_oddly() -> None:
    """An action that fails with half a character."""
    raise OSError("no file \udcff")


def hang() -> None:
    """An action that does not end for as long as anybody would wait."""
    here.takes("hang", 3_000.0)
