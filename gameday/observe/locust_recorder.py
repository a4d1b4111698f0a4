"""The recorder inside Locust: added beside the user's unchanged locustfile, one row a request.

On gameday's host every Locust process appends to a file of its own, `load.<pid>`. A worker on another
host has no such folder; it sends its rows to the master, which also measures how far the worker's clock
is off. This file goes to such workers whole, so it needs Locust and the standard library only.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import gevent
from locust import events
from locust.runners import MasterRunner, WorkerRunner

FOLDER = os.environ.get("GAMEDAY_SAMPLES")
SEND_EVERY_S = 0.2
CLOCK_EVERY_S = 0.5
LOOK_FOR_RUNNER_EVERY_S = 0.5

Row = tuple[int, int, str, bool, bool, int, str]


class FileRecorder:
    """Appends rows to this process's file; opened late, since Locust forks after it read the locustfile."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.pid = 0
        self.writer: Any = None

    def take(self, row: Row) -> None:
        """Append one request."""
        if self.pid != os.getpid():
            from gameday.samples import SampleWriter

            self.pid = os.getpid()
            self.writer = SampleWriter(self.folder, f"load.{self.pid}")
        write_row(self.writer, row)


class RemoteRecorder:
    """Keeps rows until they are sent to the master."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def take(self, row: Row) -> None:
        """Keep one request."""
        self.rows.append(row)

    def send_forever(self, runner: WorkerRunner) -> None:
        """Send what has gathered, until the worker ends."""
        while True:
            gevent.sleep(SEND_EVERY_S)
            self.send(runner)

    def send(self, runner: WorkerRunner) -> None:
        """Send what has gathered."""
        if self.rows:
            rows, self.rows = self.rows, []
            runner.send_message("gameday-samples", rows)


class Master:
    """Writes the rows of workers on other hosts, and measures their clocks."""

    def __init__(self, folder: str, runner: MasterRunner) -> None:
        self.folder = folder
        self.runner = runner
        self.writers: dict[str, Any] = {}
        self.readings: dict[str, list[tuple[int, int]]] = {}

    def on_samples(self, msg: Any, **_: Any) -> None:
        """Rows of one worker."""
        from gameday.samples import SampleWriter

        if msg.node_id not in self.writers:
            self.writers[msg.node_id] = SampleWriter(self.folder, f"load.{msg.node_id}")
        for row in msg.data:
            write_row(self.writers[msg.node_id], row)

    def ask_clocks_forever(self) -> None:
        """Ask every worker for its clock, until the master ends."""
        while True:
            for worker in list(self.runner.clients):
                self.runner.send_message("gameday-clock", time.monotonic_ns(), client_id=worker)
            gevent.sleep(CLOCK_EVERY_S)

    def on_clock(self, msg: Any, **_: Any) -> None:
        """A worker's clock: its offset lies within half of the round trip."""
        asked_ns, worker_ns = msg.data
        answered_ns = time.monotonic_ns()
        readings = self.readings.setdefault(msg.node_id, [])
        readings.append((answered_ns - asked_ns, (asked_ns + answered_ns) // 2 - worker_ns))
        round_trip_ns, offset_ns = min(readings)
        tight = [offset for trip, offset in readings if trip <= 2 * round_trip_ns]
        drift_ns = max(abs(offset - offset_ns) for offset in tight)
        clock = {"offset_ns": offset_ns, "uncertainty_ns": round_trip_ns // 2 + drift_ns}
        path = Path(self.folder, f"load.{msg.node_id}.clock")
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps({**clock, "readings": len(readings)}))
        draft.replace(path)


def write_row(writer: Any, row: Row) -> None:
    """Append a request to a file; a closed-loop request is due when it is sent."""
    sent_ns, done_ns, series, ok, timed_out, status, error = row
    writer.write(
        sent_ns, sent_ns, done_ns, series=series, ok=ok, timed_out=timed_out, status=status, error=error
    )


def row_of(request_type: str, name: str, response_time: float, exception: Any, response: Any) -> Row:
    """One request as a row, stamped with this process's monotonic clock."""
    done_ns = time.monotonic_ns()
    error = type(exception).__name__ if exception else ""
    timed_out = "timeout" in error.lower() or "timed out" in str(exception).lower() if exception else False
    status = getattr(response, "status_code", 0) or 0
    sent_ns = done_ns - int((response_time or 0) * 1e6)
    return (sent_ns, done_ns, f"{request_type} {name}", not exception, timed_out, int(status), error)


@events.init.add_listener
def record(environment: Any, **_: Any) -> None:
    """Attach the recorder to whatever part this process plays."""
    runner = environment.runner
    recorder: FileRecorder | RemoteRecorder | None = None
    if FOLDER:
        recorder = FileRecorder(FOLDER)
        gevent.spawn(end_with_the_runner, os.getppid())
        if isinstance(runner, MasterRunner):
            master = Master(FOLDER, runner)
            runner.register_message("gameday-samples", master.on_samples)
            runner.register_message("gameday-clock", master.on_clock)
            gevent.spawn(master.ask_clocks_forever)
    elif isinstance(runner, WorkerRunner):
        recorder = RemoteRecorder()
        runner.register_message("gameday-clock", answer_clock)
        gevent.spawn(recorder.send_forever, runner)
        events.quitting.add_listener(lambda **_: recorder.send(runner))
    if recorder is None:
        return
    take = recorder.take

    def on_request(
        request_type: str,
        name: str,
        response_time: float,
        exception: Any = None,
        response: Any = None,
        **_: Any,
    ) -> None:
        take(row_of(request_type, name, response_time, exception, response))

    events.request.add_listener(on_request)


def answer_clock(environment: Any, msg: Any, **_: Any) -> None:
    """Tell the master this worker's clock."""
    environment.runner.send_message("gameday-clock", (msg.data, time.monotonic_ns()))


@events.spawning_complete.add_listener
def tell_users(user_count: int, **_: Any) -> None:
    """Tell the runner that all users run."""
    if FOLDER:
        Path(FOLDER, "load.users").write_text(str(user_count))


def end_with_the_runner(parent_pid: int) -> None:
    """End when the parent is gone: load must not outlive the drill that made it."""
    while os.getppid() == parent_pid:
        gevent.sleep(LOOK_FOR_RUNNER_EVERY_S)
    os._exit(1)
