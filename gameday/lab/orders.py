"""A small orders service: 201 only after PostgreSQL acknowledged the commit.

    python -m gameday.lab.orders --port 8080 --routing primary.dsn < pipe

The routing file holds the DSN of the primary. The service ends when its standard input does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from aiohttp import web

Connection = psycopg.AsyncConnection[tuple[Any, ...]]

ANSWER_WITHIN_S = 1.0
LOOK_EVERY_S = 0.02
ORDER_CONNECTIONS = 16
HEALTH_CONNECTIONS = 2
BODY_LIMIT_BYTES = 64 * 1024
SCHEMA = "CREATE TABLE IF NOT EXISTS orders (id text PRIMARY KEY, payload text NOT NULL)"
INSERT = b"INSERT INTO orders (id, payload) VALUES (%s, %s)"
SELECT = b"SELECT payload FROM orders WHERE id = %s"
IS_STANDBY = b"SELECT pg_is_in_recovery()"


class Unavailable(Exception):
    """The database did not answer. `outcome` is `refused` when nothing can have been written."""

    def __init__(self, reason: str, outcome: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


class Pool:
    """A few connections to one server. Every wait ends within a second, and all at once when closed.

    What takes too long loses its socket. It is never cancelled: PostgreSQL answers the cancellation of a
    commit that waits for its synchronous standby with success, which would acknowledge a write that only
    one server has.
    """

    def __init__(self, dsn: str, size: int) -> None:
        self.dsn = dsn
        self.is_closed = False
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._slots = asyncio.Semaphore(size)

    async def fetch(self, query: bytes, *parameters: str) -> tuple[Any, ...] | None:
        """Run one statement in its own transaction; its first row, if it has rows.

        Raises Unavailable when the server does not answer in time.
        """
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S) as limit:
                await self._slots.acquire()
        except TimeoutError:
            raise Unavailable("every connection is busy", "refused") from None
        try:
            left_s = max(0.001, (limit.when() or 0) - asyncio.get_running_loop().time())
            return await self._fetch(await self._connection(left_s), left_s, query, parameters)
        finally:
            self._slots.release()

    def close(self) -> None:
        """Drop every connection now; whoever waits for an answer is told at once."""
        self.is_closed = True
        self._idle.clear()
        for connection in self._open:
            hang_up(connection)

    async def _connection(self, within_s: float) -> Connection:
        if self._idle:
            return self._idle.pop()
        try:
            async with asyncio.timeout(within_s):
                connection = await psycopg.AsyncConnection.connect(
                    self.dsn, autocommit=True, prepare_threshold=1
                )
        except (psycopg.Error, TimeoutError) as error:
            raise Unavailable(str(error) or "the database does not answer", "refused") from None
        self._open.add(connection)
        if self.is_closed:
            await self._drop(connection)
            raise Unavailable("the service moves to another database", "refused")
        return connection

    async def _fetch(
        self, connection: Connection, within_s: float, query: bytes, parameters: tuple[str, ...]
    ) -> tuple[Any, ...] | None:
        deadline = asyncio.get_running_loop().call_later(within_s, hang_up, connection)
        try:
            cursor = await connection.execute(query, parameters)
            row = await cursor.fetchone() if cursor.description else None
        except psycopg.IntegrityError:
            await self._keep(connection)
            raise
        except psycopg.Error as error:
            outcome = outcome_of(error)
            await self._drop(connection)
            raise Unavailable(str(error), outcome) from None
        finally:
            deadline.cancel()
        await self._keep(connection)
        return row

    async def _keep(self, connection: Connection) -> None:
        if self.is_closed or connection.closed:
            await self._drop(connection)
        else:
            self._idle.append(connection)

    async def _drop(self, connection: Connection) -> None:
        self._open.discard(connection)
        with suppress(psycopg.Error):
            await connection.close()


def outcome_of(error: psycopg.Error) -> str:
    """Whether a statement that failed can have been committed: `refused` if not, else `unknown`.

    A lost connection can, and so can a shutdown (57P…): it interrupts a commit that waits for its standby.
    """
    state = error.sqlstate
    return "refused" if state and not state.startswith(("57P", "08", "40003")) else "unknown"


def hang_up(connection: Connection) -> None:
    """End the connection under whoever waits for it: the wait ends with an error at once."""
    with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as twin:
        twin.shutdown(socket.SHUT_RDWR)


class Orders:
    """The service: orders and their health, always at the primary that the routing file names."""

    def __init__(self, routing: Path) -> None:
        self.routing = routing
        self.dsn = routing.read_text().strip()
        self.orders = Pool(self.dsn, ORDER_CONNECTIONS)
        # of its own: orders that wait say nothing about the server's health
        self.health = Pool(self.dsn, HEALTH_CONNECTIONS)

    def _point_to(self, dsn: str) -> None:
        old = (self.orders, self.health)
        self.dsn = dsn
        self.orders = Pool(dsn, ORDER_CONNECTIONS)
        self.health = Pool(dsn, HEALTH_CONNECTIONS)
        for pool in old:
            pool.close()

    async def follow_routing(self) -> None:
        """Move to another primary as soon as the routing file names one."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            with suppress(OSError):
                dsn = self.routing.read_text().strip()
                if dsn and dsn != self.dsn:
                    self._point_to(dsn)

    async def create(self, request: web.Request) -> web.Response:
        """POST /orders: 201 once the commit is acknowledged, 409 when the id exists, 503 otherwise."""
        try:
            order = await request.json()
            identity, payload = order["id"], order["payload"]
        except (ValueError, KeyError, TypeError):
            return web.json_response({"error": 'send {"id": "…", "payload": "…"}'}, status=400)
        if not (isinstance(identity, str) and isinstance(payload, str)) or "\0" in identity + payload:
            return web.json_response({"error": "id and payload are text"}, status=400)
        try:
            await self.orders.fetch(INSERT, identity, payload)
        except psycopg.IntegrityError:
            return web.json_response({"error": "this id exists"}, status=409)
        except Unavailable as error:
            return unavailable(error)
        return web.json_response({"id": identity}, status=201)

    async def read(self, request: web.Request) -> web.Response:
        """GET /orders/{id}: the order, or 404."""
        identity = request.match_info["id"]
        try:
            row = await self.orders.fetch(SELECT, identity)
        except Unavailable as error:
            return unavailable(error)
        if row is None:
            return web.json_response({"error": "there is no such order"}, status=404)
        return web.json_response({"id": identity, "payload": row[0]})

    async def healthy(self, _request: web.Request) -> web.Response:
        """GET /health: 200 when the database answers and takes writes."""
        try:
            row = await self.health.fetch(IS_STANDBY)
        except Unavailable as error:
            return unavailable(error)
        if row != (False,):
            return unavailable(Unavailable("the database is a standby", "refused"))
        return web.json_response({"status": "healthy"})


def unavailable(error: Unavailable) -> web.Response:
    """503. `outcome` says whether a write can have been made: `refused` or `unknown`."""
    return web.json_response({"error": str(error), "outcome": error.outcome}, status=503)


def application(routing: Path) -> web.Application:
    """The web application."""
    service = Orders(routing)
    app = web.Application(client_max_size=BODY_LIMIT_BYTES)
    app.add_routes(
        [
            web.post("/orders", service.create),
            web.get("/orders/{id}", service.read),
            web.get("/health", service.healthy),
        ]
    )

    async def start_following(app: web.Application) -> None:
        app[FOLLOWER] = asyncio.create_task(service.follow_routing())

    app.on_startup.append(start_following)
    return app


FOLLOWER: web.AppKey[asyncio.Task[None]] = web.AppKey("follower")


def end_with_parent() -> None:
    """Exit as soon as standard input ends: the parent is gone, or wants no more."""

    def watch() -> None:
        while sys.stdin.buffer.read(4096):
            pass
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m gameday.lab.orders")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--routing", type=Path, required=True)
    options = parser.parse_args()
    end_with_parent()
    web.run_app(
        application(options.routing), host="127.0.0.1", port=options.port, access_log=None, print=None
    )


if __name__ == "__main__":
    main()
