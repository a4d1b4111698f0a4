"""The prober: what it asks, on which connections, and what it says of what it did not ask."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from aiohttp import web
from pydantic import ValidationError

from gameday import clock
from gameday.experiment.observers import Probe
from gameday.lab.postgresql import Node
from gameday.measure.samples import Samples, read
from gameday.observe import asking, limits
from gameday.observe.asking import EXHAUSTED, FULL, Answer, Asker, Schedule, ask_on_schedule
from gameday.observe.prober import FRESH_EVERY, asker, mixed, schedule
from gameday.samples import SampleWriter

NS_PER_S = 1_000_000_000
Ask = Callable[[], Awaitable[Answer]]


async def nothing() -> None: ...


def probed(ask: Ask, folder: Path, for_s: float = 0.2, limit: int = 100, timeout: str = "200ms") -> Samples:
    """A hundred probes a second for a while."""
    probe = Probe.model_validate({"tcp": "127.0.0.1:1", "every": "10ms", "timeout": timeout})

    async def whole() -> None:
        writer, stop = SampleWriter(folder, "probe"), asyncio.Event()
        probing = asyncio.create_task(
            ask_on_schedule(schedule(probe), Asker(ask, nothing), writer, stop, phase=0.0, limit=limit)
        )
        await asyncio.sleep(for_s)
        stop.set()
        await probing
        writer.close()

    asyncio.run(whole())
    return read(folder / "probe")


def errors_of(samples: Samples) -> set[str]:
    return {samples.names[number] for number in samples.error}


async def hangs() -> Answer:
    await asyncio.sleep(60)
    return Answer(ok=True)


def failing(error: BaseException) -> Ask:
    async def ask() -> Answer:
        raise error

    return ask


def test_a_prober_that_is_full_skips_and_says_so(tmp_path: Path) -> None:
    samples = probed(hangs, tmp_path, for_s=0.3, limit=2)
    skipped, sent = samples.where(samples.skipped), samples.where(~samples.skipped)
    assert len(skipped) > 10 and errors_of(skipped) == {FULL} and not skipped.ok.any()
    assert (skipped.sent_ns == skipped.done_ns).all()
    assert sent.timed_out.all() and errors_of(sent) == {"timeout"}


@pytest.mark.parametrize("code", [errno.EMFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS])
def test_a_probe_that_this_host_could_not_send_is_skipped(tmp_path: Path, code: int) -> None:
    error = ConnectionError("cannot connect")
    error.__cause__ = OSError(code, "what the kernel said")
    samples = probed(failing(error), tmp_path, for_s=0.05)
    assert samples.skipped.all() and errors_of(samples) == {EXHAUSTED}


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(), ValueError("a surprise"), psycopg.OperationalError()]
)
def test_whatever_else_goes_wrong_is_a_bad_sample_under_its_name(tmp_path: Path, error: Exception) -> None:
    samples = probed(failing(error), tmp_path, for_s=0.05)
    assert not samples.skipped.any() and errors_of(samples) == {type(error).__name__}


def test_a_probe_that_will_not_end_is_given_up_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "FINISH_WITHIN_S", 0.0)

    async def deaf() -> Answer:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return await hangs()

    samples = probed(deaf, tmp_path, for_s=0.05, timeout="50ms")
    assert len(samples) >= 4 and not samples.ok.any()


def test_one_kept_probe_in_ten_goes_over_a_new_connection() -> None:
    asked: list[str] = []

    def said(word: str) -> Asker:
        async def ask() -> Answer:
            asked.append(word)
            return Answer(ok=True)

        return Asker(ask, nothing)

    async def whole() -> None:
        both = mixed(kept=said("kept"), fresh=said("fresh"))
        for _ in range(30):
            await both.ask()

    asyncio.run(whole())
    assert FRESH_EVERY == 10
    assert asked == (["fresh"] + ["kept"] * 9) * 3


@contextlib.asynccontextmanager
async def web_server() -> AsyncIterator[tuple[str, set[Any]]]:
    """A web server, and the connections that it has seen."""
    seen: set[Any] = set()

    async def answer(request: web.Request) -> web.Response:
        seen.add(request.transport)
        return web.Response(text="fine" * 100_000)

    app = web.Application()

    async def elsewhere(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": request.query["where"]})

    app.add_routes([web.get("/", answer), web.get("/elsewhere", elsewhere)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/", seen
    await runner.cleanup()


NOWHERE = [
    "http://",
    "https:///",
    "http:///x",
    "//",
    "http://:80/",
    "http://[",
    "http://..",
    "http:",
    "mailto:x",
]


def test_a_redirect_to_nowhere_is_a_bad_sample(tmp_path: Path) -> None:
    async def whole() -> None:
        async with web_server() as (address, _):
            writer = SampleWriter(tmp_path, "probe")
            for where in NOWHERE:
                probe = Probe.model_validate({"http": f"{address}elsewhere?where={quote(where, safe='')}"})
                asked = asker(probe)
                await asking._one(asked, Schedule("page", probe.every, probe.timeout), writer, clock.now_ns())
                await asked.close()
            writer.close()

    asyncio.run(whole())
    samples = read(tmp_path / "probe")
    assert len(samples) == len(NOWHERE)
    assert not samples.ok.any() and not samples.skipped.any()


def test_errors_that_name_each_other_as_their_cause_are_looked_at_once() -> None:
    one, other = ValueError(), OSError()
    one.__cause__, other.__cause__ = other, one
    assert not limits.is_own(one)


@pytest.mark.parametrize(("connections", "expected"), [("fresh", 20), ("reuse", 3)])
def test_http_probes_open_as_many_connections_as_they_say(connections: str, expected: int) -> None:
    async def whole() -> int:
        async with web_server() as (address, seen):
            asking = asker(Probe.model_validate({"http": address, "connections": connections}))
            for _ in range(20):
                assert (await asking.ask()).ok
            await asking.close()
            return len(seen)

    assert asyncio.run(whole()) == expected  # two of twenty are new ones, besides the one that is kept


@pytest.mark.parametrize(("connections", "expected"), [("fresh", 20), ("reuse", 3)])
def test_sql_probes_open_as_many_connections_as_they_say(
    primary: Node, connections: str, expected: int
) -> None:
    with psycopg.connect(primary.dsn, autocommit=True) as own:
        own.execute("CREATE TABLE sessions (pid int PRIMARY KEY)")
        note = "INSERT INTO sessions VALUES (pg_backend_pid()) ON CONFLICT DO NOTHING"

        async def whole() -> None:
            block = {"sql": primary.dsn, "query": note, "connections": connections}
            asking = asker(Probe.model_validate(block))
            for _ in range(20):
                assert (await asking.ask()).ok
            await asking.close()

        asyncio.run(whole())
        count = own.execute("SELECT count(*) FROM sessions").fetchone()
        assert count == (expected,)


@pytest.fixture
def frozen_port() -> Iterator[int]:
    """A port whose kernel listens, and behind which nobody accepts: what a frozen process looks like."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def asked_tcp(port: int, expect: str | None) -> str:
    asking = asker(Probe.model_validate({"tcp": f"127.0.0.1:{port}", "expect": expect}))
    try:
        async with asyncio.timeout(0.5):
            answer = await asking.ask()
    except TimeoutError:
        return "timeout"
    return "good" if answer.ok else answer.error


