"""The load, with real Locust processes against a small real server that counts what it is asked."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import types
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from gameday.experiment.observers import Load
from gameday.measure.samples import Samples, read, read_all, read_clock
from gameday.observe import load as locust
from gameday.observe.ports import free_port
from gameday.run.children import end_load, start_load, wait_until

pytestmark = pytest.mark.alone

MS = 1_000_000
S = 1_000 * MS
LOCUST = Path(sysconfig.get_path("scripts"), "locust")
TIME_NAMESPACE = ["unshare", "--time", "--monotonic", "100000"]


# the service


class Connection(asyncio.Protocol):
    """HTTP/1.1 without a body: `/error` is a 500, `/slow` takes 50 ms, `/hang` never answers."""

    seen: ClassVar[list[tuple[int, int, str]]] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        path = data.split(b" ", 2)[1].decode()
        if path == "/seen":
            self.answer(json.dumps(self.seen).encode())
        elif not path.startswith("/hang"):
            loop, arrived_ns = asyncio.get_running_loop(), time.monotonic_ns()
            loop.call_later(0.05 if path == "/slow" else 0, self.serve, arrived_ns, path)
        else:
            self.seen.append((time.monotonic_ns(), 0, path))

    def serve(self, arrived_ns: int, path: str) -> None:
        self.seen.append((arrived_ns, time.monotonic_ns(), path))
        self.answer(b"fine", b"500 Broken" if path == "/error" else b"200 OK")

    def answer(self, body: bytes, status: bytes = b"200 OK") -> None:
        self.transport.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))


async def serve() -> None:
    """Serve on a port of the kernel's choice, until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    os._exit(0)


@dataclass(frozen=True)
class Seen:
    """One request as the server saw it."""

    arrived_ns: int
    answered_ns: int
    path: str


@dataclass(frozen=True)
class Service:
    """The running server."""

    address: str

    def seen(self) -> list[Seen]:
        with urllib.request.urlopen(f"{self.address}/seen", timeout=10) as answer:
            return [Seen(*entry) for entry in json.load(answer)]


