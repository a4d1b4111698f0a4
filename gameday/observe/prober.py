"""The prober: open-loop probes at a fixed rate, in a process of its own.

`python -m gameday.observe.prober` takes its orders on standard input: `{"folder": …, "probes": {RECORDER:
{"http": …, "every": …, "timeout": …, …}}}`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

from gameday import hosts
from gameday.experiment.observers import Probe
from gameday.experiment.tls import context
from gameday.observe.asking import Answer, Asker, Schedule, nothing_to_close, record_until_told
from gameday.observe.child import read_orders

# of kept connections this many probes are asked for one on a new one, which shows what connecting takes
FRESH_EVERY = 10


def http_asker(probe: Probe, is_kept: bool) -> Asker:
    """HTTP requests, each on a new connection or on kept ones."""
    import aiohttp

    holds, url = probe.holds, str(probe.http)
    secure: Any = True if probe.tls is None else context(probe.tls)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=not is_kept, limit=0, use_dns_cache=False, ssl=secure),
        timeout=aiohttp.ClientTimeout(total=None),
        trace_configs=hosts.watched(),
        auto_decompress=holds is None,  # a small answer must not become a large one
    )
    headers, body = _sent(probe)
    # what writes is not written again elsewhere, and a certificate is shown where the file says
    follows = probe.method == "GET" and probe.tls is None

    async def ask() -> Answer:
        request = session.request(probe.method, url, headers=headers, data=body, allow_redirects=follows)
        async with request as response:
            answer = await _read(response.content, 0 if holds is None else holds.largest_bytes + 1)
        if not is_expected(response.status, probe.expect):
            return Answer(False, response.status, f"HTTP {response.status}")
        missing = None if holds is None else _missing(probe, answer, response.headers)
        return Answer(missing is None, response.status, missing or "")

    return Asker(ask, session.close)


def _sent(probe: Probe) -> tuple[dict[str, str], bytes | None]:
    """The headers and the body of a request."""
    headers = dict(probe.headers)
    names = {name.lower() for name in headers}
    if probe.holds is not None and "accept-encoding" not in names:
        headers["Accept-Encoding"] = "identity"
    if probe.body is None or isinstance(probe.body, str):
        return headers, None if probe.body is None else probe.body.encode()
    if "content-type" not in names:
        headers["Content-Type"] = "application/json"
    return headers, json.dumps(probe.body).encode()


async def _read(content: Any, most: int) -> bytes:
    """An answer to its end, of which nothing is kept; or, of one that is looked at, `most` bytes."""
    kept = bytearray()
    while piece := await content.readany():
        if most:
            kept += piece
            if len(kept) >= most:
                break
    return bytes(kept)


def _missing(probe: Probe, body: bytes, headers: Any) -> str | None:
    if headers.get("Content-Encoding", "identity") != "identity":
        return "the answer is compressed"
    return probe.holds.missing(body) if probe.holds is not None else None


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

    return Asker(ask, nothing_to_close)


def sql_asker(probe: Probe, is_kept: bool) -> Asker:
    """The query on PostgreSQL, each time on a new connection or on kept ones."""
    from gameday.observe.postgresql import FOREVER_S, Connections

    connections = Connections(str(probe.sql), FOREVER_S if is_kept else 0)

    async def ask() -> Answer:
        async with connections.using(await connections.take()) as connection:
            await connection.execute(probe.query)
        return Answer(ok=True)

    return Asker(ask, connections.close)


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


async def _main() -> None:
    orders = read_orders()
    probes = {name: Probe.model_validate(probe) for name, probe in orders["probes"].items()}
    await record_until_told(
        orders["folder"], {name: (schedule(probe), asker(probe)) for name, probe in probes.items()}
    )


def schedule(probe: Probe) -> Schedule:
    """When a probe is sent, and how its samples are called."""
    return Schedule(probe.http or probe.tcp or probe.query, probe.every, probe.timeout)


if __name__ == "__main__":
    asyncio.run(_main())
