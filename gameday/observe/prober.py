"""The prober: open-loop probes at a fixed rate, in a process of its own.

Each probe is sent on schedule whether or not earlier ones have answered, with its own timeout; latency
counts from the scheduled send. `python -m gameday.observe.prober` takes its orders on standard input:
`{"folder": …, "probes": [{"recorder": …, "http": …, "every_ns": …, "timeout_s": …, …}]}`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from gameday import clock
from gameday.experiment.model import Probe
from gameday.observe.child import next_order, read_orders, say
from gameday.observe.schedule import InFlight, ticks
from gameday.samples import SampleWriter


@dataclass(frozen=True, slots=True)
class Answer:
    """What one probe got."""

    ok: bool
    status: int = 0
    error: str = ""


Ask = Callable[[], Awaitable[Answer]]
RESOLVER_THREADS = 32


def http_asker(probe: Probe) -> tuple[Ask, Callable[[], Awaitable[None]]]:
    """A function that makes one HTTP request, and one that closes what it keeps."""
    import aiohttp

    is_fresh = probe.connections == "fresh"
    connector = aiohttp.TCPConnector(force_close=is_fresh, limit=0, use_dns_cache=False)
    session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))
    url, headers = str(probe.http), probe.headers

    async def ask() -> Answer:
        try:
            async with session.get(url, headers=headers) as response:
                await response.read()
                is_ok = is_expected(response.status, probe.expect)
                return Answer(is_ok, response.status, "" if is_ok else f"HTTP {response.status}")
        except aiohttp.ClientError as error:
            return Answer(ok=False, error=_named(error.__cause__ or error))

    return ask, session.close


def is_expected(status: int, expect: int | str | None) -> bool:
    """Whether a status is good: the one expected, any below 500, or any below 400 by default."""
    if isinstance(expect, int):
        return status == expect
    return status < (500 if expect == "any" else 400)


def tcp_asker(probe: Probe) -> tuple[Ask, Callable[[], Awaitable[None]]]:
    """A function that opens and closes one TCP connection."""
    host, _, port = str(probe.tcp).rpartition(":")

    async def ask() -> Answer:
        _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.close()
        return Answer(ok=True)

    return ask, _nothing_to_close


def sql_asker(probe: Probe) -> tuple[Ask, Callable[[], Awaitable[None]]]:
    """A function that runs the query on PostgreSQL, on a new connection or on a kept one."""
    import psycopg

    kept: list[psycopg.AsyncConnection[Any]] = []

    async def ask() -> Answer:
        connection = None
        try:
            connection = (
                kept.pop() if kept else await psycopg.AsyncConnection.connect(str(probe.sql), autocommit=True)
            )
            await connection.execute(probe.query)
        except BaseException as error:
            if connection is not None:
                await connection.close()
            if isinstance(error, psycopg.Error):
                return Answer(ok=False, error=_named(error))
            raise
        if probe.connections == "reuse":
            kept.append(connection)
        else:
            await connection.close()
        return Answer(ok=True)

    async def close() -> None:
        for connection in kept:
            await connection.close()

    return ask, close


async def _nothing_to_close() -> None:
    return


def asker(probe: Probe) -> tuple[Ask, Callable[[], Awaitable[None]]]:
    """How to make one probe of this kind, and how to close what is kept for it."""
    if probe.http is not None:
        return http_asker(probe)
    return tcp_asker(probe) if probe.tcp is not None else sql_asker(probe)


async def probe_on_schedule(probe: Probe, writer: SampleWriter, stop: asyncio.Event, phase: float) -> None:
    """Probe until `stop`, one sample a period. phase: when in the period, 0 to 1."""
    ask, close = asker(probe)
    flights = InFlight()
    series = probe.http or probe.tcp or probe.query
    period_ns = round(probe.every * clock.NS_PER_S)
    async for due_ns in ticks(period_ns, stop, round(phase * period_ns)):
        if flights.is_full:
            now_ns = clock.now_ns()
            writer.write(due_ns, now_ns, now_ns, series=series, ok=False, error="prober is full")
            continue
        flights.start(asyncio.create_task(_one(ask, probe, writer, due_ns, series)))
    await flights.finish(probe.timeout)
    await close()


async def _one(ask: Ask, probe: Probe, writer: SampleWriter, due_ns: int, series: str) -> None:
    sent_ns = clock.now_ns()
    timed_out = False
    try:
        async with asyncio.timeout(probe.timeout):
            answer = await ask()
    except TimeoutError:
        answer, timed_out = Answer(ok=False, error="timeout"), True
    except OSError as error:
        answer = Answer(ok=False, error=_named(error))
    writer.write(
        due_ns,
        sent_ns,
        clock.now_ns(),
        series=series,
        ok=answer.ok,
        timed_out=timed_out,
        status=answer.status,
        error=answer.error,
    )


def _named(error: BaseException) -> str:
    """A short name that groups errors; the message may hold an address or a password."""
    return type(error).__name__


async def _main() -> None:
    orders = read_orders()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(RESOLVER_THREADS))
    stop = asyncio.Event()
    probes = {name: Probe.model_validate(probe) for name, probe in orders["probes"].items()}
    writers = {name: SampleWriter(orders["folder"], name) for name in probes}
    async with asyncio.TaskGroup() as group:
        for number, (name, probe) in enumerate(probes.items()):
            # spread over the period, so that probes of different targets do not wait for each other
            phase = number / len(probes)
            group.create_task(probe_on_schedule(probe, writers[name], stop, phase))
        say(event="ready")
        await next_order()
        stop.set()
    for writer in writers.values():
        writer.close()


if __name__ == "__main__":
    asyncio.run(_main())
