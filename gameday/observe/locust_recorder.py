"""The recorder inside Locust: added beside the user's unchanged locustfile, one row a request.

On gameday's host every Locust process appends to a file of its own, `load.<pid>`, a tenth of a second at a
time: a write for every request cost a tenth of the request rate. A worker on another host has no such
folder; it sends its rows to the master, which says what it has taken, and which also measures how far the
worker's clock is off. This file goes to such workers whole, so it needs Locust and the standard library only.
"""

from __future__ import annotations

import ctypes
import errno
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import gevent
from locust import events
from locust.exception import CatchResponseError
from locust.runners import MasterRunner, WorkerRunner

FOLDER = os.environ.get("GAMEDAY_SAMPLES")
SECRETS = os.environ.get("GAMEDAY_SECRETS")
RUNNER_PID = int(os.environ.get("GAMEDAY_RUNNER", "0"))
LOCUST_PID = os.getpid()  # Locust forks its processes after it has read this file

WRITE_EVERY_S = 0.1
SEND_EVERY_S = 0.2
SEND_AGAIN_AFTER_S = 2.0
ROWS_A_MESSAGE = 5_000
FINISH_WITHIN_S = 3.0
CLOCK_EVERY_S = 0.5
FIRST_READINGS = 8
FIRST_READINGS_EVERY_S = 0.05
# the clocks of two hosts part by less than this, in seconds a second
MOST_DRIFT = 200e-6
# the wall clock moves by more than this between two requests only when somebody sets it
STEP_NS = 1_000_000
# a request is reported this soon after its answer, unless user code ran in between
REPORTED_WITHIN_NS = 1_000_000
PR_SET_PDEATHSIG = 1

# sent_ns, done_ns, series, ok, timed_out, status, error
Row = tuple[int, int, str, bool, bool, int, str]

