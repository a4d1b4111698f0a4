"""Play the rollbacks of a run whose engine is gone, in an engine of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday import clock, redact
from gameday.errors import InvalidInput
from gameday.events import Event
from gameday.experiment import given
from gameday.experiment.given import Given
from gameday.measure.history import Step, finish, started
from gameday.run.asked import AS_THE_FILE_SAYS, Asked
from gameday.run.custody import About, Custody
from gameday.run.desk import Desk, refuse
from gameday.run.launch import Launch

WITHIN_S = 3600.0
TICK_S = 0.1

Hear = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Rollbacks:
    """What an engine needs to play a run's rollbacks: the experiment, its variables, the strategy.

    asked: Chaos Toolkit's other options. given: what files gave when the run began; None to read them again.
    """

    document: dict[str, Any]
    variables: tuple[str, ...] = ()
    strategy: str | None = None
    asked: Asked = AS_THE_FILE_SAYS
    given: Given | None = None

    @classmethod
    def of(cls, about: About, variables: tuple[str, ...] = ()) -> Rollbacks:
        """Those of a run in custody. variables: instead of those that it was given."""
        asked = Asked.told(about.asked)
        return cls(about.document, variables or about.variables, about.rollbacks, asked)

    def values(self) -> Given:
        """What files give. Without one that is gone the rollbacks are played as well as they can be."""
        if self.given is not None:
            return self.given
        with contextlib.suppress(InvalidInput):
            return given.read(map(Path, self.asked.var_files))
        return Given()

    def play(
        self,
        custody: Custody,
        launch: Launch,
        hear: Hear,
        tick: Callable[[], None] = lambda: None,
        desk: Desk | None = None,
    ) -> tuple[str, ...]:
        """Play them; the journal that the old engine left is taken up. What happens goes to `hear`,
        what a rollback asks to `desk`; without one nobody can be asked.

        Returns those that failed.
        """
        pack = custody.pack
        orders = {
            "experiment": self.document,
            "variables": list(self.variables),
            "rollbacks": self.strategy,
            "asked": self.asked.orders(),
            "given": self.values().orders(),
            "journal": str(pack.journal),
            "left_journal": str(pack.journal),
            "secrets": redact.known(),
        }
        engine = launch.engine(orders, pack.logs / "engine.log", custody.environment())
        with contextlib.suppress(OSError):
            custody.remember("engine", engine.pid)
        steps: list[Step] = []
        has_ended = False
        end_ns = clock.now_ns() + round(WITHIN_S * clock.NS_PER_S)
        is_open = True
        while is_open and clock.now_ns() < end_ns:
            launch.wait_for_words([engine], TICK_S)
            is_open = engine.is_alive
            for message in engine.messages():
                event = message.pop("event")
                has_ended = has_ended or event == "ended"
                if event == Event.STEP_STARTED:
                    steps.append(started(message))
                elif event == Event.STEP_ENDED:
                    finish(steps, message)
                if event == Event.ASKED and desk is not None:
                    desk.asked(engine, message)
                elif event == Event.ASKED:
                    refuse(engine, message, "nobody is asked while a run is recovered")
                elif event == "waiting":
                    engine.send("go on")
                else:
                    hear(Event.ENGINE_ENDED if event == "ended" else event, message)
            tick()
        engine.kill()
        failed = tuple(f"rollback '{step.name}'" for step in steps if step.has_failed)
        return failed if has_ended else (*failed, "the rollbacks, which did not come to their end")
