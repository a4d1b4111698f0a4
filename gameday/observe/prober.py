"""The prober: open-loop probes at a fixed rate, in a process of its own.

Each probe is sent on schedule whether or not earlier ones have answered, with its own timeout; latency
counts from the scheduled send. `python -m gameday.observe.prober` takes its orders on standard input:
`{"folder": …, "probes": [{"recorder": …, "http": …, "every_ns": …, "timeout_s": …, …}]}`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gameday import clock, hosts
from gameday.experiment.observers import Probe
from gameday.observe import limits
from gameday.observe.child import next_order, read_orders, say
from gameday.observe.schedule import InFlight, ticks
from gameday.samples import SampleWriter

# of kept connections this many probes are asked for one on a new one, which shows what connecting takes
FRESH_EVERY = 10
FINISH_WITHIN_S = 1.0
FULL = "not sent: the prober is full"
EXHAUSTED = "not sent: no file, port or memory left"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one probe got."""

    ok: bool
    status: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Asker:
    """How to make one probe, which may raise what went wrong; and how to close what is kept for it."""

    ask: Callable[[], Awaitable[Answer]]
    close: Callable[[], Awaitable[None]]


def http_asker(probe: Probe, is_kept: bool) -> Asker:
    """HTTP requests, each on a new connection or on kept ones."""
    import aiohttp

    connector = aiohttp.TCPConnector(force_close=not is_kept, limit=0, use_dns_cache=False)
    timeout, watched = aiohttp.ClientTimeout(total=None), hosts.watched()
    session = aiohttp.ClientSession(connector=connector, timeout=timeout, trace_configs=watched)
    url, headers = str(probe.http), probe.headers

    async def ask() -> Answer:
        async with session.get(url, headers=headers) as response:
            while await response.content.readany():
                pass  # however much it is, none of it is kept
        is_ok = is_expected(response.status, probe.expect)
        return Answer(is_ok, response.status, "" if is_ok else f"HTTP {response.status}")

    return Asker(ask, session.close)


def is_expected(status: int, expect: int | str | None) -> bool:
    """Whether a status is good: the one expected, any below 500, or any below 400 by default."""
    if isinstance(expect, int):
        return status == expect
    return status < (500 if expect == "any" else 400)


def tcp_asker(probe: Probe) -> Asker:
    """Connect, wait for the server's first byte if it is expected to speak first, and hang up."""
    host, _, port = str(probe.tcp).rpartition(":")

    async def ask() -> Answer:
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        try:
            if probe.expect == "banner" and not await reader.read(1):
                return Answer(ok=False, error="no banner")
        finally:
            writer.close()
        return Answer(ok=True)

    return Asker(ask, _nothing_to_close)


def sql_asker(probe: Probe, is_kept: bool) -> Asker:
    """The query on PostgreSQL, each time on a new connection or on kept ones."""
    from gameday.observe.postgresql import FOREVER_S, Connections

    connections = Connections(str(probe.sql), FOREVER_S if is_kept else 0)

    async def ask() -> Answer:
        async with connections.using(await connections.take()) as connection:
            await connection.execute(probe.query)
        return Answer(ok=True)

    return Asker(ask, connections.close)


async def _nothing_to_close() -> None:
    return


def asker(probe: Probe) -> Asker:
    """How to make the probes of this kind."""
    if probe.tcp is not None:
        return tcp_asker(probe)
    of_kind = http_asker if probe.http is not None else sql_asker
    fresh = of_kind(probe, is_kept=False)
    return fresh if probe.connections == "fresh" else mixed(of_kind(probe, is_kept=True), fresh)


def mixed(kept: Asker, fresh: Asker) -> Asker:
    """Kept connections, but a new one for one probe in ten: a recovery needs new ones, so `L` must know."""
    count = itertools.count()

    async def ask() -> Answer:
        return await (fresh if next(count) % FRESH_EVERY == 0 else kept).ask()

    async def close() -> None:
        await fresh.close()
        await kept.close()

    return Asker(ask, close)


async def probe_on_schedule(
    probe: Probe, asker: Asker, writer: SampleWriter, stop: asyncio.Event, phase: float, limit: int
) -> None:
    """Probe until `stop`, one sample a period. phase: when in the period, 0 to 1. limit: how many at once."""
    flights = InFlight(limit)
    series = probe.http or probe.tcp or probe.query
    period_ns = round(probe.every * clock.NS_PER_S)
    async for due_ns in ticks(period_ns, stop, round(phase * period_ns)):
        if flights.is_full:
            now_ns = clock.now_ns()
            writer.write(due_ns, now_ns, now_ns, series=series, ok=False, skipped=True, error=FULL)
            continue
        flights.start(asyncio.create_task(_one(asker, probe, writer, due_ns, series)))
    await flights.finish(probe.timeout + FINISH_WITHIN_S)
    await asker.close()


async def _one(asker: Asker, probe: Probe, writer: SampleWriter, due_ns: int, series: str) -> None:
    sent_ns = clock.now_ns()
    answer = Answer(ok=False, error="given up")
    timed_out = is_skipped = False
    try:
        async with asyncio.timeout(probe.timeout):
            answer = await asker.ask()
    except TimeoutError:
        answer, timed_out = Answer(ok=False, error="timeout"), True
    except Exception as error:  # noqa: BLE001 - a failed reading is data
        is_skipped = limits.is_own(error)
        answer = Answer(ok=False, error=EXHAUSTED if is_skipped else _named(error))
    finally:  # also of one that is given up at the end
        writer.write(
            due_ns,
            sent_ns,
            clock.now_ns(),
            series=series,
            ok=answer.ok,
            timed_out=timed_out,
            skipped=is_skipped,
            status=answer.status,
            error=answer.error,
        )


def _named(error: BaseException) -> str:
    """A short name that groups errors; the message may hold an address or a password."""
    return type(error.__cause__ or error).__name__


async def _main() -> None:
    orders = read_orders()
    probes = {name: Probe.model_validate(probe) for name, probe in orders["probes"].items()}
    limit = max(1, limits.make_room() // len(probes))  # one target that hangs leaves the others their share
    stop = asyncio.Event()
    writers = {name: SampleWriter(orders["folder"], name) for name in probes}
    async with asyncio.TaskGroup() as group:
        for number, (name, probe) in enumerate(probes.items()):
            # spread over the period, so that probes of different targets do not wait for each other
            phase = number / len(probes)
            group.create_task(probe_on_schedule(probe, asker(probe), writers[name], stop, phase, limit))
        say(event="ready")
        await next_order()
        stop.set()
    for writer in writers.values():
        writer.close()


if __name__ == "__main__":
    asyncio.run(_main())
