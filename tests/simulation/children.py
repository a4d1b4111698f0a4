"""What a run starts, as processes of the machine: they say and do what the real ones say and do."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from gameday import clock, phases
from gameday.evidence.seal import Sealing
from gameday.experiment.walk import LISTS
from gameday.faults.protocol import current_step
from gameday.faults.undolog import LOG_COPY_VARIABLE, LOG_VARIABLE, UndoLog
from gameday.files import write_atomically
from gameday.run import undoing
from gameday.run.claim import held, taken_over
from gameday.run.custody import Custody
from gameday.run.launch import Launch
from gameday.run.lifeline import SILENT_S
from gameday.run.recovery import recover
from gameday.run.rollbacks import Rollbacks
from gameday.samples import SampleWriter
from gameday.writes import ACKNOWLEDGED, PRESENT, REFUSED, WriteLog, write_found
from tests.simulation.machine import Machine, Process
from tests.simulation.service import here

RUNNER_IS_GONE = 70
PROBE_EVERY_NS = 50_000_000
LATENCY_NS, ANSWERED_WITHIN_NS = 2_000_000, 5_000_000
IMPORTS_S = 0.3  # what a Python with chaoslib needs to start
Orders = dict[str, Any]


class Started:
    """The starter's end of a process."""

    machine: Machine
    process: Process

    @property
    def is_alive(self) -> bool:
        return self.process.is_alive

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def code(self) -> int | None:
        return self.process.code

    def kill(self) -> None:
        self.machine.kill(self.process)


class Child(Started):
    """The starter's end of a process with a line in and a line out."""

    def __init__(self, machine: Machine, name: str, body: Callable[[Line], None]) -> None:
        self.machine = machine
        self.name = name
        self.line = Line(machine, machine.me())
        self.process = machine.spawn(name, lambda: body(self.line), machine.me())

    def send(self, order: str) -> None:
        if self.is_alive:
            self.line.orders.append(order)

    def messages(self) -> Iterator[dict[str, Any]]:
        while self.line.said:
            yield json.loads(self.line.said.pop(0))

    def stop(self) -> None:
        self.line.is_closed = True
        self.machine.give_way(5.0, until=lambda: not self.is_alive)
        self.kill()


class Line:
    """Two pipes to whoever started the process. They end when that one ends."""

    def __init__(self, machine: Machine, other: Process) -> None:
        self.machine = machine
        self.other = other
        self.orders: list[str] = []
        self.said: list[str] = []
        self.is_closed = False

    @property
    def has_ended(self) -> bool:
        return self.is_closed or not self.other.is_alive

    def say(self, event: str, **more: Any) -> None:
        self.said.append(json.dumps({"event": event, **more}))

    def tell(self, event: str, **more: Any) -> None:
        """As the engine tells: without a runner it ends."""
        self.machine.point(f"tells {event}")
        if self.has_ended:
            self.machine.kill(self.machine.me(), RUNNER_IS_GONE)
        self.say(event, t_ns=clock.now_ns(), **more)

    def wait(self, why: str) -> None:
        self.tell("waiting", why=why)
        if self.next_order() is None:
            self.machine.kill(self.machine.me(), RUNNER_IS_GONE)

    def next_order(self) -> str | None:
        self.machine.give_way(until=lambda: bool(self.orders) or self.has_ended)
        return self.orders.pop(0) if self.orders else None