if FOLDER:  # at once, so that a Locust that cannot record does not start
    from gameday import redact
    from gameday.observe import locust_gate
    from gameday.samples import OK, ROW, TIMED_OUT, SampleWriter

    locust_gate.close()

    if SECRETS:
        redact.learn(**json.loads(os.pread(int(SECRETS), 10_000_000, 0) or b"{}"))

    class RowWriter(SampleWriter):
        """Appends many rows with one call to the kernel."""

        def write_all(self, rows: Iterable[Row]) -> None:
            """Append requests; a closed-loop request is due when it is sent."""
            number, pack = self._number, ROW.pack
            data = b"".join(
                [
                    pack(
                        sent_ns,
                        sent_ns,
                        done_ns,
                        math.nan,
                        number(series),
                        number(error),
                        status & 0xFFFF,
                        ok * OK | timed_out * TIMED_OUT,
                    )
                    for sent_ns, done_ns, series, ok, timed_out, status, error in rows
                ]
            )
            if os.write(self._rows, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FileRecorder:
    """Appends the rows of this process to its file; opened late: Locust forks after it read this file."""

    def __init__(self, folder: str, requests: Requests) -> None:
        self.folder = folder
        self.requests = requests
        self.writer: Any = None

    def write_forever(self) -> None:
        """Write what has gathered, until Locust ends."""
        while True:
            gevent.sleep(WRITE_EVERY_S)
            self.write()

    def write(self, **_: Any) -> None:
        """Write what has gathered. Load that nobody records must not go on."""
        try:
            if self.writer is None:
                self.writer = RowWriter(self.folder, f"load.{os.getpid()}")
            self.writer.write_all(self.requests.take())
        except Exception as error:  # noqa: BLE001 - Locust would log it and go on
            end_all(error)


class RemoteRecorder:
    """Keeps rows until the master says that it has taken them.

    Locust ends a worker whose master has been silent for a minute, which is what bounds `rows`.
    taken: how many rows the master has; they are no longer in `rows`.
    """

    def __init__(self, runner: WorkerRunner, requests: Requests) -> None:
        self.runner = runner
        self.requests = requests
        self.rows: list[Row] = []
        self.taken = 0
        self.sent_s: float | None = None

    def send_forever(self) -> None:
        """Send what has gathered, until the worker ends."""
        while True:
            gevent.sleep(SEND_EVERY_S)
            self.send()

    def send(self) -> None:
        """Send the oldest rows, unless an answer to some is still to be expected."""
        self.rows += self.requests.take()
        is_awaited = self.sent_s is not None and time.monotonic() < self.sent_s + SEND_AGAIN_AFTER_S
        if self.rows and not is_awaited:
            self.sent_s = time.monotonic()
            self.runner.send_message("gameday-samples", (self.taken, self.rows[:ROWS_A_MESSAGE]))

    def on_taken(self, msg: Any, **_: Any) -> None:
        """The master has so many rows; an answer that comes late says nothing new."""
        if msg.data > self.taken:
            del self.rows[: msg.data - self.taken]
            self.taken, self.sent_s = msg.data, None
            if len(self.rows) >= ROWS_A_MESSAGE:
                self.send()

    def send_rest(self, **_: Any) -> None:
        """Send all that is left, as far as the master takes it."""
        end_s = time.monotonic() + FINISH_WITHIN_S
        self.send()
        while self.rows and time.monotonic() < end_s:
            gevent.sleep(0.01)
            self.send()


class Offset:
    """What must be added to a worker's clock to get the run clock: an interval that was true all along.

    A worker reads its clock somewhere between the question and the answer, so every reading gives a true
    interval. Readings are intersected, each older one widened by the most that clocks drift apart; [low,
    high] spans whatever was possible at any time since the first readings.
    """

    def __init__(self) -> None:
        self.readings = 0
        self.read_ns = 0
        self.now = (0, 0)
        self.low_ns = self.high_ns = 0

    def add(self, asked_ns: int, worker_ns: int, answered_ns: int) -> None:
        """Take in one reading."""
        low_ns, high_ns = asked_ns - worker_ns, answered_ns - worker_ns
        widened = self.now
        if self.readings:
            drift_ns = round((answered_ns - self.read_ns) * MOST_DRIFT)
            widened = (self.now[0] - drift_ns, self.now[1] + drift_ns)
            low_ns, high_ns = max(low_ns, widened[0]), min(high_ns, widened[1])
            if low_ns > high_ns:  # the worker's clock jumped, as when its machine was suspended
                low_ns, high_ns = asked_ns - worker_ns, answered_ns - worker_ns
        self.now, self.read_ns = (low_ns, high_ns), answered_ns
        self.readings += 1
        if self.readings <= FIRST_READINGS:
            self.low_ns, self.high_ns = self.now
        else:
            self.low_ns = min(self.low_ns, low_ns, widened[0])
            self.high_ns = max(self.high_ns, high_ns, widened[1])

    def as_json(self) -> dict[str, int]:
        """The clock file: an offset, how far it may be off, and how many readings say so."""
        uncertainty_ns = (self.high_ns - self.low_ns + 1) // 2
        offset_ns = (self.low_ns + self.high_ns) // 2
        return {"offset_ns": offset_ns, "uncertainty_ns": uncertainty_ns, "readings": self.readings}


class Master:
    """Writes the rows of workers on other hosts, measures their clocks, and lets every worker finish."""

    def __init__(self, folder: str, runner: MasterRunner) -> None:
        self.folder = folder
        self.runner = runner
        self.writers: dict[str, Any] = {}
        self.taken: dict[str, int] = {}
        self.offsets: dict[str, Offset] = {}
        self.finished: set[str] = set()

    def on_samples(self, msg: Any, **_: Any) -> None:
        """Rows of one worker, from a number on. Without its clock they mean nothing: it sends them again."""
        node, (first, rows) = msg.node_id, msg.data
        if node not in self.offsets:
            return
        taken = self.taken.get(node, 0)
        try:
            if node not in self.writers:
                self.writers[node] = RowWriter(self.folder, f"load.{node}")
            self.writers[node].write_all(rows[taken - first :])
        except Exception as error:  # noqa: BLE001 - Locust would log it and go on
            end_all(error)
        self.taken[node] = max(taken, first + len(rows))
        self.runner.send_message("gameday-taken", self.taken[node], client_id=node)

    def ask_clocks_forever(self) -> None:
        """Ask every worker for its clock, new ones more often, until the master ends."""
        while True:
            for worker in list(self.runner.clients):
                self.runner.send_message("gameday-clock", time.monotonic_ns(), client_id=worker)
            is_new = any(offset.readings < FIRST_READINGS for offset in self.offsets.values())
            gevent.sleep(FIRST_READINGS_EVERY_S if is_new else CLOCK_EVERY_S)

    def on_clock(self, msg: Any, **_: Any) -> None:
        """A worker's clock."""
        asked_ns, worker_ns = msg.data
        offset = self.offsets.setdefault(msg.node_id, Offset())
        offset.add(asked_ns, worker_ns, time.monotonic_ns())
        path = Path(self.folder, f"load.{msg.node_id}.clock")
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(offset.as_json()))
        draft.replace(path)

    def on_finished(self, msg: Any, **_: Any) -> None:
        """A worker has stopped its users and has no more rows."""
        self.finished.add(msg.node_id)

    def finish(self, **_: Any) -> None:
        """Let the workers stop and hand over their last rows: Locust itself leaves after half a second."""
        workers = set(self.runner.clients)
        for worker in workers:
            self.runner.send_message("gameday-finish", client_id=worker)
        end_s = time.monotonic() + FINISH_WITHIN_S
        while not workers <= self.finished and time.monotonic() < end_s:
            gevent.sleep(0.01)


