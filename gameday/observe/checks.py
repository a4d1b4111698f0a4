"""What asks once, before a run, whether something answers; it raises what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

Check = Callable[[], Awaitable[None]]
PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}


def connects_to(url: str) -> Check:
    """Whether a connection to this address opens."""

    async def ask() -> None:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise ConnectionError(f"{host}:{port} does not answer: {why}") from None
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    return ask


def runs_sql(dsn: str) -> Check:
    """Whether a PostgreSQL server lets us in and answers."""

    async def ask() -> None:
        import psycopg

        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            await connection.execute("SELECT 1")

    return ask