class Engine:
    """Plays an experiment as the real one does, without chaoslib."""

    def __init__(self, machine: Machine, orders: Orders, line: Line) -> None:
        self.machine = machine
        self.orders = json.loads(json.dumps(orders))
        self.line = line
        self.journal: Orders = {"status": "completed", "deviated": False, "run": [], "rollbacks": []}

    def play(self) -> None:
        self.machine.pause(IMPORTS_S)
        document = self.orders["experiment"]
        hypothesis, method, rollbacks = (self.activities(document, path) for path in LISTS)
        if "left_journal" in self.orders:
            self.journal["status"] = "interrupted"
            self.roll_back(rollbacks)
        else:
            self.line.tell("validated", trouble=None)
            self.line.wait("start")
            self.save()
            self.activity(hypothesis, phases.BASELINE)
            self.line.wait("method")
            self.line.tell("method-started")
            self.activity(method, phases.METHOD)
            self.line.wait("recovery")
            self.activity(hypothesis, phases.VERIFICATION)
            self.roll_back(rollbacks)
        self.save()
        self.line.tell("ended", status=self.journal["status"], deviated=self.journal["deviated"])

    def activities(self, document: Orders, path: tuple[str | int, ...]) -> list[Orders]:
        found: Any = document
        for part in path:
            found = (found or {}).get(part)
        return list(found or [])

    def roll_back(self, rollbacks: list[Orders]) -> None:
        if rollbacks:
            self.line.wait("undo")
        self.activity(rollbacks, phases.UNDO)

    def activity(self, activities: list[Orders], part: str) -> None:
        for each in activities:
            name = str(each["name"])
            current_step.set(name)
            about = {"kind": each["type"], "role": each.get("role"), "runbook": each.get("runbook")}
            self.line.tell("step-started", name=name, part=part, **about)
            status, error, output = "succeeded", None, None
            try:
                if "undo" in each:
                    log = UndoLog.of_this_run()
                    assert log is not None
                    log.owe(
                        name, name, {"activity": {"type": "action", "name": f"undo {name}", **each["undo"]}}
                    )
                if part == phases.METHOD:
                    held(self.orders["claim"]).renew()
                provider = each["provider"]
                function = getattr(importlib.import_module(provider["module"]), provider["func"])
                output = function(**provider.get("arguments", {}))
            except Exception as problem:  # noqa: BLE001 - an error ends that activity
                status, error = "failed", f"{type(problem).__name__}: {problem}"
            proof = {key: output[key] for key in ("landed", "proof")} if isinstance(output, dict) else {}
            ended = {
                "role": each.get("role"),
                "part": part,
                "status": status,
                "error": error,
                "exit_code": None,
            }
            self.line.tell("step-ended", name=name, **ended, **proof)
            self.save()
            self.machine.pause(float(each.get("pauses", {}).get("after", 0.05)))

    def save(self) -> None:
        try:
            write_atomically(Path(self.orders["journal"]), json.dumps(self.journal))
        except OSError:
            return


def writing(stack: ExitStack, folder: Path, name: str) -> SampleWriter:
    """What writes samples, until the recorder ends."""
    writer = SampleWriter(folder, name)
    for descriptor in (writer._rows, writer._names):
        stack.callback(os.close, descriptor)
    return writer


def observe(machine: Machine, folder: Path, names: list[str], line: Line) -> None:
    """A recorder: a sample twenty times a second, written four at a time."""
    machine.pause(IMPORTS_S)
    with suppress(OSError), ExitStack() as stack:  # the disk may take none, the run may have been judged
        writers = [writing(stack, folder, name) for name in names]
        line.say("ready")
        due_ns = clock.now_ns()
        while not line.has_ended:
            machine.give_way(0.2, until=lambda: line.has_ended)
            while due_ns < clock.now_ns() - ANSWERED_WITHIN_NS:
                for writer in writers:
                    writer.write(due_ns, due_ns, due_ns + LATENCY_NS, series="look", ok=here.was_up(due_ns))
                due_ns += PROBE_EVERY_NS


def keep_ledger(machine: Machine, folder: Path, line: Line) -> None:
    """The ledger: twenty writes a second, and the read-back when asked for."""
    machine.pause(IMPORTS_S)
    with suppress(OSError), ExitStack() as stack:
        samples, log = writing(stack, folder, "ledger"), WriteLog(folder)
        stack.callback(os.close, log._rows)
        line.say("ready")
        due_ns, number = clock.now_ns(), 0
        while not line.has_ended and not line.orders:
            machine.give_way(0.2, until=lambda: line.has_ended or bool(line.orders))
            while due_ns < clock.now_ns() - ANSWERED_WITHIN_NS:
                is_up = here.was_up(due_ns)
                log.sent(number, due_ns)
                log.outcome(number, due_ns + LATENCY_NS, ACKNOWLEDGED if is_up else REFUSED)
                samples.write(due_ns, due_ns, due_ns + LATENCY_NS, series="write", ok=is_up)
                due_ns, number = due_ns + PROBE_EVERY_NS, number + 1
            os.write(log._rows, log.gathered())
        if line.orders:
            machine.pause(0.1)
            write_found(folder, dict.fromkeys(range(number), (PRESENT, 1)))
            line.say("read-back", writes=number)


class Load(Started):
    """Locust, which dies with its runner."""

    def __init__(self, machine: Machine, environment: dict[str, str]) -> None:
        self.machine = machine
        folder = Path(environment["GAMEDAY_SAMPLES"])
        self.line = Line(machine, machine.me())
        self.process = machine.spawn("load", lambda: self.play(folder), machine.me())

    def play(self, folder: Path) -> None:
        self.machine.pause(IMPORTS_S)
        (folder / "load.users").write_text("5")
        observe(self.machine, folder, ["load.master"], self.line)

    def stop(self) -> None:
        self.kill()