@contextmanager
def running_service() -> Iterator[Service]:
    command = [sys.executable, "-c", f"import asyncio, {__name__} as this; asyncio.run(this.serve())"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield Service(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()


@pytest.fixture
def service() -> Iterator[Service]:
    with running_service() as running:
        yield running


# Locust

BUSY = """
from itertools import count
from locust import FastHttpUser, constant_throughput, task

numbers = count()

class Busy(FastHttpUser):
    wait_time = constant_throughput(100)
    network_timeout = connection_timeout = 2

    @task(3)
    def read(self):
        self.client.get("/read")

    @task
    def read_slowly(self):
        self.client.get("/slow")
"""


@dataclass(frozen=True)
class Locust:
    """A running Locust."""

    process: subprocess.Popen[bytes]
    samples: Path
    log: Path

    def wait_for(self, users: int) -> None:
        assert wait_until(lambda: locust.running_users(self.samples) == users, 15), self.log.read_text()

    def read(self) -> Samples:
        return read_all(self.samples, "load")

    def own_total(self) -> int:
        """How many requests Locust counted itself, from its summary."""
        found = re.findall(r"^\s*Aggregated\s+(\d+)\s+\d+\(", self.log.read_text(), re.MULTILINE)
        return int(found[0])


def write_locustfile(folder: Path, source: str) -> Path:
    path = folder / "locustfile.py"
    path.write_text(source)
    return path


@contextmanager
def running_locust(folder: Path, load: Load, source: str = BUSY) -> Iterator[Locust]:
    samples = folder / "samples"
    samples.mkdir()
    command = locust.command(load, write_locustfile(folder, source))
    process = start_load(command, folder / "locust.log", locust.environment(load, samples))
    try:
        yield Locust(process, samples, folder / "locust.log")
    finally:
        end_load(process)


def load_on(service: Service, **more: Any) -> Load:
    return Load.model_validate({"locustfile": "locustfile.py", "host": service.address, **more})


def group(leader: int) -> list[psutil.Process]:
    """The processes of a group that still run."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


# what is recorded

EVERY_ANSWER = """
import gevent
from locust import FastHttpUser, HttpUser, constant, task

class Plain(HttpUser):
    wait_time = constant(0.01)
    timeout = {"timeout": 0.2}
    client_name = "plain"

    @task
    def ask(self):
        self.client.get("/read", name="read")
        self.client.post("/write", name="write")
        self.client.get("/error", name="error")
        self.client.get("/hang", name="hang", **self.timeout)
        self.client.get("http://127.0.0.1:1/", name="refused")
        with self.client.get("/hang", name="hang, and said", catch_response=True, **self.timeout) as response:
            response.failure(f"no order: status {response.status_code}")
        with self.client.get("/read", name="wrong", catch_response=True) as response:
            response.failure("not what I wanted")
        with self.client.get("/error", name="error as wanted", catch_response=True) as response:
            response.success()
        with self.client.get("/later", name="reported later", catch_response=True) as response:
            gevent.sleep(0.3)
        gevent.sleep(60)

class Fast(FastHttpUser):
    wait_time = constant(0.01)
    network_timeout = connection_timeout = 0.2
    timeout = {}
    ask = task(Plain.ask)
"""


@dataclass(frozen=True)
class Row:
    """One recorded request."""

    sent_ns: int
    done_ns: int
    ok: bool
    timed_out: bool
    status: int
    error: str


def rows(samples: Samples, series: str) -> list[Row]:
    chosen = samples.named(series)
    return [
        Row(*(column[i].item() for column in (chosen.sent_ns, chosen.done_ns, chosen.ok)), *rest)
        for i in range(len(chosen))
        for rest in [
            (bool(chosen.timed_out[i]), int(chosen.status[i]), chosen.names[chosen.error[i]]),
        ]
    ]


@pytest.fixture(scope="module")
def every_answer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Samples, list[Seen]]:
    """What was recorded of one user of each kind, and what the server saw."""
    with running_service() as service:
        load = load_on(service, users=2, **{"spawn-rate": 10})
        with running_locust(tmp_path_factory.mktemp("load"), load, EVERY_ANSWER) as running:
            assert wait_until(lambda: len(running.read()) == 18, 15), running.log.read_text()
            return running.read(), service.seen()


@pytest.mark.parametrize(
    ("series", "status"), [("GET read", 200), ("POST write", 200), ("GET error as wanted", 500)]
)
def test_good_answers_are_good(every_answer: tuple[Samples, list[Seen]], series: str, status: int) -> None:
    found = [(row.ok, row.timed_out, row.status, row.error) for row in rows(every_answer[0], series)]
    assert found == [(True, False, status, "")] * 2


def test_a_bad_status_is_a_failure_with_its_status(every_answer: tuple[Samples, list[Seen]]) -> None:
    found = {(row.ok, row.timed_out, row.status, row.error) for row in rows(every_answer[0], "GET error")}
    assert found == {(False, False, 500, "HTTPError"), (False, False, 500, "LocustBadStatusCode")}


def test_a_timeout_is_flagged_as_one(every_answer: tuple[Samples, list[Seen]]) -> None:
    found = rows(every_answer[0], "GET hang")
    assert {(row.ok, row.timed_out, row.status) for row in found} == {(False, True, 0)}
    assert {row.error for row in found} == {"ReadTimeout", "TimeoutError"}


def test_a_timeout_that_the_user_calls_a_failure_is_still_one(
    every_answer: tuple[Samples, list[Seen]],
) -> None:
    found = rows(every_answer[0], "GET hang, and said")
    assert {(row.ok, row.timed_out, row.status) for row in found} == {(False, True, 0)}
    assert {row.error for row in found} == {"ReadTimeout", "TimeoutError"}


def test_a_refused_connection_is_no_timeout(every_answer: tuple[Samples, list[Seen]]) -> None:
    found = [(row.ok, row.timed_out, row.status, row.error) for row in rows(every_answer[0], "GET refused")]
    assert found == [(False, False, 0, "ConnectionRefusedError")] * 2


def test_an_answer_that_the_user_rejects_is_a_failure(every_answer: tuple[Samples, list[Seen]]) -> None:
    found = [(row.ok, row.timed_out, row.status, row.error) for row in rows(every_answer[0], "GET wrong")]
    assert found == [(False, False, 200, "CatchResponseError")] * 2


def test_a_request_that_is_reported_later_has_the_times_of_its_answer(
    every_answer: tuple[Samples, list[Seen]],
) -> None:
    samples, seen = every_answer
    answers = sorted((entry for entry in seen if entry.path == "/later"), key=lambda entry: entry.arrived_ns)
    for row, entry in zip(rows(samples, "GET reported later"), answers, strict=True):
        assert row.sent_ns <= entry.arrived_ns <= entry.answered_ns <= row.done_ns
        assert row.done_ns - entry.answered_ns < 100 * MS  # the user slept 300 ms before it was reported


# one process, several processes


@pytest.mark.parametrize("processes", [1, 2])
def test_there_is_a_row_for_every_request(tmp_path: Path, service: Service, processes: int) -> None:
    load = load_on(service, users=6, processes=processes, **{"spawn-rate": 100})
    with running_locust(tmp_path, load) as running:
        running.wait_for(users=6)
        time.sleep(1)
        before_ns = time.monotonic_ns()
        end_load(running.process)
        assert time.monotonic_ns() - before_ns < 5 * S
        assert group(running.process.pid) == []
    samples, seen = running.read(), service.seen()
    assert len(list(running.samples.glob("load.*.samples"))) == processes
    assert len(samples) == len(seen) == running.own_total() > 100
    assert samples.ok.all()
    for path in ("/read", "/slow"):
        assert len(samples.named(f"GET {path}")) == sum(entry.path == path for entry in seen) > 20


def test_workers_listen_on_the_loopback_only(tmp_path: Path, service: Service) -> None:
    with running_locust(tmp_path, load_on(service, users=2, processes=2)) as running:
        running.wait_for(users=2)
        addresses = {
            connection.laddr.ip
            for process in group(running.process.pid)
            for connection in process.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }
    assert addresses == {"127.0.0.1"}


def test_the_workers_of_a_killed_locust_end_with_it(tmp_path: Path, service: Service) -> None:
    with running_locust(tmp_path, load_on(service, users=2, processes=2)) as running:
        running.wait_for(users=2)
        assert len(group(running.process.pid)) == 3
        running.process.send_signal(signal.SIGKILL)
        assert wait_until(lambda: not group(running.process.pid), 2)


RUNNER = """
import sys, time
from pathlib import Path
from gameday.experiment.observers import Load
from gameday.observe import load as locust
from gameday.run.children import start_load

folder = Path(sys.argv[1])
load = Load.model_validate_json(sys.argv[2])
command = locust.command(load, folder / "locustfile.py")
print(start_load(command, folder / "locust.log", locust.environment(load, folder)).pid, flush=True)
time.sleep(60)
"""


def test_the_load_of_a_killed_runner_ends_with_it(tmp_path: Path, service: Service) -> None:
    write_locustfile(tmp_path, BUSY)
    load = load_on(service, users=2, processes=2)
    command = [sys.executable, "-c", RUNNER, str(tmp_path), load.model_dump_json(by_alias=True)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as runner:
        leader = 0
        try:
            assert runner.stdout is not None
            leader = int(runner.stdout.readline())
            assert wait_until(lambda: locust.running_users(tmp_path) == 2, 15)
            runner.kill()
            runner.wait()
            assert wait_until(lambda: not group(leader), 2)
        finally:
            runner.kill()
            for process in group(leader) if leader else ():
                process.kill()


# workers on other hosts


def worker_command(load: Load) -> list[str]:
    """What people type, with the Locust of this interpreter."""
    program, *arguments = locust.worker_command(load).split()
    assert program == "locust"
    return [str(LOCUST), *arguments]


@contextmanager
def running_worker(
    folder: Path, load: Load, before: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as on another host: no variable and no folder of gameday."""
    folder.mkdir()
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)}
    with (
        (folder / "worker.log").open("wb") as log,
        subprocess.Popen(
            [*before, *worker_command(load)], cwd=folder, env=surroundings, stdout=log, stderr=log
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def time_namespace() -> tuple[str, ...]:
    """A command that starts another with a clock of its own, 100,000 s ahead."""
    if shutil.which("unshare") is None or subprocess.run([*TIME_NAMESPACE, "true"], check=False).returncode:
        if os.environ.get("GAMEDAY_REQUIRE_ALL") == "1":
            pytest.fail("time namespaces are required here, and not permitted")
        pytest.skip("a time namespace is not permitted here")
    return tuple(TIME_NAMESPACE)


# every request has a name of its own, by which it is found again at the server
NUMBERED = """
import os
from itertools import count
from locust import FastHttpUser, constant_throughput, task

numbers = count()

class Numbered(FastHttpUser):
    wait_time = constant_throughput(50)

    @task
    def read(self):
        path = f"/{os.getpid()}-{next(numbers)}"
        self.client.get(path)
"""


def test_the_rows_of_remote_workers_arrive_whole_and_on_the_run_clock(
    tmp_path: Path, service: Service
) -> None:
    ahead = time_namespace()
    workers = {"expect": 2, "bind": f"127.0.0.1:{free_port()}", "within": "15s"}
    load = load_on(service, users=4, workers=workers, **{"spawn-rate": 100})
    with ExitStack() as stack:
        running = stack.enter_context(running_locust(tmp_path, load, NUMBERED))
        stack.enter_context(running_worker(tmp_path / "here", load))
        time.sleep(2)
        assert locust.running_users(running.samples) == 0  # it waits for the second worker
        stack.enter_context(running_worker(tmp_path / "ahead", load, ahead))
        running.wait_for(users=4)
        time.sleep(1.5)
        end_load(running.process)
    seen = {entry.path: entry for entry in service.seen()}
    stems = [path.with_suffix("") for path in running.samples.glob("load.*.samples")]
    parts = [read(stem) for stem in stems]
    assert sum(len(part) for part in parts) == len(seen) == running.own_total() > 150
    clocks = [json.loads(stem.with_name(stem.name + ".clock").read_text()) for stem in stems]
    assert sorted(round(clock["offset_ns"] / S) for clock in clocks) == [-100_000, 0]
    for part in parts:
        assert 0 < part.uncertainty_ns < 10 * MS
        for number, sent_ns, done_ns in zip(part.series, part.sent_ns, part.done_ns, strict=True):
            entry = seen[part.names[number].removeprefix("GET ")]
            assert sent_ns - part.uncertainty_ns <= entry.arrived_ns
            assert entry.answered_ns <= done_ns + part.uncertainty_ns
    assert len(running.read()) == len(seen)


def test_a_master_gives_up_when_its_workers_do_not_come(tmp_path: Path, service: Service) -> None:
    workers = {"expect": 1, "bind": f"127.0.0.1:{free_port()}", "within": "1s"}
    with running_locust(tmp_path, load_on(service, workers=workers)) as running:
        assert running.process.wait(10) != 0
    assert "Gave up waiting for workers" in running.log.read_text()


@pytest.mark.parametrize(
    ("bind", "host"), [("10.1.2.3:5557", "10.1.2.3"), ("0.0.0.0:5557", os.uname().nodename)]
)
def test_people_are_told_what_to_type_on_a_worker(bind: str, host: str) -> None:
    load = Load.model_validate(
        {"locustfile": "l.py", "host": "http://shop", "workers": {"expect": 1, "bind": bind}}
    )
    assert locust.worker_command(load) == f"locust -f - --worker --master-host {host} --master-port 5557"


def test_a_load_without_workers_has_nothing_to_type() -> None:
    load = Load.model_validate({"locustfile": "l.py", "host": "http://shop"})
    assert locust.worker_command(load) == ""


# a load that cannot be


def test_a_broken_locustfile_ends_locust_and_its_log_says_why(tmp_path: Path, service: Service) -> None:
    with running_locust(tmp_path, load_on(service), "raise RuntimeError('no such shop')") as running:
        assert running.process.wait(10) != 0
    assert "no such shop" in running.log.read_text()
    assert locust.running_users(running.samples) == 0


@pytest.mark.parametrize("processes", [1, 2])
def test_a_load_that_cannot_be_recorded_ends(tmp_path: Path, service: Service, processes: int) -> None:
    with running_locust(tmp_path, load_on(service, users=2, processes=processes)) as running:
        running.wait_for(users=2)
        for process in group(running.process.pid):
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4_000, 4_000))
        assert running.process.wait(10) != 0
        assert wait_until(lambda: not group(running.process.pid), 2)
    assert "gameday cannot record the load" in running.log.read_text()


