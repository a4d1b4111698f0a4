"""Stores that a ledger can write to: HTTP, PostgreSQL, Redis, and others by entry point.

A plug-in registers a class under the entry point group `gameday.stores`; it takes the `options` of the
ledger block as keyword arguments and has the methods of `Store`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, cast
from urllib.parse import quote

from gameday import clock, hosts
from gameday.errors import GamedayError
from gameday.experiment.observers import HttpLedger, Ledger
from gameday.measure.loss import Found, Outcome
from gameday.observe import limits

GROUP = "gameday.stores"
AT_ONCE = 64
# a ledger follows an address that moved, even where the old server goes on answering
KEPT_S = 10.0
MADE_WITHIN_S = 10.0


class NotSent(Exception):
    """The ledger's own host had no file, port or memory left to send a write with."""


class Store(Protocol):
    """Where ledger writes go. Every method may be called many times at once.

    at_once: how many writes, and how many reads, may be under way; a store may leave it out, and has 64 then.
    """

    at_once: int

    async def write(self, key: str, payload: str) -> Outcome:
        """Write once, never retried. An exception means that nobody knows whether it was written.

        Raises NotSent when nothing was sent for want of something of this host.
        """

    async def read(self, key: str, payload: str) -> tuple[Found, int]:
        """What is there under `key`, and how many copies. An exception means that it could not be read."""

    async def close(self) -> None:
        """Let go of connections; what the ledger wrote may be removed."""


def store_of(ledger: Ledger, run: str) -> Store:
    """The store that a ledger block names. Raises GamedayError when a plug-in is missing."""
    if ledger.http is not None:
        return HttpStore(ledger.http)
    if ledger.postgresql is not None:
        return PostgresqlStore(ledger.postgresql, run)
    if ledger.redis is not None:
        return RedisStore(ledger.redis, run)
    return cast("Store", plug_in(str(ledger.store)).load()(**ledger.options))


def plug_in(name: str) -> EntryPoint:
    """The plug-in that offers a store. Raises GamedayError when there is none."""
    found = entry_points(group=GROUP, name=name)
    if not found:
        known = ", ".join(sorted(point.name for point in entry_points(group=GROUP))) or "none"
        raise GamedayError(f"no plug-in offers the store '{name}'; installed: {known}")
    return next(iter(found))


def refused(error: BaseException) -> Outcome:
    """What a connection that never opened says of a write. Raises NotSent when the fault is this host's."""
    if limits.is_own(error):
        raise NotSent from error
    return Outcome.REFUSED


class HttpStore:
    """A POST that writes, each on a connection of its own, and a GET that reads back on kept ones."""

    at_once = 256
    # a clear no; a 5xx and a 408 leave open whether the write was applied
    REFUSALS = frozenset(range(300, 500)) - {408}

    def __init__(self, ledger: HttpLedger) -> None:
        import aiohttp

        self.url = ledger.url
        self.body = json.dumps(ledger.body)
        self.get = ledger.get or ledger.url.rstrip("/") + "/{key}"
        headers = {"Content-Type": "application/json", **ledger.headers}
        fresh = aiohttp.TCPConnector(force_close=True, limit=0, use_dns_cache=False)
        self.session = self._session(headers, fresh)
        self.reader = self._session(headers, None)

    @staticmethod
    def _session(headers: dict[str, str], connector: Any) -> Any:
        import aiohttp

        # no cookies: one that ties a client to a server would tie the ledger to a dead one
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            trace_configs=hosts.watched(),
        )

    async def write(self, key: str, payload: str) -> Outcome:
        """POST once: 2xx acknowledges; 3xx, 4xx and a connection that never opened refuse."""
        import aiohttp

        body = self.body.replace("{key}", key).replace("{payload}", payload)
        try:
            async with self.session.post(self.url, data=body, allow_redirects=False) as response:
                while await response.content.readany():
                    pass  # what it says is of no use, but that it says it all is
        except aiohttp.ClientConnectorError as error:
            return refused(error)
        if response.status < 300:
            return Outcome.ACKNOWLEDGED
        return Outcome.REFUSED if response.status in self.REFUSALS else Outcome.UNKNOWN

    async def read(self, key: str, payload: str) -> tuple[Found, int]:
        """GET: 404 and 410 are absent; otherwise the copies of the payload in the answer are counted."""
        async with self.reader.get(self.get.replace("{key}", quote(key))) as response:
            text = await response.text()
        if response.status in (404, 410):
            return Found.ABSENT, 0
        if response.status >= 300:
            raise GamedayError(f"HTTP {response.status}")
        if payload in text:
            return Found.PRESENT, copies(text, payload)
        return (Found.CORRUPT, 1) if key in text else (Found.ABSENT, 0)

    async def close(self) -> None:
        """Close the connections; an HTTP store keeps what was written."""
        await self.session.close()
        await self.reader.close()


def copies(text: str, payload: str) -> int:
    """How many items of one list hold the payload; 1 when it is there in another way.

    An answer may say one write twice, as an echo or in its links: only items of a list are writes.
    """
    try:
        return max(1, _most_in_a_list(json.loads(text), payload))
    except (ValueError, RecursionError):
        return 1


def _most_in_a_list(node: Any, payload: str) -> int:
    """The largest number of objects in one list that hold the payload, in any list of this document."""
    if isinstance(node, dict):
        return max((_most_in_a_list(part, payload) for part in node.values()), default=0)
    if not isinstance(node, list):
        return 0
    here = sum(isinstance(part, dict) and _holds(part, payload) for part in node)
    return max([here, *(_most_in_a_list(part, payload) for part in node)])


