"""Stores that a ledger can write to: HTTP, PostgreSQL, Redis, and others by entry point.

A plug-in registers a class under the entry point group `gameday.stores`; it takes the `options` of the
ledger block as keyword arguments and has the methods of `Store`.
"""

from __future__ import annotations

import asyncio
import json
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, cast
from urllib.parse import quote

from gameday.errors import GamedayError
from gameday.experiment.model import HttpLedger, Ledger
from gameday.measure.loss import Found, Outcome

GROUP = "gameday.stores"
KEPT_CONNECTIONS = 16


class Store(Protocol):
    """Where ledger writes go. Every method may be called many times at once."""

    async def write(self, key: str, payload: str) -> Outcome:
        """Write once, never retried. An exception means that nobody knows whether it was written."""

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


class HttpStore:
    """A POST that writes, each on a connection of its own, and a GET that reads back on kept ones."""

    # a clear no; a 5xx and a 408 leave open whether the write was applied
    REFUSALS = frozenset(range(300, 500)) - {408}

    def __init__(self, ledger: HttpLedger) -> None:
        import aiohttp

        self.url = ledger.url
        self.body = json.dumps(ledger.body)
        self.get = ledger.get or ledger.url.rstrip("/") + "/{key}"
        headers = {"Content-Type": "application/json", **ledger.headers}
        no_limit = aiohttp.ClientTimeout(total=None)
        fresh = aiohttp.TCPConnector(force_close=True, limit=0, use_dns_cache=False)
        self.session = aiohttp.ClientSession(connector=fresh, timeout=no_limit, headers=headers)
        self.reader = aiohttp.ClientSession(timeout=no_limit, headers=headers)

    async def write(self, key: str, payload: str) -> Outcome:
        """POST once: 2xx acknowledges; 3xx, 4xx and a connection that never opened refuse."""
        import aiohttp

        body = self.body.replace("{key}", key).replace("{payload}", payload)
        try:
            async with self.session.post(self.url, data=body, allow_redirects=False) as response:
                await response.read()
        except aiohttp.ClientConnectorError:
            return Outcome.REFUSED
        if response.status < 300:
            return Outcome.ACKNOWLEDGED
        return Outcome.REFUSED if response.status in self.REFUSALS else Outcome.UNKNOWN

    async def read(self, key: str, payload: str) -> tuple[Found, int]:
        """GET: 404 and 410 are absent; otherwise the payload is counted in the answer."""
        async with self.reader.get(self.get.replace("{key}", quote(key))) as response:
            text = await response.text()
        if response.status in (404, 410):
            return Found.ABSENT, 0
        if response.status >= 300:
            raise GamedayError(f"HTTP {response.status}")
        copies = text.count(payload)
        if copies:
            return Found.PRESENT, copies
        return (Found.CORRUPT, 1) if key in text else (Found.ABSENT, 0)

    async def close(self) -> None:
        """Close the connections; an HTTP store keeps what was written."""
        await self.session.close()
        await self.reader.close()


class PostgresqlStore:
    """Rows in the table `gameday_ledger`, which it creates, and empties of its own rows when it closes."""

    CREATE = "CREATE TABLE IF NOT EXISTS gameday_ledger (run text, key text, payload text)"
    LOST = ("08", "57P")  # SQLSTATE classes: connection exception, operator intervention
    INDEX = "CREATE INDEX IF NOT EXISTS gameday_ledger_key ON gameday_ledger (key)"

    def __init__(self, dsn: str, run: str) -> None:
        self.dsn = dsn
        self.run = run
        self.kept: list[Any] = []
        self.is_made = False
        self.making = asyncio.Lock()

    async def write(self, key: str, payload: str) -> Outcome:
        """INSERT and commit: an error the server names refuses; a lost connection leaves it open."""
        import psycopg

        try:
            connection = await self._connection()
        except psycopg.OperationalError:
            return Outcome.REFUSED
        insert = "INSERT INTO gameday_ledger VALUES (%s, %s, %s)"
        try:
            await connection.execute(insert, (self.run, key, payload))
        except psycopg.Error as error:
            await connection.close()
            is_named = error.sqlstate and not error.sqlstate.startswith(self.LOST)
            return Outcome.REFUSED if is_named else Outcome.UNKNOWN
        except BaseException:
            await connection.close()
            raise
        self._keep(connection)
        return Outcome.ACKNOWLEDGED

    async def read(self, key: str, payload: str) -> tuple[Found, int]:
        """SELECT every row of the key."""
        connection = await self._connection()
        try:
            cursor = await connection.execute("SELECT payload FROM gameday_ledger WHERE key = %s", (key,))
            payloads = [row[0] for row in await cursor.fetchall()]
        except BaseException:
            await connection.close()
            raise
        self._keep(connection)
        if not payloads:
            return Found.ABSENT, 0
        intact = payloads.count(payload)
        return (Found.PRESENT, len(payloads)) if intact else (Found.CORRUPT, len(payloads))

    async def close(self) -> None:
        """Remove this run's rows and close."""
        if self.is_made:
            connection = await self._connection()
            await connection.execute("DELETE FROM gameday_ledger WHERE run = %s", (self.run,))
            self._keep(connection)
        for connection in self.kept:
            await connection.close()

    async def _connection(self) -> Any:
        import psycopg

        while self.kept:
            connection = self.kept.pop()
            if not connection.closed:
                return connection
        connection = await psycopg.AsyncConnection.connect(self.dsn, autocommit=True)
        async with self.making:  # two at once would both find no table, and one would fail
            if not self.is_made:
                await connection.execute(self.CREATE)
                await connection.execute(self.INDEX)
                self.is_made = True
        return connection

    def _keep(self, connection: Any) -> None:
        self.kept.append(connection)


class RedisStore:
    """Keys under `gameday:<run>:`, removed when it closes."""

    def __init__(self, url: str, run: str) -> None:
        from redis.asyncio import ConnectionPool

        self.pool = ConnectionPool.from_url(url, max_connections=1024)
        self.prefix = f"gameday:{run}:"

    async def write(self, key: str, payload: str) -> Outcome:
        """SET: an error reply or a connection that never opened refuses; a lost connection leaves it open."""
        from redis.exceptions import RedisError, ResponseError

        try:
            connection = await self.pool.get_connection()
        except (RedisError, OSError):
            return Outcome.REFUSED
        try:
            await connection.send_command("SET", self.prefix + key, payload)
            await connection.read_response()
        except ResponseError:
            return Outcome.REFUSED
        except BaseException:
            await connection.disconnect()
            raise
        finally:
            await self.pool.release(connection)
        return Outcome.ACKNOWLEDGED

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
        async for key in client.scan_iter(match=self.prefix + "*", count=1000):
            await client.delete(key)
        await self.pool.disconnect()
