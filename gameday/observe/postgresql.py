"""Connections to PostgreSQL for recorders: quick to let go of, kept only while they are good."""

from __future__ import annotations

import asyncio
import contextlib
import math
import select
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import waiting

from gameday import clock

FOREVER_S = math.inf
CANCEL_WITHIN_S = 1.0
LOOK_EVERY_S = 0.1


class Connection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """A connection whose statement can be given up at once.

    psycopg first tells the server, for up to ten seconds when it hangs: a timeout would be seen too late.
    """

    async def wait(self, gen: Any, *_: Any, **__: Any) -> Any:
        """Wait for the server, and for nothing else once this is cancelled."""
        return await waiting.wait_async(gen, self.pgconn.socket, interval=LOOK_EVERY_S)


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection, and when it was opened."""

    connection: Connection
    at_ns: int


class Connections:
    """Connections to one server. Whoever takes one has it alone, and gives it back by `using` it.

    kept_s: how long one may be used again, counted from its opening; 0 for a new one every time.
    """

    def __init__(self, dsn: str, kept_s: float) -> None:
        self.dsn = dsn
        self.kept_s = kept_s
        self.idle: list[Opened] = []
        self.endings: set[asyncio.Task[None]] = set()

    async def take(self) -> Opened:
        """An open connection, a kept one if there is a good one. Raises psycopg.Error when none opens."""
        while self.idle:
            opened = self.idle.pop()
            if not self._is_old(opened) and _is_quiet(opened.connection):
                return opened
            self._end(opened.connection)
        # no prepared statements: a pooler between here and the server may not know them
        connection = await Connection.connect(self.dsn, autocommit=True, prepare_threshold=None)
        return Opened(connection, clock.now_ns())

    @contextlib.asynccontextmanager
    async def using(self, opened: Opened) -> AsyncIterator[Connection]:
        """Use a connection that was taken. One that has seen an error is never used again."""
        try:
            yield opened.connection
        except BaseException:
            self._end(opened.connection)
            raise
        if self._is_old(opened):
            self._end(opened.connection)
        else:
            self.idle.append(opened)

    async def close(self) -> None:
        """Close those that are kept, and wait for those that are being let go of."""
        while self.idle:
            self._end(self.idle.pop().connection)
        if self.endings:
            await asyncio.wait(self.endings)

    def _is_old(self, opened: Opened) -> bool:
        return clock.now_ns() - opened.at_ns >= self.kept_s * clock.NS_PER_S

    def _end(self, connection: Connection) -> None:
        """Close it beside everything else, so that nobody waits for it."""
        ending = asyncio.create_task(_end(connection))
        self.endings.add(ending)
        ending.add_done_callback(self.endings.discard)


async def _end(connection: Connection) -> None:
    """Tell the server to drop a statement that it still works on: it would keep a session for it."""
    with contextlib.suppress(psycopg.Error, OSError):
        if connection.info.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
            await connection.cancel_safe(timeout=CANCEL_WITHIN_S)
    await connection.close()


def _is_quiet(connection: Connection) -> bool:
    """Whether the server has said nothing since: what it says unasked is nearly always goodbye."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return not poll.poll(0)