def _holds(node: Any, payload: str) -> bool:
    """Whether the payload is anywhere inside."""
    if isinstance(node, dict):
        return any(payload in name or _holds(part, payload) for name, part in node.items())
    if isinstance(node, list):
        return any(_holds(part, payload) for part in node)
    return isinstance(node, str) and payload in node


class PostgresqlStore:
    """Rows in the table `gameday_ledger`, which it creates, and empties of its own rows when it closes."""

    at_once = 32
    CREATE = "CREATE TABLE IF NOT EXISTS gameday_ledger (run text, key text, payload text)"
    INDEX = "CREATE INDEX IF NOT EXISTS gameday_ledger_key ON gameday_ledger (key)"
    INSERT = "INSERT INTO gameday_ledger VALUES (%s, %s, %s)"
    SELECT = "SELECT payload FROM gameday_ledger WHERE key = %s"
    DELETE = "DELETE FROM gameday_ledger WHERE run = %s"
    # SQLSTATEs that leave it open: connection exception, operator intervention, completion unknown
    LOST = ("08", "57P", "40003")

    def __init__(self, dsn: str, run: str) -> None:
        from gameday.observe.postgresql import Connections

        self.dsn = dsn
        self.run = run
        self.connections = Connections(dsn, KEPT_S)
        self.is_made = False
        self.making: asyncio.Task[None] | None = None

    async def write(self, key: str, payload: str) -> Outcome:
        """INSERT and commit: an error the server names refuses; a lost connection leaves it open."""
        import psycopg

        try:
            await self._table()
            opened = await self.connections.take()
        except psycopg.Error as error:
            return refused(error)
        try:
            async with self.connections.using(opened) as connection:
                await connection.execute(self.INSERT, (self.run, key, payload))
        except psycopg.Error as error:
            is_named = error.sqlstate and not error.sqlstate.startswith(self.LOST)
            return Outcome.REFUSED if is_named else Outcome.UNKNOWN
        return Outcome.ACKNOWLEDGED

    async def read(self, key: str, payload: str) -> tuple[Found, int]:
        """SELECT every row of the key; rows that differ are corrupt, whichever of them is right."""
        await self._table()
        async with self.connections.using(await self.connections.take()) as connection:
            cursor = await connection.execute(self.SELECT, (key,))
            payloads = [row[0] for row in await cursor.fetchall()]
        if not payloads:
            return Found.ABSENT, 0
        return (Found.PRESENT if set(payloads) == {payload} else Found.CORRUPT), len(payloads)

    async def close(self) -> None:
        """Remove this run's rows and close."""
        if self.is_made:
            async with self.connections.using(await self.connections.take()) as connection:
                await connection.execute(self.DELETE, (self.run,))
        await self.connections.close()

    async def _table(self) -> None:
        """Wait for the table. One task makes it, whatever becomes of who waits: two would collide."""
        if not self.is_made:
            if self.making is None or self.making.done():
                self.making = asyncio.create_task(self._make())
            await asyncio.shield(self.making)

    async def _make(self) -> None:
        from psycopg.errors import DuplicateTable, UniqueViolation

        async with asyncio.timeout(MADE_WITHIN_S):
            async with self.connections.using(await self.connections.take()) as connection:
                for statement in (self.CREATE, self.INDEX):
                    with contextlib.suppress(DuplicateTable, UniqueViolation):  # another run was quicker
                        await connection.execute(statement)
        self.is_made = True


class RedisStore:
    """Keys under `gameday:<run>:`, removed when it closes."""

    at_once = 128

    def __init__(self, url: str, run: str) -> None:
        from redis.asyncio import ConnectionPool

        self.pool = ConnectionPool.from_url(
            url, max_connections=self.at_once, socket_timeout=None, socket_connect_timeout=None
        )
        self.prefix = f"gameday:{run}:"
        self.kept_until_ns: dict[Any, int] = {}

    async def write(self, key: str, payload: str) -> Outcome:
        """SET: an error reply or a connection that never opened refuses; a lost connection leaves it open."""
        from redis.exceptions import RedisError, ResponseError

        try:
            connection = await self.pool.get_connection()
        except (RedisError, OSError) as error:
            return refused(error)
        is_good = False
        try:
            await connection.send_command("SET", self.prefix + key, payload)
            await connection.read_response()
            is_good = self._is_kept(connection)
        except ResponseError:
            return Outcome.REFUSED
        finally:
            if not is_good:
                self.kept_until_ns.pop(connection, None)
                await connection.disconnect(nowait=True)
            await self.pool.release(connection)
        return Outcome.ACKNOWLEDGED

    def _is_kept(self, connection: Any) -> bool:
        """Whether a connection is still young enough to be used again."""
        now_ns = clock.now_ns()
        return now_ns < self.kept_until_ns.setdefault(connection, now_ns + round(KEPT_S * clock.NS_PER_S))

    async def read(self, key: str, payload: str) -> tuple[Found, int]:
        """GET the key."""
        from redis.asyncio import Redis

        value = await Redis(connection_pool=self.pool).get(self.prefix + key)
        if value is None:
            return Found.ABSENT, 0
        return (Found.PRESENT, 1) if value == payload.encode() else (Found.CORRUPT, 1)

    async def close(self) -> None:
        """Remove this run's keys and close."""
        from redis.asyncio import Redis

        client = Redis(connection_pool=self.pool)
        cursor = None
        while cursor != 0:
            cursor, keys = await client.scan(cursor or 0, match=self.prefix + "*", count=1000)
            if keys:
                await client.delete(*keys)
        await self.pool.disconnect()
