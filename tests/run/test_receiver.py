"""The receiver of alarms, as a process: who may post, what it refuses, and that the run never feels it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from gameday import environment
from gameday.clock import NS_PER_S
from gameday.errors import GamedayError
from gameday.evidence.pack import Pack
from gameday.observe.ports import free_port
from gameday.run import receiving
from gameday.run.custody import Custody
from gameday.run.messages import Message
from gameday.run.receiver import BURST
from gameday.run.receiving import Listening, Receiving
from gameday.run.timeline import Timeline
from tests.faults.parts import need
from tests.run.test_alarms import ALERT, ALERTMANAGER

TOKEN = "0123456789abcdef-token"


@dataclass
class Post:
    """A receiver of a run, and how to post to it."""

    receiving: Receiving
    inbox: Path
    entries: list[dict[str, Any]]
    port: int

    def look_until(self, event: str, within_s: float = 20) -> dict[str, Any]:
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            self.receiving.look()
            if found := [entry for entry in self.entries if entry["event"] == event]:
                return found[0]
            assert not any(entry["event"] == "receiver-lost" for entry in self.entries), self.entries
            time.sleep(0.02)
        raise AssertionError(self.entries)

    def __call__(
        self,
        body: bytes,
        token: str | None = TOKEN,
        path: str = "/alarms",
        how: str = "POST",
        scheme: str = "Bearer",
    ) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            headers = {} if token is None else {"Authorization": f"{scheme} {token}"}
            connection.request(how, path, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def dropped(self) -> list[Message]:
        return [Message.read(path) for path in sorted(self.inbox.iterdir()) if path.name[0] != "."]


def listening(tmp_path: Path, address: str = "127.0.0.1:0", token: str = TOKEN) -> Listening:
    file = tmp_path / "token"
    file.write_text(f"{token}\n")
    return Listening.at(address, file)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    pack, inbox = Pack(tmp_path / "run"), tmp_path / "custody" / "inbox"
    pack.logs.mkdir(parents=True)
    inbox.mkdir(parents=True)
    timeline, entries = Timeline(pack.timeline), []
    timeline.listeners.append(entries.append)
    bound = listening(tmp_path)
    port = bound.socket.getsockname()[1]
    made = Receiving(bound, Custody(tmp_path / "custody", pack), timeline)
    made.start()
    post = Post(made, inbox, entries, port)
    try:
        assert post.look_until("receiver-ready")["url"] == f"http://127.0.0.1:{port}/alarms"
        yield post
    finally:
        made.stop()


def test_who_may_post_and_what_is_refused(post: Post) -> None:
    body = json.dumps(ALERTMANAGER).encode()
    assert post(body) == 200
    assert post(body) == 200  # alerting repeats itself
    assert [(each.alarm.name, each.alarm.status) for each in post.dropped() if each.alarm] == [
        ("OrdersDown", "firing"),
        ("OrdersDown", "resolved"),
    ]
    assert [post(body, token) for token in (None, "", "wrong", f"{TOKEN}x", TOKEN[:-1], "ü")] == [401] * 6
    assert (post(body, scheme="Basic"), post(body, scheme="bearer")) == (401, 200)
    assert [post(bad) for bad in (b"", b"{", b"[]", b"\xff", b"[" * 100_000)] == [400] * 5
    assert post(b"x" * 1_000_001) == 413
    assert (post(body, path="/"), post(b"", how="GET")) == (404, 405)
    # whoever guesses keeps nobody else out
    assert 429 in [post(b"", "wrong") for _ in range(BURST + 10)]
    later = {"alerts": [{**ALERT, "startsAt": "2026-11-24T11:00:00Z"}]}
    assert post(json.dumps(later).encode()) == 200
    assert len(post.dropped()) == 3
    assert 429 in [post(body) for _ in range(BURST + 10)]
    # and a client that only begins to speak is nobody's trouble
    with socket.create_connection(("127.0.0.1", post.port)) as slow:
        slow.sendall(b"POST /alarms HTTP/1.1\r\nHost: x\r\n")
        assert post(body) in (200, 429)
    post.receiving.look()
    assert [entry["event"] for entry in post.entries] == ["receiver-ready"]


def test_a_receiver_that_is_killed_is_one_event(post: Post) -> None:
    assert post.receiving.child is not None
    os.kill(post.receiving.child.pid, signal.SIGKILL)
    lost = post.look_until("receiver-lost")
    assert lost["reason"] == "it ended with exit code -9; see logs/receiver.log"
    post.receiving.look()
    assert len(post.entries) == 2


def test_a_receiver_that_hangs_is_ended_with_an_event(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    child = post.receiving.child
    assert child is not None
    os.kill(child.pid, signal.SIGSTOP)
    post.receiving.look()
    assert len(post.entries) == 1
    post.receiving.silent_at_ns -= round(receiving.SILENT_S * NS_PER_S)
    assert post.look_until("receiver-lost")["reason"] == "it was not heard of for 15 s"
    assert not child.is_alive


def test_the_receiver_ends_with_the_run(post: Post) -> None:
    child = post.receiving.child
    post.receiving.stop()
    assert child is not None and child.code == 0
    with pytest.raises(OSError, match="refused"):
        post(b"")


def test_the_address_and_the_token_are_looked_at_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in ("9094", "localhost:9094", "127.0.0.1:x", "127.0.0.1:70000", ":9094"):
        with pytest.raises(GamedayError, match=r"write (for example )?127\.0\.0\.1:9094"):
            listening(tmp_path, address)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(GamedayError, match="Address already in use; choose another port"):
            listening(tmp_path, f"127.0.0.1:{taken.getsockname()[1]}")
    with pytest.raises(GamedayError, match=r"at least 16 characters in .*token"):
        listening(tmp_path, token="short")
    with pytest.raises(GamedayError, match="there is no such file"):
        Listening.at("127.0.0.1:0", tmp_path / "nowhere")
    with pytest.raises(GamedayError, match="characters in GAMEDAY_LISTEN_TOKEN"):
        Listening.at("127.0.0.1:0", None)
    monkeypatch.setenv("GAMEDAY_LISTEN_TOKEN", TOKEN)
    bound = Listening.at("[::1]:0", None)
    bound.socket.close()
    assert bound.token == TOKEN and TOKEN not in repr(bound)
    assert "GAMEDAY_LISTEN_TOKEN" not in environment.of_child()


ALERTMANAGER_YAML = """
route: {{receiver: gameday, group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: gameday
    webhook_configs:
      - url: {url}
        http_config: {{authorization: {{type: Bearer, credentials: {token}}}}}
"""


@pytest.fixture
def alertmanager(post: Post, tmp_path: Path) -> Iterator[str]:
    """A real Alertmanager that posts to the receiver."""
    need("prometheus-alertmanager")
    port, config = free_port(), tmp_path / "alertmanager.yml"
    config.write_text(ALERTMANAGER_YAML.format(url=f"http://127.0.0.1:{post.port}/alarms", token=TOKEN))
    command = [
        shutil.which("prometheus-alertmanager") or "",
        f"--config.file={config}",
        f"--storage.path={tmp_path / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with (tmp_path / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for _ in range(200):
            try:
                urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_a_real_alertmanager_tells_the_run(post: Post, alertmanager: str) -> None:
    labels = {"alertname": "OrdersDown", "severity": "page", "service": "orders"}
    alert = {"labels": labels, "annotations": {"summary": "no orders"}, "startsAt": "2026-11-24T10:15:02Z"}
    body = json.dumps([alert]).encode()
    headers = {"Content-Type": "application/json"}
    urlopen(Request(f"{alertmanager}/api/v2/alerts", body, headers), timeout=10).close()
    deadline_s = time.monotonic() + 20
    while not post.dropped() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    (message,) = post.dropped()
    assert message.alarm is not None
    assert (message.alarm.name, message.alarm.status) == ("OrdersDown", "firing")
    assert message.alarm.starts_at == "2026-11-24T10:15:02Z" and message.alarm.fingerprint
    assert message.alarm.labels == {"severity": "page", "service": "orders"}
    assert message.alarm.summary == "no orders"
