"""Whether everything that a run needs answers, asked once before anything is touched."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import urlsplit

from gameday.experiment.model import Blocks
from gameday.experiment.observers import Ledger
from gameday.observe.stores import plug_in

Path = tuple[str | int, ...]
LIMIT_S = 5.0
PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}


def unreachable(blocks: Blocks) -> list[tuple[Path, str]]:
    """What does not answer: the path of the key in the experiment, and why."""
    return asyncio.run(_all(list(_targets(blocks))))


def _targets(blocks: Blocks) -> Iterator[tuple[Path, Callable[[], Awaitable[None]]]]:
    if blocks.load is not None:
        yield ("load", "host"), _connects_to(blocks.load.host)
    for index, sli in enumerate(blocks.slis):
        if sli.probe is None:
            continue
        path = ("slis", index, "probe")
        if sli.probe.http is not None:
            yield (*path, "http"), _connects_to(sli.probe.http)
        elif sli.probe.tcp is not None:
            yield (*path, "tcp"), _connects_to(f"tcp://{sli.probe.tcp}")
        elif sli.probe.sql is not None:
            yield (*path, "sql"), _runs_sql(sli.probe.sql)
    if blocks.ledger is not None:
        yield from _ledger(blocks.ledger)


def _ledger(ledger: Ledger) -> Iterator[tuple[Path, Callable[[], Awaitable[None]]]]:
    if ledger.http is not None:
        yield ("ledger", "http"), _connects_to(ledger.http.url)
    elif ledger.postgresql is not None:
        yield ("ledger", "postgresql"), _runs_sql(ledger.postgresql)
    elif ledger.redis is not None:
        yield ("ledger", "redis"), _connects_to(ledger.redis)
    else:
        yield ("ledger", "store"), _is_offered(str(ledger.store))


async def _all(targets: list[tuple[Path, Callable[[], Awaitable[None]]]]) -> list[tuple[Path, str]]:
    answers = await asyncio.gather(*(_ask(path, ask) for path, ask in targets))
    return [answer for answer in answers if answer is not None]


async def _ask(path: Path, ask: Callable[[], Awaitable[None]]) -> tuple[Path, str] | None:
    try:
        async with asyncio.timeout(LIMIT_S):
            await ask()
    except TimeoutError:
        return path, f"no answer within {LIMIT_S:g} s"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not reachable, and this says why
        return path, _in_words(error)
    return None


def _connects_to(url: str) -> Callable[[], Awaitable[None]]:
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


def _runs_sql(dsn: str) -> Callable[[], Awaitable[None]]:
    async def ask() -> None:
        import psycopg

        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            await connection.execute("SELECT 1")

    return ask


def _is_offered(store: str) -> Callable[[], Awaitable[None]]:
    async def ask() -> None:
        plug_in(store)

    return ask


def _in_words(error: Exception) -> str:
    """The first line of an error, without a password that an address in it may hold."""
    lines = str(error).strip().splitlines()
    text = lines[0].strip() if lines else type(error).__name__
    if "no password supplied" in text:
        text += "; set PGPASSWORD, use ~/.pgpass, or give the DSN through secrets:"
    return re.sub(r"(password=|:)[^\s@/:]+@", r"\1***@", text)
