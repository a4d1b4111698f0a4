"""The crew of a run: the engine, the recorders and the load, each a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gameday import redact
from gameday.events import Event
from gameday.evidence.pack import Pack
from gameday.experiment.load import Experiment
from gameday.files import read_lines
from gameday.observe import load as locust
from gameday.observe import sources
from gameday.processes import start_ticks
from gameday.run.asked import Asked
from gameday.run.children import Child, Engine, Load, Steps
from gameday.run.claim import Shared
from gameday.run.custody import Custody
from gameday.run.launch import Launch
from gameday.run.undo import Undoer
from gameday.samples import LOAD

TICK_S = 0.1

Hear = Callable[[str, dict[str, Any]], None]


class Lost(Exception):
    """A process that must live has ended. `name` says which."""

    def __init__(self, name: str, code: int | None) -> None:
        self.name = name
        self.code = code
        log = "locust" if name == LOAD else name
        how = "a worker was killed" if code is None else f"exit code {code}"
        super().__init__(f"'{name}' ended by itself ({how}); see logs/{log}.log")


@dataclass
class Crew:
    """The processes of a run, and what they have said.

    claim: what the run's claim shares with its processes. engine_waits: what the engine waits for, None while
    it works. ready: the recorders that record. reading_back: those that can read back what they wrote.
    has_read_back: whether the ledger has been read back.
    """

    experiment: Experiment
    custody: Custody
    launch: Launch
    claim: Shared = field(default_factory=dict)
    engine: Child | None = None
    recorders: list[Child] = field(default_factory=list)
    reading_back: list[Child] = field(default_factory=list)
    locust: Load | None = None
    engine_waits: str | None = None
    engine_has_ended: bool = False
    ready: set[str] = field(default_factory=set)
    has_read_back: bool = False

    @property
    def pack(self) -> Pack:
        """The run's folder."""
        return self.custody.pack

    def start_engine(
        self, variables: list[str], rollbacks: str | None, asked: Asked, ahead: Engine | None = None
    ) -> None:
        """Start an engine, or have one go on that was started ahead; it waits for the word to begin."""
        orders = {
            "experiment": self.experiment.document,
            "source": str(self.experiment.path),
            "variables": variables,
            "rollbacks": rollbacks,
            "asked": asked.orders(),
            "given": self.experiment.given.orders(),
            "journal": str(self.pack.journal),
            "secrets": redact.known(),
            "claim": self.claim,
        }
        log, environment = self.pack.logs / "engine.log", self.custody.environment()
        if ahead is None:
            self.engine = self.launch.engine(orders, log, environment)
        else:
            ahead.begin(orders, log, environment)
            self.engine = ahead
        self.custody.remember("engine", self.engine.pid)

    def start_recorders(self) -> None:
        """Start whatever records what the experiment watches, but for the load."""
        about_run = {"folder": str(self.pack.raw), "run": self.pack.run_id, "secrets": redact.known()}
        for recorder in sources.recorders(self.experiment.blocks):
            log = self.pack.logs / f"{recorder.name}.log"
            orders = {**about_run, **recorder.orders}
            child = self.launch.recorder(recorder.name, recorder.module, orders, log)
            self.recorders.append(child)
            self.custody.remember(recorder.name, child.pid)
            if recorder.reads_back:
                self.reading_back.append(child)

    def start_load(self) -> None:
        """Start Locust, if the experiment asks for load."""
        load = self.experiment.blocks.load
        if load is not None:
            locustfile = (self.experiment.path.parent / load.locustfile).resolve()
            secrets = locust.secrets_for_locust()
            environment = locust.environment(load, self.pack.raw, secrets)
            log, command = self.pack.logs / "locust.log", locust.command(load, locustfile)
            self.locust = self.launch.load(command, log, environment, secrets)
            os.close(secrets)
            self.custody.remember(LOAD, self.locust.pid)

    @property
    def is_ready(self) -> bool:
        """Whether every recorder records."""
        return {child.name for child in self.recorders} <= self.ready

    def read_back(self) -> bool:
        """Ask what can read back to do so; whether there is anything that can."""
        for child in self.reading_back:
            child.send("read-back")
        return bool(self.reading_back)

    def go_on(self) -> None:
        """Let the waiting engine go on."""
        self.engine_waits = None
        if self.engine is not None:
            self.engine.send("go on")

    def listen(self, hear: Hear, within_s: float = TICK_S) -> None:
        """Take in what the processes say for one tick; the engine's news goes to `hear`."""
        children = [child for child in (self.engine, *self.recorders) if child is not None]
        self.launch.wait_for_words([child for child in children if child.is_alive], within_s)
        for child in children:
            for message in child.messages():
                self._heard(child, message, hear)

    def _heard(self, child: Child, message: dict[str, Any], hear: Hear) -> None:
        event = message.pop("event")
        match event:
            case "ready":
                self.ready.add(child.name)
            case "read-back":
                self.has_read_back = True
            case "waiting":
                self.engine_waits = message["why"]
            case "ended":
                self.engine_has_ended = True
                hear(Event.ENGINE_ENDED, message)
            case _ if child.name == "engine":
                hear(event, message)

    def look_after(self) -> None:
        """Raise Lost when something that must live has ended."""
        if self.engine is not None and not self.engine.is_alive and not self.engine_has_ended:
            raise Lost("engine", self.engine.code)
        for child in self.recorders:
            is_done = child in self.reading_back and self.has_read_back
            if not child.is_alive and not is_done:
                raise Lost(child.name, child.code)
        if self.locust is not None:
            if not self.locust.is_alive:
                raise Lost(LOAD, self.locust.code)
            if any(start_ticks(pid) is None for pid in self._load_pids()):
                raise Lost(LOAD, None)

    def _load_pids(self) -> list[int]:
        """The local Locust processes that have recorded something."""
        stems = (path.stem.partition(".")[2] for path in self.pack.raw.glob("load.*.samples"))
        return [int(stem) for stem in stems if stem.isdigit()]

    def end_engine(self) -> None:
        """End the engine and whatever its activities started, even inside a call that hangs."""
        if self.engine is not None:
            self.engine.kill()

    def dismiss(self) -> None:
        """End the load, then the recorders: nothing should see the load go."""
        if self.locust is not None:
            self.locust.stop()
        for child in self.recorders:
            child.stop()


def undoer(custody: Custody, launch: Launch, modules: Iterable[str] = ()) -> Undoer:
    """What plays a run's undos, in processes that the run remembers; what they print goes to a log."""
    log = custody.pack.logs / "undo.log"
    remember = partial(custody.remember, "undoing")
    return Undoer(modules, lambda warm: launch.undoing(warm, log), remember, launch.wait_for_words)


def end_left_over(custody: Custody) -> None:
    """End the processes of a run that still live; of what steps have started, what is under way."""
    steps = Steps(0)
    for event in read_lines(custody.pack.timeline):
        steps.heard(event)
    for identity in custody.left_over():
        if identity.name == "engine":
            identity.kill_since(steps.since_ns)
        else:
            identity.kill_group()