def test_a_plain_tcp_probe_proves_a_listening_kernel_only(frozen_port: int) -> None:
    assert asyncio.run(asked_tcp(frozen_port, None)) == "good"


def test_a_frozen_process_says_no_banner(frozen_port: int) -> None:
    assert asyncio.run(asked_tcp(frozen_port, "banner")) == "timeout"


@pytest.mark.parametrize(("greeting", "expected"), [(b"2", "good"), (b"", "no banner")])
def test_a_banner_is_the_first_byte_that_a_server_says(greeting: bytes, expected: str) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    async def whole() -> str:
        async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
            return await asked_tcp(server.sockets[0].getsockname()[1], "banner")

    assert asyncio.run(whole()) == expected


@pytest.mark.parametrize(
    ("probe", "instead"),
    [
        ({"http": "http://shop/", "expect": "banner"}, "write a status such as expect: 200, or expect: any"),
        ({"tcp": "shop:80", "expect": 200}, "write expect: banner, or leave it out"),
        ({"tcp": "shop:80", "expect": "any"}, "write expect: banner, or leave it out"),
        ({"sql": "host=shop", "expect": "banner"}, "leave it out: the query must succeed"),
        ({"sql": "host=shop", "expect": 200}, "leave it out: the query must succeed"),
    ],
)
def test_a_probe_expects_only_what_it_can_see(probe: dict[str, Any], instead: str) -> None:
    with pytest.raises(ValidationError, match=f"does not go with {next(iter(probe))}; {instead}"):
        Probe.model_validate(probe)


@pytest.mark.parametrize(
    "probe",
    [
        {"http": "http://shop/", "expect": 404},
        {"http": "http://shop/", "expect": "any"},
        {"tcp": "shop:25", "expect": "banner"},
        {"tcp": "shop:80"},
        {"sql": "host=shop"},
    ],
)
def test_a_probe_may_expect_what_it_can_see(probe: dict[str, Any]) -> None:
    assert Probe.model_validate(probe).expect == probe.get("expect")


def test_libpq_has_words_only_for_a_host_without_files_or_ports() -> None:
    refusal = 'connection to server at "127.0.0.1", port 5432 failed: '
    assert limits.is_own(psycopg.OperationalError(f"{refusal}could not create socket: Too many open files"))
    assert limits.is_own(psycopg.OperationalError(f"{refusal}Cannot assign requested address"))
    assert not limits.is_own(psycopg.OperationalError(f"{refusal}Connection refused"))
    assert not limits.is_own(
        psycopg.OperationalError("FATAL:  could not open file: Too many open files in system")
    )


def test_a_recorder_takes_the_files_that_it_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def room() -> int:
        return limits.make_room()

    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        assert asyncio.run(room()) == min(limits.MAX_AT_ONCE, before[1] - limits.SPARE_FILES)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