# the parts of the recorder, without Locust


class Hook:
    """A stand-in for Locust's event hooks."""

    @staticmethod
    def add_listener(handler: Any) -> Any:
        return handler


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The recorder's module, loaded with stand-ins: Locust would patch this process."""
    monkeypatch.delenv("GAMEDAY_SAMPLES", raising=False)
    hooks = types.SimpleNamespace(init=Hook, spawning_complete=Hook)
    stand_ins = {
        "gevent": {"sleep": time.sleep},
        "locust": {"events": hooks},
        "locust.exception": {"CatchResponseError": type("CatchResponseError", (Exception,), {})},
        "locust.runners": {"MasterRunner": object, "WorkerRunner": object},
    }
    for name, content in stand_ins.items():
        module = types.ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    spec = spec_from_file_location("recorder_alone", locust.RECORDER)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Wire:
    """A stand-in for a Locust runner: keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send_message(self, kind: str, data: Any = None, client_id: str | None = None) -> None:
        self.sent.append((kind, data))


def arriving(data: Any, node: str = "worker.example_1") -> Any:
    return types.SimpleNamespace(node_id=node, data=data)


def a_row(number: int) -> tuple[Any, ...]:
    return (number, number + 1, "GET /", True, False, 200, "")


def test_rows_are_sent_again_until_the_master_has_them(
    recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire()
    sender = recorder.RemoteRecorder(wire, recorder.Requests())
    sender.rows = [a_row(number) for number in range(3)]
    sender.send()
    sender.send()  # the answer to the first is still to be expected
    assert wire.sent == [("gameday-samples", (0, [a_row(0), a_row(1), a_row(2)]))]
    now_s = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now_s + 10)
    sender.send()
    assert wire.sent[1] == wire.sent[0]
    sender.rows.append(a_row(3))
    sender.on_taken(msg=arriving(3))
    sender.on_taken(msg=arriving(3))
    sender.send()
    assert wire.sent[2] == ("gameday-samples", (3, [a_row(3)]))


def test_rows_that_come_twice_are_written_once(
    recorder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []
    writer = types.SimpleNamespace(write_all=written.extend)
    monkeypatch.setattr(recorder, "RowWriter", lambda folder, name: writer, raising=False)
    wire = Wire()
    master = recorder.Master(str(tmp_path), wire)
    master.on_samples(msg=arriving((0, [a_row(0)])))
    assert wire.sent == []  # without the worker's clock the times mean nothing: it will send them again
    master.on_clock(msg=arriving((time.monotonic_ns(), time.monotonic_ns())))
    master.on_samples(msg=arriving((0, [a_row(0), a_row(1)])))
    master.on_samples(msg=arriving((0, [a_row(0), a_row(1), a_row(2)])))
    assert wire.sent == [("gameday-taken", 2), ("gameday-taken", 3)]
    assert written == [a_row(0), a_row(1), a_row(2)]
    assert read_clock(tmp_path / "load.worker.example_1")["readings"] == 1


def test_an_offset_lies_between_its_bounds_whatever_way_the_delay_went(recorder: Any) -> None:
    for there_ns, back_ns in ((0, 2 * MS), (2 * MS, 0), (MS, MS)):
        offset = recorder.Offset()
        for asked_ns in range(0, 60 * S, S // 2):
            worker_ns = asked_ns + there_ns - 7 * S
            offset.add(asked_ns, worker_ns, asked_ns + there_ns + back_ns)
        clock = offset.as_json()
        assert abs(clock["offset_ns"] - 7 * S) <= clock["uncertainty_ns"] <= 2 * MS


def test_a_clock_that_drifts_stays_within_the_bounds_all_along(recorder: Any) -> None:
    offset, true_ns = recorder.Offset(), []
    for asked_ns in range(0, 600 * S, S // 2):
        drifted_ns = asked_ns // 10_000  # 100 µs a second
        true_ns.append(7 * S + drifted_ns)
        offset.add(asked_ns, asked_ns + MS - true_ns[-1], asked_ns + 2 * MS)
    clock = offset.as_json()
    assert all(abs(clock["offset_ns"] - at_ns) <= clock["uncertainty_ns"] for at_ns in true_ns)
    assert clock["uncertainty_ns"] < 33 * MS


def test_a_clock_that_jumps_widens_the_bounds_to_both(recorder: Any) -> None:
    offset = recorder.Offset()
    for asked_ns in range(0, 60 * S, S // 2):
        jumped_ns = 3 * S if asked_ns >= 30 * S else 0
        offset.add(asked_ns, asked_ns - jumped_ns, asked_ns + MS)
    clock = offset.as_json()
    assert clock["offset_ns"] - clock["uncertainty_ns"] <= 0
    assert clock["offset_ns"] + clock["uncertainty_ns"] >= 3 * S


@pytest.mark.parametrize("step_s", [-10, -0.005, 0, 0.005, 10])
def test_a_wall_clock_that_is_set_moves_no_request(
    recorder: Any, monkeypatch: pytest.MonkeyPatch, step_s: float
) -> None:
    now = {"run_s": 100.0, "wall_s": 1_700_000_000.0}
    monkeypatch.setattr(time, "monotonic_ns", lambda: round(now["run_s"] * S))
    monkeypatch.setattr(time, "time_ns", lambda: round(now["wall_s"] * S))
    requests = recorder.Requests()
    now = {"run_s": 101.5, "wall_s": 1_700_000_001.5 + step_s}
    requests.on_request(
        request_type="GET", name="/", response_time=500.0, start_time=1_700_000_001.0, exception=None
    )
    [(sent_ns, done_ns, *_)] = requests.take()
    assert sent_ns == pytest.approx(101 * S, abs=1000)
    assert done_ns == pytest.approx(101.5 * S, abs=1000)
