"""SLIs of a Prometheus: what it says, and when nothing is known. The Prometheus is a real one."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gameday.evidence.pack import Pack
from gameday.evidence.verify import verify
from gameday.experiment import plugged, sources
from gameday.experiment.observers import Prometheus
from gameday.measure.samples import Samples, read
from gameday.measure.sli import Goodness, judge
from gameday.measure.values import Wanted
from gameday.observe.asking import Answer
from gameday.observe.prometheus import (
    LARGEST_BYTES,
    NOTHING,
    STALE,
    Client,
    Refused,
    _read,
    _series,
    asker,
    check,
)
from gameday.run.children import Child, wait_until
from tests.observe.plugin import installed, site
from tests.observe.scraped import Scraped, scraped
from tests.run.conftest import Service, action, drill, service, start

__all__ = ["installed", "service", "site", "start"]  # fixtures
PROCESS = "gameday.faults.process"

LOW = Wanted("<", 2.0)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    with scraped(tmp_path_factory.mktemp("prometheus")) as found:
        yield found


def block(prometheus: Scraped, **more: Any) -> Prometheus:
    return Prometheus.model_validate({"url": prometheus.url, "every": "100ms", "timeout": "1s", **more})


def asked(prometheus: Scraped, query: str, wanted: Wanted = LOW, **more: Any) -> Answer:
    async def whole() -> Answer:
        asking = asker(Client(block(prometheus, **more)), query, wanted)
        try:
            return await asking.ask()
        finally:
            await asking.close()

    return asyncio.run(whole())


def checked(prometheus: Scraped, query: str) -> None:
    asyncio.run(check(block(prometheus), query))


def test_a_value_is_read_as_it_was_scraped(prometheus: Scraped) -> None:
    prometheus.say("lag 1.5\n")
    assert asked(prometheus, "lag") == Answer(True, 200, value=1.5)
    assert asked(prometheus, "2 * lag # twice") == Answer(True, 200, value=3.0)
    assert asked(prometheus, "scalar(lag)") == Answer(True, 200, value=1.5)


def test_of_several_series_the_worst_counts(prometheus: Scraped) -> None:
    prometheus.say('lag{on="a"} 1\nlag{on="b"} 7\nlag{on="c"} 0\n')
    assert asked(prometheus, "lag").value == 7
    assert asked(prometheus, "lag", Wanted(">", 2.0)).value == 0
    prometheus.say('lag{on="a"} 1\nlag{on="b"} NaN\n')
    assert asked(prometheus, "lag").error == STALE


def test_what_is_absent_is_not_known(prometheus: Scraped) -> None:
    prometheus.say("lag 1\n")
    gone = asked(prometheus, "nothing_of_this_name")
    assert (gone.ok, gone.error) == (False, NOTHING) and math.isnan(gone.value)
    prometheus.say(None)  # it scrapes, and gets nothing: its own sign that a series has ended
    assert asked(prometheus, "lag").error == NOTHING
    assert asked(prometheus, "lag < 2").error == NOTHING


def test_what_was_scraped_too_long_ago_is_not_known(prometheus: Scraped) -> None:
    taken_ms = round((time.time() - 20) * 1000)  # a value may carry its own moment
    prometheus.say(f"old_lag 1 {taken_ms}\n")
    assert asked(prometheus, "old_lag").value == 1
    assert asked(prometheus, "old_lag", **{"stale-after": "10s"}).error == STALE


@pytest.mark.parametrize(
    ("query", "why"), [("sum(", "parse error"), ("lag[5m]", "matrix"), ('"text"', "string")]
)
def test_a_query_that_gives_no_value_is_refused_before_the_run(
    prometheus: Scraped, query: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        checked(prometheus, query)


def test_that_there_is_nothing_yet_is_no_reason_to_refuse(prometheus: Scraped) -> None:
    checked(prometheus, "nothing_of_this_name")


def recorded(prometheus: Scraped, folder: Path) -> Iterator[Child]:
    queries = {"lag": {"query": "lag", "comparison": "<", "limit": 2.0}}
    asking = block(prometheus, timeout="300ms").as_orders()
    orders = {"folder": str(folder), "prometheus": asking, "queries": queries}
    child = Child.recorder("prometheus", "gameday.observe.prometheus", orders, folder / "log")
    try:
        assert wait_until(lambda: any(True for _ in child.messages()), 20), (folder / "log").read_text()
        yield child
    finally:
        child.stop()


def test_the_recorder_knows_nothing_while_there_is_no_answer(prometheus: Scraped, tmp_path: Path) -> None:
    prometheus.say("lag 1\n")
    for _ in recorded(prometheus, tmp_path):
        time.sleep(0.25)
        prometheus.say("lag 9\n")
        time.sleep(0.25)
        with prometheus.frozen():
            time.sleep(0.7)
    samples = read(tmp_path / "lag")
    judged = judge(samples, Goodness(wanted=LOW))
    errors = {samples.names[number] for number in samples.error}
    assert errors == {"", "timeout"} and not samples.skipped.any()
    assert set(samples.value[samples.ok]) == {1.0, 9.0}
    assert len(judged) == samples.ok.sum() < len(samples)
    assert judged.good.any() and (~judged.good).any()
    assert _unanswered_are_unknown(samples)


def _unanswered_are_unknown(samples: Samples) -> bool:
    return all(math.isnan(value) for value in samples.value[~samples.ok])


class Content:
    """An answer of so many bytes."""

    def __init__(self, size: int) -> None:
        self.left = size

    async def readany(self) -> bytes:
        piece = min(self.left, 65_536)
        self.left -= piece
        return b" " * piece


def test_an_answer_has_a_limit() -> None:
    assert len(asyncio.run(_read(Content(LARGEST_BYTES)))) == LARGEST_BYTES
    with pytest.raises(Refused, match="larger than"):
        asyncio.run(_read(Content(LARGEST_BYTES + 1)))
    many = [{"metric": {"n": str(number)}, "value": [1, "1"]} for number in range(1001)]
    with pytest.raises(Refused, match="more than 1000 series"):
        _series({"resultType": "vector", "result": many})


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"resultType": "vector"},
        {"resultType": "scalar", "result": [1]},
        {"resultType": "vector", "result": 1},
    ],
)
def test_an_answer_that_is_none_of_prometheus_is_told(data: dict[str, Any]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError, Refused)):
        _series(json.loads(json.dumps(data)))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (web.Response(status=503, text="Service Unavailable"), "HTTP 503"),
        (web.Response(status=422, text='{"status": "error", "error": "many-to-many"}'), "HTTP 422"),
        (web.Response(status=307, headers={"Location": "/elsewhere"}), "HTTP 307"),
        (web.Response(text="<html>"), "HTTP 200"),
        (web.Response(text="[" * 100_000), "HTTP 200"),
        (web.Response(text='{"status": "success", "data": {"resultType": "vector"}}'), "HTTP 200"),
        (web.Response(text='{"status": "success", "data": null}'), "HTTP 200"),
    ],
    ids=["503", "422", "redirect", "html", "deep", "half", "null"],
)
def test_an_answer_without_a_value_is_not_known(answer: web.Response, error: str) -> None:
    seen: list[str] = []

    async def give(request: web.Request) -> web.Response:
        seen.append(request.path)
        return answer

    async def whole() -> Answer:
        app = web.Application()
        app.add_routes([web.route("*", "/{path:.*}", give)])
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        asking = asker(Client(Prometheus.model_validate({"url": url})), "lag", LOW)
        try:
            return await asking.ask()
        finally:
            await asking.close()
            await runner.cleanup()

    told = asyncio.run(whole())
    assert (told.ok, told.error) == (False, error) and math.isnan(told.value)
    assert seen == ["/api/v1/query"]


def test_a_drill_is_measured_by_who_asks_the_service_and_needs_no_plug_in_afterwards(
    prometheus: Scraped, installed: Path, service: Service, start: Any
) -> None:
    prometheus.say("lag 1\n")
    options = {"url": f"{service.url}/health"}
    usual = {"objective": "100%", "window": "1s"}
    ours = {"source": "orders", "every": "20ms", "timeout": "500ms", "options": options}
    slis = [
        {"name": "ours", **ours, **usual},
        {"name": "lag", "source": "prometheus", "query": "lag", "good": "value < 2", **usual},
    ]
    steps = (
        action("freeze", PROCESS, "pause", "fault", pidfile=str(service.pidfile)),
        action("thaw", PROCESS, "resume", "failover", pidfile=str(service.pidfile)),
    )
    steps[0]["pauses"] = {"after": 1}
    asked = {"url": prometheus.url, "every": "100ms"}
    guardrails = {"targets": {"hosts": ["localhost"]}}
    game = start(drill(service, *steps, slis=slis, prometheus=asked, guardrails=guardrails))
    game.until("freeze", 60)
    prometheus.say("lag 9\n")
    game.until("recovery")
    time.sleep(1.2)  # the service has long been back, and the run waits for the lag
    prometheus.say("lag 1\n")
    code, record = game.end()
    assert (code, record["verdict"]) == (0, "passed"), (record.get("reasons"), game.said)
    first, second = record["slis"]
    assert (len(first["outages"]), len(second["outages"])) == (1, 1)
    assert record["rto"]["seconds"] == first["outages"][0]["seconds"] < second["outages"][0]["seconds"]
    assert (record["rto"]["probe_period"], record["rto"]["impact_seen"]) == (0.02, True)
    assert {row["source"] for row in record["latency"]} == {"orders-1-ours"}
    # what a plug-in prints is no word to the runner
    assert "read-back" in (game.pack / "logs/source-orders.log").read_text()
    sources.about.cache_clear()
    sys.path.remove(str(installed))
    assert plugged.offered(sources.GROUP) == []
    again = verify(Pack(game.pack))
    assert again.findings == [] and any("measured again, the same: RTO" in line for line in again.holds)
