"""The gate at the moment of a call: what the plan could not know is checked when it is known."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gameday import hosts
from gameday.errors import FaultError
from gameday.faults.protocol import most_targets
from gameday.guardrails import gate
from gameday.observe.prober import http_asker
from tests.guardrails import others
from tests.guardrails.test_targets import AT_HOME, OTHERS, command, http, python, step

Document = dict[str, Any]


@pytest.fixture(autouse=True)
def limited() -> Iterator[None]:
    """A run that may reach this host only, and whose faults may break what they declare."""
    hosts.limit([{"hosts": ["localhost"]}], most={})
    yield
    hosts.limit([])
    most_targets.set(None)


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """Answers; `/away` redirects to another host, `/around` to `/`."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            to = {"/away": "http://outside.invalid/", "/around": "/"}.get(self.path.partition("?")[0])
            self.send_response(302 if to else 200)
            self.send_header("Content-Length", "0")
            if to:
                self.send_header("Location", to)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


FOUND = {"base": "http://prod.example"}
CALLS: dict[str, tuple[Document, str]] = {
    "a base that a probe gave": (step(http("${base}/x"), targets=AT_HOME), "prod.example is not among"),
    "a port that is more than one": (
        step(http("http://localhost:${odd}/"), targets=AT_HOME),
        "prod.example is not among",
    ),
    "an undo": (
        step(command(), undo={"provider": http("${base}/x")}, targets=AT_HOME),
        "prod.example is not among",
    ),
    "a tolerance": (
        step(command(), tolerance={"type": "probe", "name": "j", "provider": http("${base}/x")}),
        "prod.example is not among",
    ),
    "a fault": (
        step(python("pause", "gameday.faults.process", pid=1, host="ssh://${name}"), targets=AT_HOME),
        "prod.example is not among",
    ),
    "somebody's fault": (step(python("on", host="${name}"), targets=AT_HOME), "prod.example is not among"),
    "a fault that aims": (step(python("some", host="${name}"), targets=AT_HOME), "prod.example is not among"),
    "a variable that nobody knows": (step(http("${none}/x"), targets=AT_HOME), "nobody can tell"),
}


@pytest.mark.parametrize("case", CALLS)
def test_what_leads_elsewhere_does_not_pass(case: str) -> None:
    activity, words = CALLS[case]
    values = {**FOUND, "odd": "80@prod.example", "name": "prod.example"}
    with pytest.raises(hosts.Outside, match=words):
        gate.must_pass(activity, values, {})
    with pytest.raises(hosts.Outside, match=words):
        gate.must_pass(activity, {}, {"group": values})


def test_what_stays_passes_and_without_a_rule_everything_does() -> None:
    gate.must_pass(step(http("${base}/x")), {"base": "http://localhost"}, {"group": {"other": 1}})
    gate.must_pass(step(command()), {}, None)
    gate.must_pass(step(python("call", OTHERS)), {}, {})
    hosts.limit([])
    gate.must_pass(step(http("http://prod.example/")), {}, {})


def test_a_redirect_elsewhere_is_not_followed(service: str) -> None:
    from chaoslib.activity import run_activity

    for path, refused in (("/around", False), ("/away", True)):
        activity = step(http(service + path))
        gate.must_pass(activity, {}, {})
        if refused:
            with pytest.raises(hosts.Outside, match=r"outside\.invalid is not among"):
                run_activity(activity, {}, {})
        else:
            assert run_activity(activity, {}, {})["status"] == 200


def test_a_call_that_declares_what_it_hits_may_talk_to_others(service: str) -> None:
    import requests

    gate.must_pass(step(python("call", OTHERS), targets=AT_HOME), {}, {})
    with pytest.raises(requests.ConnectionError):
        requests.get(service + "/away", timeout=5)


def test_a_fault_stops_before_it_breaks_more_than_it_declares() -> None:
    gate.must_pass(step(python("five", OTHERS), targets={**AT_HOME, "count": 2}), {}, {})
    others.broken.clear()
    with pytest.raises(FaultError, match="would break more than 2"):
        others.five()
    assert others.broken == [0, 1]
    hosts.limit([])
    gate.must_pass(step(python("five", OTHERS)), {}, {})
    assert others.five()["landed"] is True


def test_a_fault_that_aims_may_break_what_the_plan_saw() -> None:
    others.broken.clear()
    hosts.limit([{"hosts": ["localhost"]}], most={"it": 3})
    gate.must_pass(step(python("some", OTHERS)), {}, {})
    assert others.some(3)["landed"] and others.broken == [0, 1, 2]
    with pytest.raises(FaultError, match="would break more than 3"):
        others.some(4)
    gate.must_pass({**step(python("some", OTHERS)), "name": "another"}, {}, {})
    with pytest.raises(FaultError, match="would break more than 1"):
        others.some(2)
    assert others.broken == [0, 1, 2], "it is refused when it aims, before it breaks any"


