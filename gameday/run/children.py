"""Child processes of a run, each in a session of its own, with a line in and a line out."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from gameday import clock, hosts
from gameday.environment import of_child
from gameday.events import Event
from gameday.experiment.meant import packed
from gameday.processes import Identity, has_ended, python
from gameday.run.logs import pour, writer

END_WITHIN_S = 5.0


class Started:
    """A process that was started, with a session of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.process.returncode

    def kill(self) -> None:
        """End it and everything it started, now."""
        kill_group(self.process)


class Child(Started):
    """A running child. Its messages are JSON lines; its other output goes to a log."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], inbox: int, outbox: int) -> None:
        super().__init__(process)
        self.name = name
        self.inbox = inbox
        self.outbox = outbox
        self._buffer = b""
        os.set_blocking(inbox, False)

    @classmethod
    def recorder(
        cls, name: str, module: str, orders: dict[str, Any], log: Path, held: tuple[int, ...] = ()
    ) -> Child:
        """Start a recorder module; its orders come on standard input, which stays open as its lifeline.

        held: descriptors that it inherits.
        """
        orders_out, orders_in = os.pipe()
        messages_out, messages_in = os.pipe()
        process = _start(python(module), log, stdin=orders_out, stdout=messages_in, pass_fds=held)
        os.close(orders_out)
        os.close(messages_in)
        child = cls(name, process, messages_out, orders_in)
        child.send(orders)
        return child

    def send(self, order: dict[str, Any] | str) -> None:
        """Send an order, one line. A child that is gone gets none."""
        line = order if isinstance(order, str) else json.dumps(packed(order))
        with contextlib.suppress(BrokenPipeError):
            os.write(self.outbox, line.encode() + b"\n")

    def messages(self) -> Iterator[dict[str, Any]]:
        """The messages that have come, without waiting."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.inbox, 65_536):
                self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError):
                yield json.loads(line)

    def stop(self, within_s: float = END_WITHIN_S) -> None:
        """Close its line, wait for it to end, then end its whole group."""
        with contextlib.suppress(OSError):
            os.close(self.outbox)
        has_ended(self.process, within_s)
        self.kill()


class Engine(Child):
    """An engine. What its steps have started outlives it once they are over, as under Chaos Toolkit."""

    def __init__(
        self, process: subprocess.Popen[bytes], inbox: int, outbox: int, words: int | None = None
    ) -> None:
        super().__init__("engine", process, inbox, outbox)
        self.words = words
        self.identity = Identity.of("engine", process.pid)
        self.steps = Steps(clock.now_ns())
        self._unheard: list[dict[str, Any]] = []

    @classmethod
    def start(cls, orders: dict[str, Any], log: Path, environment: dict[str, str]) -> Engine:
        """Start an engine that has its orders and its log at once."""
        with writer(log) as words:
            engine = cls._start(words, _of_run(environment))
        engine.send(orders)
        return engine

    @classmethod
    def ahead(cls) -> Engine:
        """Start an engine ahead of its orders, since it takes a while. It keeps what it prints to itself."""
        words_out, words_in = os.pipe()
        try:
            return cls._start(words_in, _of_run(None), words_out)
        finally:
            os.close(words_in)

    @classmethod
    def _start(cls, words_in: int, environment: dict[str, str], words_out: int | None = None) -> Engine:
        """Its lines are pipes of their own, since activities inherit standard input."""
        orders_out, orders_in = os.pipe()
        events_out, events_in = os.pipe()
        command = python("gameday.run.engine", "--orders", str(orders_out), "--events", str(events_in))
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=words_in,
            stderr=words_in,
            env=environment,
            pass_fds=(orders_out, events_in),
            start_new_session=True,
        )
        os.close(orders_out)
        os.close(events_in)
        return cls(process, events_out, orders_in, words_out)

    def begin(self, orders: dict[str, Any], log: Path, environment: dict[str, str]) -> None:
        """Have one that was started ahead go on to the run, with a log from now on."""
        if self.words is not None:
            pour(self.words, log)
            self.words = None
        self.send({**orders, "environment": _of_run(environment)})

    def messages(self) -> Iterator[dict[str, Any]]:
        """The messages that have come, without waiting."""
        unheard, self._unheard = self._unheard, []
        yield from unheard
        for message in super().messages():
            self.steps.heard(message)
            yield message

    def kill(self) -> None:
        """End it, and what was started by steps that are not over; none is once it has ended in order."""
        if self.steps.have_ended:
            has_ended(self.process, END_WITHIN_S)
        self._unheard = list(self.messages())
        if self.process.poll() != 0 and self.identity is not None:
            since_ns = clock.now_ns() if self.steps.have_ended else self.steps.since_ns
            self.identity.kill_since(since_ns)
        self.process.kill()
        self.process.wait()
        if self.words is not None:
            os.close(self.words)
            self.words = None


