"""The service of the simulation, the faults that break it, and their undos, as the undo log names them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from gameday import clock
from gameday.faults.protocol import Landed, Undo, fault, landed
from gameday.faults.throttled import Throttled

WELL = "well"


@dataclass
class Service:
    """Parts that can be broken; it is up while all are well, or once it has failed over.

    stubborn: what the next attempts to undo something on a part come to: `raises`, `hangs`, `lies` (says that
    it is undone, and does nothing), `dies`, `dies after`, `throttled`; then it can be undone. acts: what was
    done to it. homing: the parts that are on their way back, when each is there, and how it is then.
    """

    parts: dict[str, str] = field(default_factory=dict)
    has_failed_over: bool = False
    ups: list[tuple[int, bool]] = field(default_factory=list)
    stubborn: dict[str, list[str]] = field(default_factory=dict)
    acts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    homing: dict[str, tuple[int, str]] = field(default_factory=dict)
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
        found = {part: self.state(part) for part in self.parts}
        return {part: state for part, state in found.items() if state != WELL}

    def state(self, part: str) -> str:
        there_ns, then = self.homing.get(part, (0, ""))
        if then and clock.now_ns() >= there_ns:
            del self.homing[part]
            self.parts[part] = then
            self.look()
        return self.parts.get(part, WELL)

    def become(self, what: str, part: str, state: str, before: str) -> None:
        """A part is as somebody wants it."""
        arguments = {"part": part, "before": before}
        self.watch(what, arguments)
        self.acts.append((what, arguments))
        self.homing.pop(part, None)
        self.parts[part] = state
        self.look()

    def goes_home(self, part: str, before: str, takes_s: float) -> None:
        """A part is on its way back to how it was."""
        arguments = {"part": part, "before": before}
        self.watch("undo", arguments)
        self.acts.append(("undo", arguments))
        self.homing[part] = (clock.now_ns() + round(takes_s * clock.NS_PER_S), before)


here = Service()
HOME_WITHIN_S = 2.0


@fault
def break_part(part: str, state: str, takes_s: float = 0.0) -> Generator[Undo, None, Landed]:
    """A part is in another state, after a while."""
    before = here.state(part)
    yield Undo(put_back, verify=is_back, part=part, before=before)
    here.takes(f"break {part}", takes_s / 2)
    here.become("break", part, state, before)
    here.takes(f"broke {part}", takes_s / 2)
    return landed(here.state(part) == state, f"{part} is {state}")


@fault
def fail_part_over(part: str, settles: bool) -> Generator[Undo, None, Landed]:
    """A part is elsewhere; it takes its time to come home."""
    before = here.state(part)
    slowly = {"within_s": 2.5 * HOME_WITHIN_S, "poll_s": HOME_WITHIN_S / 8, "settles": settles}
    yield Undo(bring_home, verify=is_back, **slowly, part=part, before=before)
    here.become("break", part, "elsewhere", before)
    return landed(True, f"{part} is elsewhere")


def bring_home(part: str, before: str) -> str:
    """Undo: a part comes home, later."""
    how = here.stubborn[part].pop(0) if here.stubborn.get(part) else "works"
    here.takes(f"undo {part}", 40.0 if how == "hangs" else 0.05)
    if how == "throttled":
        raise Throttled("too many requests")
    if how in ("raises", "raises oddly"):
        raise OSError(f"{part} is stuck")
    if how == "dies":
        here.die()
    if how != "lies":
        here.goes_home(part, before, HOME_WITHIN_S)
    if how == "dies after":
        here.die()
    return f"{part} is on its way"


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