def failure(exception: Any, response: Any, status: int) -> tuple[str, bool]:
    """The name of a failure, and whether it is a timeout.

    `response.failure("…")` of a user hides what happened; the response keeps it. A bad status that speaks
    of a timeout, such as 504, is an answer.
    """
    cause = getattr(response, "error", None)
    named = cause if cause and isinstance(exception, CatchResponseError) else exception
    named = getattr(named, "original", None) or named  # of a FastHttpUser's RetriesExceeded
    timed_out = any(
        "timeout" in type(error).__name__.lower() or (status < 400 and "timed out" in str(error).lower())
        for error in (exception, cause)
    )
    return type(named).__name__, timed_out


class Requests:
    """Locust's requests, put down as briefly as can be when they are reported, and made rows of together.

    Locust tells the wall clock's time of the start, and reports a request with `catch_response` only
    after the user's own code. The start is believed unless the wall clock was set since.
    """

    def __init__(self) -> None:
        self.reported: list[Any] = []  # flat: thousands of kept tuples would set off the garbage collector
        self.trusted_from_ns = time.monotonic_ns()
        self.ahead_ns = time.time_ns() - self.trusted_from_ns

    def on_request(
        self,
        *,
        request_type: str,
        name: str,
        response_time: float | None,
        exception: Any = None,
        response: Any = None,
        start_time: float | None = None,
        **_: Any,
    ) -> None:
        """Put one request down."""
        now_ns = time.monotonic_ns()
        ahead_ns = time.time_ns() - now_ns
        status = getattr(response, "status_code", 0)
        status = status if isinstance(status, int) else 0
        failed = failure(exception, response, status) if exception else None
        self.reported.extend(
            (now_ns, ahead_ns, start_time, response_time, request_type, name, status, failed)
        )

    def take(self) -> Iterator[Row]:
        """What was reported since the last time, as rows."""
        values = iter(self.reported)
        self.reported = []
        for now_ns, ahead_ns, start_time_s, took_ms, request_type, name, status, failed in zip(
            *[values] * 8, strict=True
        ):
            if abs(ahead_ns - self.ahead_ns) > STEP_NS:
                self.trusted_from_ns = now_ns
            self.ahead_ns = ahead_ns
            took_ns = int((took_ms or 0) * 1e6)
            sent_ns, done_ns = int((start_time_s or 0) * 1e9) - ahead_ns, now_ns
            if not self.trusted_from_ns < sent_ns <= now_ns - took_ns:
                sent_ns = now_ns - took_ns
            elif now_ns - sent_ns - took_ns > REPORTED_WITHIN_NS:
                done_ns = sent_ns + took_ns + REPORTED_WITHIN_NS
            error, timed_out = failed or ("", False)
            yield sent_ns, done_ns, f"{request_type} {name}", not failed, timed_out, status, error


