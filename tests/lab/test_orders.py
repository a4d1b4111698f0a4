"""The orders service against a real PostgreSQL, alive, frozen, dead and moved."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from gameday.faults.postgresql import connected, wait_until
from gameday.lab.failover import end, is_healthy
from gameday.lab.orders import SCHEMA
from gameday.lab.postgresql import Node, free_ports


class Client:
    """Talks to the service on a port."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, routing: Path) -> None:
        self.process = process
        self.port = port
        self.routing = routing

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def order(self, identity: str, payload: str = "x") -> tuple[int, dict[str, str]]:
        return self.ask("POST", "/orders", json.dumps({"id": identity, "payload": payload}))

    def becomes(self, status: int, within_s: float = 2.0) -> bool:
        return wait_until(lambda: self.ask("GET", "/health")[0] == status, within_s)


@contextmanager
def serving(node: Node, folder: Path) -> Iterator[Client]:
    port = free_ports(1)[0]
    routing = folder / "primary.dsn"
    routing.write_text(node.dsn)
    process = subprocess.Popen(
        [sys.executable, "-m", "gameday.lab.orders", "--port", str(port), "--routing", str(routing)],
        stdin=subprocess.PIPE,
    )
    try:
        assert wait_until(lambda: is_healthy(f"http://127.0.0.1:{port}/health"), 10)
        yield Client(process, port, routing)
    finally:
        end(process)


@pytest.fixture
def service(primary: Node, tmp_path: Path) -> Iterator[Client]:
    with connected(primary.dsn) as server:
        server.execute(SCHEMA)
    with serving(primary, tmp_path) as client:
        yield client


def test_orders_are_kept_read_back_and_never_taken_twice(service: Client, primary: Node) -> None:
    assert service.order("a-1", "two pizzas") == (201, {"id": "a-1"})
    assert primary.ask("SELECT payload FROM orders WHERE id = 'a-1'") == "two pizzas"
    assert service.ask("GET", "/orders/a-1") == (200, {"id": "a-1", "payload": "two pizzas"})
    assert service.order("a-1", "three pizzas")[0] == 409
    assert service.ask("GET", "/orders/a-1")[1]["payload"] == "two pizzas"
    assert service.ask("GET", "/orders/nobody")[0] == 404
    for body in ("", "[]", "{}", '{"id": 1, "payload": "x"}', '{"id": "\\u0000", "payload": "x"}'):
        assert service.ask("POST", "/orders", body)[0] == 400


def test_a_dead_database_is_503_at_once(service: Client, primary: Node) -> None:
    assert service.order("before")[0] == 201
    primary.kill()
    started_s = time.monotonic()
    status, answer = service.order("after")
    assert status == 503 and answer["outcome"] in ("refused", "unknown")
    status, answer = service.order("after")
    assert status == 503 and answer["outcome"] == "refused"
    assert service.ask("GET", "/health")[0] == 503
    assert time.monotonic() - started_s < 0.5
    primary.start()
    assert service.becomes(200)
    assert service.ask("GET", "/orders/before")[0] == 200


def test_a_frozen_database_is_503_within_a_second_however_many_ask(service: Client, primary: Node) -> None:
    def timed(number: int) -> tuple[int, float]:
        started_s = time.monotonic()
        return service.order(f"frozen-{number}")[0], time.monotonic() - started_s

    assert service.order("warm")[0] == 201
    server = psutil.Process(int(primary.pidfile.read_text().split()[0]))
    family = [server, *server.children()]
    for process in family:
        process.send_signal(signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(60) as clients:
            answers = list(clients.map(timed, range(60)))
    finally:
        for process in reversed(family):
            process.send_signal(signal.SIGCONT)
    assert {status for status, _ in answers} == {503}
    assert max(took_s for _, took_s in answers) < 1.8
    assert service.becomes(200)
    assert service.order("thawed")[0] == 201


def test_a_standby_is_not_healthy_and_takes_no_orders(service: Client, standby: Node) -> None:
    service.routing.write_text(standby.dsn)
    assert service.becomes(503)
    status, answer = service.order("to-a-standby")
    assert (status, answer["outcome"]) == (503, "refused")


def test_repointing_frees_whoever_waits_for_the_old_primary(
    service: Client, primary: Node, standby: Node
) -> None:
    with ThreadPoolExecutor(1) as waiting, connected(primary.dsn) as blocker, blocker.transaction():
        blocker.execute("LOCK TABLE orders")
        started_s = time.monotonic()
        answer = waiting.submit(service.order, "stuck")
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        assert wait_until(lambda: primary.ask(waits) == 1, 0.8)
        service.routing.write_text(standby.dsn)
        status, detail = answer.result()
        assert (status, detail["outcome"]) == (503, "unknown")
        assert time.monotonic() - started_s < 0.95
    standby.ask("SELECT pg_promote()")
    assert service.becomes(200)
    assert service.order("moved")[0] == 201
    assert standby.ask("SELECT count(*) FROM orders WHERE id = 'moved'") == 1


def test_the_service_ends_when_its_parent_closes_the_pipe(service: Client) -> None:
    assert service.process.stdin is not None
    service.process.stdin.close()
    assert service.process.wait(3) == 0