class Steps:
    """Which steps of an engine are under way, by what it says. begun_ns: when it was started (run clock)."""

    def __init__(self, begun_ns: int) -> None:
        self.have_ended = False
        self._running: dict[Any, int] = {}
        self._last_ns = begun_ns

    def heard(self, message: dict[str, Any]) -> None:
        """Take in an event of the engine, or of the timeline."""
        match message.get("event"):
            case Event.STEP_STARTED:
                self._running[message.get("id")] = int(message["t_ns"])
            case Event.STEP_ENDED:
                self._running.pop(message.get("id"), None)
                self._last_ns = int(message["t_ns"])
            case "ended" | Event.ENGINE_ENDED:
                self.have_ended = True

    @property
    def since_ns(self) -> int:
        """What has started since then belongs to what is under way."""
        return min(self._running.values(), default=self._last_ns)


class Load(Started):
    """A running Locust, which takes no orders."""

    @classmethod
    def start(cls, command: list[str], log: Path, environment: dict[str, str], secrets: int) -> Load:
        """Start it; `secrets` is a descriptor that it inherits."""
        return cls(start_load(command, log, environment, secrets))

    def stop(self) -> None:
        """End it and its workers."""
        end_load(self.process)


class Undoing(Started):
    """A process that plays one undo. It is started ahead, so that it is warm when it is needed."""

    has_said_all = False
    _buffer = b""

    @classmethod
    def start(cls, modules: list[str], log: Path) -> Undoing:
        """Start it; it imports the modules and waits for its call. What an undo prints goes to the log."""
        command = python("gameday.run.undoing", *modules)
        return cls(_start(command, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE))

    @property
    def inbox(self) -> int:
        """The descriptor on which it answers."""
        return -1 if self.process.stdout is None else self.process.stdout.fileno()

    def send(self, call: dict[str, Any]) -> None:
        """Give it its call. One that is gone gets none."""
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.write(json.dumps(call).encode() + b"\n")
                self.process.stdin.close()

    def messages(self) -> Iterator[dict[str, Any]]:
        """The answers that have come, without waiting."""
        os.set_blocking(self.inbox, False)
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.inbox, 65_536):
                self._buffer += data
            self.has_said_all = True
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            yield json.loads(line)

    def kill(self) -> None:
        """End it, and what it started unless it ended in order; its pipes with it."""
        if self.has_said_all:
            has_ended(self.process, END_WITHIN_S)
        if self.process.poll() != 0:
            super().kill()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def wait_for_words(children: Sequence[Child | Undoing], within_s: float) -> None:
    """Wait until one of them says something, for so many seconds at most."""
    select.select([child.inbox for child in children], [], [], within_s)


def start_load(
    command: list[str], log: Path, environment: dict[str, str], secrets: int | None = None
) -> subprocess.Popen[bytes]:
    """Start Locust, which takes no orders; `secrets` is a descriptor that it inherits."""
    return _start(
        command,
        log,
        stdin=subprocess.DEVNULL,
        env=environment,
        pass_fds=() if secrets is None else (secrets,),
    )


def end_load(process: subprocess.Popen[bytes], within_s: float = END_WITHIN_S) -> None:
    """Let Locust end by SIGTERM, then end its whole group: workers outlive a killed master."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    has_ended(process, within_s)
    kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a child's whole group, and wait for the child."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _start(command: list[str], log: Path, **more: Any) -> subprocess.Popen[bytes]:
    with writer(log) as file:
        more.setdefault("stdout", file)
        more["env"] = _of_run(more.get("env"))
        return subprocess.Popen(command, stderr=file, start_new_session=True, **more)


def _of_run(environment: dict[str, str] | None) -> dict[str, str]:
    """The environment of a process of the run: without what is hidden, and with what it may reach."""
    made = of_child(environment)
    hosts.hand_down(made, hosts.told())
    return made


def open_log(log: Path) -> BinaryIO:
    """A log to append to. Nowhere, when the disk takes none: the rollbacks must be played all the same."""
    try:
        return log.open("ab")
    except OSError:
        return Path(os.devnull).open("ab")


def wait_until(condition: Any, within_s: float, every_s: float = 0.01) -> bool:
    """Whether a condition came true within so many seconds."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(every_s)
    return True