@events.init.add_listener
def record(environment: Any, **_: Any) -> None:
    """Attach the recorder to whatever part this process plays."""
    runner = environment.runner
    if FOLDER and isinstance(runner, MasterRunner):
        lead(Master(FOLDER, runner), has_remote_workers=not environment.parsed_options.processes)
    elif FOLDER:
        keep(FileRecorder(FOLDER, Requests()), runner)
    elif isinstance(runner, WorkerRunner):
        follow(RemoteRecorder(runner, Requests()))


def keep(recorder: FileRecorder, runner: Any) -> None:
    """Attach the part of a process on gameday's host that has users."""
    end_with_the_parent()
    events.request.add_listener(recorder.requests.on_request)
    events.quit.add_listener(recorder.write)
    gevent.spawn(recorder.write_forever)
    if isinstance(runner, WorkerRunner):
        runner.register_message("gameday-finish", finisher(recorder.write), concurrent=True)


def lead(master: Master, has_remote_workers: bool) -> None:
    """Attach the master's part."""
    end_with_the_parent()
    master.runner.register_message("gameday-finished", master.on_finished)
    events.quitting.add_listener(master.finish)
    if has_remote_workers:
        master.runner.register_message("gameday-samples", master.on_samples)
        master.runner.register_message("gameday-clock", master.on_clock)
        gevent.spawn(master.ask_clocks_forever)


def follow(recorder: RemoteRecorder) -> None:
    """Attach the part of a worker on another host."""
    recorder.runner.register_message("gameday-clock", answer_clock)
    recorder.runner.register_message("gameday-taken", recorder.on_taken)
    recorder.runner.register_message("gameday-finish", finisher(recorder.send_rest), concurrent=True)
    gevent.spawn(recorder.send_forever)
    events.quitting.add_listener(recorder.send_rest)
    events.request.add_listener(recorder.requests.on_request)


def finisher(hand_over: Callable[[], None]) -> Callable[..., None]:
    """A listener that lets the requests under way end, hands over the last rows, and says so."""

    def finish(environment: Any, **_: Any) -> None:
        environment.runner.stop()
        hand_over()
        environment.runner.send_message("gameday-finished")

    return finish


def answer_clock(environment: Any, msg: Any, **_: Any) -> None:
    """Tell the master this worker's clock."""
    environment.runner.send_message("gameday-clock", (msg.data, time.monotonic_ns()))


@events.spawning_complete.add_listener
def tell_users(user_count: int, **_: Any) -> None:
    """Tell the runner that all users run."""
    if FOLDER:
        Path(FOLDER, "load.users").write_text(str(user_count))


def end_with_the_parent() -> None:
    """Have the kernel end this process with its parent: load must not outlive the drill that made it."""
    parent = RUNNER_PID if os.getpid() == LOCUST_PID else LOCUST_PID
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent and os.getppid() != parent:
        os._exit(1)


def end_all(error: Exception) -> NoReturn:
    """End every Locust process of this host; the runner sees it and says so."""
    why = f"gameday cannot record the load: {type(error).__name__}: {error}"
    print(why, file=sys.stderr, flush=True)  # noqa: T201 - standard error is Locust's log
    if os.getpid() != LOCUST_PID:
        os.kill(LOCUST_PID, signal.SIGKILL)
    os._exit(1)


if FOLDER:
    end_with_the_parent()
