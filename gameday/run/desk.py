"""What the steps of a run have asked and nobody has answered yet; the runner keeps it, and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from gameday import clean, clock
from gameday.asking import Ask
from gameday.events import Event
from gameday.run.timeline import Timeline
from gameday.units import spoken

MOST_OPEN, MOST_ASKS = 50, 500


class Asking(Protocol):
    """Who asks, and hears the answer: an engine."""

    def send(self, order: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class Open:
    """An ask without an answer, and until when it has one to come (clock of this boot)."""

    ask: Ask
    asking: Asking
    until_ns: int


class Desk:
    """The open asks of a run, by id."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.open: dict[str, Open] = {}
        self.count = 0

    def asked(self, asking: Asking, message: dict[str, Any]) -> None:
        """Take in what a step asks; one that cannot be asked is answered so at once.

        message: `id`, `what`, `choices`, `within_s`, `step`, as the engine tells them, and `t_ns`.
        """
        try:
            ask = Ask(
                str(message["id"]),
                clean.line(message["what"]),
                tuple(clean.line(choice) for choice in message["choices"]),
                float(message["within_s"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            refuse(asking, message, f"it cannot be asked: {error}")
            return
        self.count += 1
        if len(self.open) >= MOST_OPEN or self.count > MOST_ASKS or ask.id in self.open:
            refuse(asking, message, f"too much is asked: {MOST_OPEN} at once and {MOST_ASKS} a run at most")
            return
        at_ns = int(message["t_ns"])
        self.open[ask.id] = Open(ask, asking, at_ns + round(ask.within_s * clock.NS_PER_S))
        told = {"id": ask.id, "what": ask.what, "choices": list(ask.choices), "within_s": ask.within_s}
        self.timeline.add(Event.ASKED, t_ns=at_ns, step=str(message.get("step") or ""), **told)

    def why_not(self, identity: str | None, text: str) -> str | None:
        """Why this is no answer to an open ask; None when it is one."""
        found = self.open.get(str(identity))
        if found is None:
            return f"nothing is asked with the id '{identity}', or no longer"
        choices = found.ask.choices
        if choices and text not in choices:
            return f"'{text}' is no answer to '{found.ask.what}'; one of: {', '.join(choices)}"
        return None

    def answer(self, identity: str, text: str, by: str) -> None:
        """Hand an answer over to whoever asked."""
        self.open.pop(identity).asking.send({"ask": identity, "answer": text, "by": by})

    def expire(self, now_ns: int) -> None:
        """Close what nobody has answered in time."""
        for found in [each for each in self.open.values() if now_ns > each.until_ns]:
            self._close(found, f"nobody has answered within {spoken(found.ask.within_s)}")

    def clear(self, reason: str) -> None:
        """Close all that is open: whoever asked is about to end."""
        for found in list(self.open.values()):
            self._close(found, reason)

    def _close(self, found: Open, reason: str) -> None:
        del self.open[found.ask.id]
        self.timeline.add(Event.ASK_EXPIRED, id=found.ask.id, what=found.ask.what, reason=reason)
        found.asking.send({"ask": found.ask.id, "why": reason})


def refuse(asking: Asking, message: dict[str, Any], reason: str) -> None:
    """Let an ask fail at once."""
    asking.send({"ask": str(message.get("id")), "why": reason})