def test_a_place_of_another_kind_passes_where_it_is_allowed() -> None:
    hosts.limit([{"places": [{"kind": "etcd", "name": "orders-*", "parts": ["left"]}]}])
    gate.must_pass(step(python("lock", OTHERS, name="${cell}")), {"cell": "orders-1"}, {})
    with pytest.raises(hosts.Outside, match="etcd prod/left is not among the allowed targets"):
        gate.must_pass(step(python("lock", OTHERS, name="${cell}")), {"cell": "prod"}, {})
    with pytest.raises(hosts.Outside, match="localhost is not among"):
        gate.must_pass(step(python("some", OTHERS)), {}, {})


def test_a_probe_follows_no_redirect_elsewhere(service: str) -> None:
    import asyncio

    from gameday.experiment.observers import Probe

    async def ask(path: str) -> bool:
        asker = http_asker(Probe.model_validate({"http": service + path}), is_kept=False)
        try:
            return (await asker.ask()).ok
        finally:
            await asker.close()

    assert asyncio.run(ask("/around"))
    with pytest.raises(hosts.Outside, match=r"outside\.invalid is not among"):
        asyncio.run(ask("/away"))


def test_a_ledger_reads_nothing_back_from_elsewhere(service: str) -> None:
    import asyncio

    from gameday.experiment.observers import HttpLedger
    from gameday.observe.stores import HttpStore

    async def read() -> None:
        store = HttpStore(HttpLedger.model_validate({"url": service, "get": service + "/away?{key}"}))
        try:
            await store.read("key", "payload")
        finally:
            await store.close()

    with pytest.raises(hosts.Outside, match=r"outside\.invalid is not among"):
        asyncio.run(read())


def test_the_engine_plays_nothing_that_does_not_pass() -> None:
    import chaoslib.activity
    from chaoslib.exceptions import ActivityFailed

    from gameday.run.engine import errors_end_activities_only

    feed: Any = SimpleNamespace(part="method")
    owing: Any = SimpleNamespace(owe=lambda *_: None, dry=None)
    with (
        errors_end_activities_only(feed, owing, None),
        pytest.raises(ActivityFailed, match=r"guardrails\.targets: prod.example is not among"),
    ):
        chaoslib.activity.run_activity(step(http("http://${name}/")), {"name": "prod.example"}, {})


USERS = """
import sys
from locust import FastHttpUser, HttpUser
from locust.env import Environment
from gameday.observe import locust_gate

locust_gate.close()
service, said = sys.argv[1], []
environment = Environment()
environment.events.request.add_listener(lambda exception, **_: said.append(str(exception)))
for kind in (HttpUser, FastHttpUser):
    user = type("User", (kind,), {"abstract": False, "host": service})(environment)
    for path in ("/around", "/away", "http://outside.invalid/"):
        user.client.get(path)
print(*said, sep="\\n")
"""


def test_users_of_the_load_reach_no_host_elsewhere(service: str, tmp_path: Path) -> None:
    line = [sys.executable, "-c", USERS, service]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=True)
    refused = "guardrails.targets: outside.invalid is not among the allowed targets"
    assert done.stdout.splitlines() == ["None", refused, refused] * 2


def test_a_recovery_is_told_what_the_run_was_told(tmp_path: Path) -> None:
    gate.keep(tmp_path)
    hosts.limit([])
    gate.recall(tmp_path)
    assert (hosts.limits(), hosts.most()) == ([["localhost"]], {})
    (tmp_path / gate.LIMITS).write_text('{"hosts": [["localhost"]], "counts_targets": true}')
    gate.recall(tmp_path)
    assert (hosts.limits(), hosts.most()) == ([["localhost"]], {}), "of a run that an older gameday began"
    for text in ("[]", "nonsense"):
        (tmp_path / gate.LIMITS).write_text(text)
        gate.recall(tmp_path)
        assert hosts.limits() == []
    (tmp_path / gate.LIMITS).unlink()
    hosts.limit([])
    gate.keep(tmp_path)
    assert not (tmp_path / gate.LIMITS).exists(), "no limit leaves no file"


def test_a_declared_undo_passes_too() -> None:
    from gameday.run import declared

    undo = {"type": "action", "name": "undo it", "provider": http("http://${name}/")}
    with pytest.raises(hosts.Outside, match=r"prod\.example is not among"):
        declared.play({"activity": undo, "configuration": {"name": "prod.example"}})
