"""Play the rollbacks of a run whose engine is gone, in an engine of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gameday import clock, redact
from gameday.evidence.pack import Pack
from gameday.run.crew import engine_environment, remember
from gameday.run.launch import Launch

WITHIN_S = 3600.0
TICK_S = 0.1

Hear = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Rollbacks:
    """What an engine needs to play a run's rollbacks: the experiment, its variables, the strategy."""

    document: dict[str, Any]
    variables: tuple[str, ...] = ()
    strategy: str | None = None

    def play(self, pack: Pack, launch: Launch, hear: Hear, tick: Callable[[], None] = lambda: None) -> None:
        """Play them; the journal that the old engine left is taken up. What happens goes to `hear`."""
        orders = {
            "experiment": self.document,
            "variables": list(self.variables),
            "rollbacks": self.strategy,
            "journal": str(pack.journal),
            "left_journal": str(pack.journal),
            "secrets": redact.known(),
        }
        engine = launch.engine(orders, pack.logs / "engine.log", engine_environment(pack))
        with contextlib.suppress(OSError):
            remember(pack, "engine", engine.pid)
        end_ns = clock.now_ns() + round(WITHIN_S * clock.NS_PER_S)
        is_open = True
        while is_open and clock.now_ns() < end_ns:
            launch.wait_for_words([engine], TICK_S)
            is_open = engine.is_alive
            for message in engine.messages():
                event = message.pop("event")
                if event == "waiting":
                    engine.send("go on")
                else:
                    hear("engine-ended" if event == "ended" else event, message)
            tick()
        engine.kill()