class Undoing(Started):
    """A process that plays one undo, with the real code of that process."""

    def __init__(self, machine: Machine, watch: Callable[[dict[str, Any], Process], None]) -> None:
        self.machine = machine
        self.watch = watch
        self.line = Line(machine, machine.me())
        self.process = machine.spawn("undoing", self.play, machine.me())

    def play(self) -> None:
        self.machine.pause(0.1)
        order = self.line.next_order()
        for answer in undoing.answers(json.loads(order)) if order else ():
            self.line.said.append(json.dumps(answer))
            self.machine.point("answers")

    @property
    def has_said_all(self) -> bool:
        return not self.is_alive and not self.line.said

    def send(self, call: dict[str, Any]) -> None:
        self.watch(call, self.machine.me())
        if self.is_alive:
            self.line.orders.append(json.dumps(call))

    def messages(self) -> Iterator[dict[str, Any]]:
        while self.line.said:
            yield json.loads(self.line.said.pop(0))


class Guardian(Started):
    """The runner's end of the guardian, and the guardian."""

    def __init__(self, machine: Machine, orders: Orders, launch: Launch) -> None:
        self.machine = machine
        self.orders = json.loads(json.dumps(orders))
        self.launch = launch
        self.replace()

    def replace(self) -> None:
        self.is_done = self.is_left = False
        self.heard_ns, self.within_s = clock.now_ns(), SILENT_S
        self.runner = self.machine.me()
        self.process = self.machine.spawn("guardian", self.watch, None)

    def watch(self) -> None:
        self.machine.give_way(until=lambda: self.is_done or self.is_left or not self.runner.is_alive)
        if self.is_done:
            return
        self.machine.pause(IMPORTS_S)
        custody = Custody.load(Path(self.orders["custody"]))
        if custody is None or custody.about is None:
            return
        how = "failed, and has left the run" if self.is_left else "disappeared"
        reason = f"the runner {how}; the guardian put everything back"
        sealing = Sealing(**self.orders["sealing"])
        rollbacks = Rollbacks.of(custody.about)
        with taken_over(self.orders["claim"]) as keep_it:
            recover(custody, reason, lambda: sealing, rollbacks, launch=self.launch, tick=keep_it)

    def beat(self, within_s: float = SILENT_S) -> None:
        """Nothing is killed for its silence here: it is told as what must not be."""
        now_ns = clock.now_ns()
        if self.runner.is_alive and now_ns - self.heard_ns > self.within_s * clock.NS_PER_S:
            self.machine.silences.append(f"the runner was silent for {(now_ns - self.heard_ns) / 1e9:g} s")
        self.heard_ns, self.within_s = now_ns, within_s

    def leave(self) -> None:
        self.machine.point("leaves the run to the guardian")
        self.is_left = True

    def release(self) -> None:
        self.machine.point("releases the guardian")
        self.is_done = True
        self.machine.give_way(until=lambda: not self.is_alive)


def launch_on(machine: Machine, watch: Callable[[dict[str, Any], Process], None]) -> Launch:
    """How a run starts its processes on this machine; `watch` sees every undo that is about to be played."""

    def engine(orders: Orders, log: Path, environment: dict[str, str]) -> Child:
        machine.starts("engine")
        os.environ |= {name: environment[name] for name in (LOG_VARIABLE, LOG_COPY_VARIABLE)}
        return Child(machine, "engine", lambda line: Engine(machine, orders, line).play())

    def recorder(name: str, module: str, orders: Orders, log: Path) -> Child:
        machine.starts(name)
        folder = Path(orders["folder"])
        if name == "ledger":
            return Child(machine, name, lambda line: keep_ledger(machine, folder, line))
        return Child(machine, name, lambda line: observe(machine, folder, list(orders["probes"]), line))

    def load(command: list[str], log: Path, environment: dict[str, str], secrets: int) -> Load:
        machine.starts("load")
        return Load(machine, environment)

    def undo(modules: list[str], log: Path) -> Undoing:
        machine.starts("undoing")
        return Undoing(machine, watch)

    def guardian(orders: Orders, log: Path) -> Guardian:
        machine.starts("guardian")
        return Guardian(machine, orders, launch)

    def wait_for_words(children: list[Child], within_s: float) -> None:
        machine.point("tick")
        machine.give_way(
            within_s, until=lambda: any(each.line.said or not each.is_alive for each in children)
        )

    launch = Launch(engine, recorder, load, undo, guardian, wait_for_words)  # type: ignore[arg-type]
    return launch
