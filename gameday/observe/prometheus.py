"""Values of a Prometheus: instant queries on schedule, in a process of its own.

`python -m gameday.observe.prometheus` takes its orders on standard input: `{"folder": …, "prometheus": {…},
"queries": {RECORDER: {"query": …, "comparison": "<", "limit": 2.0}}}`. What has no answer, no series or no
fresh value is a sample without a value: nothing is known then.
"""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass
from typing import Any

from gameday import hosts
from gameday.experiment.observers import Prometheus
from gameday.experiment.tls import context
from gameday.measure.values import Wanted
from gameday.observe.asking import Answer, Asker, Schedule, record_until_told
from gameday.observe.child import read_orders

LARGEST_BYTES = 1_000_000  # of an answer
MOST_SERIES = 1000
LONGEST_SAID = 200  # characters of an error in it
NOTHING = "no series"
STALE = "stale"


class Refused(Exception):
    """It answers, but not with values: the message says why, in a few words that are the same each time."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Series:
    """The values of a query by series, and when it was evaluated (seconds of Prometheus's own clock)."""

    values: dict[str, float]
    at_s: float
    is_scalar: bool = False


class Client:
    """A Prometheus, asked over connections that are kept."""

    def __init__(self, block: Prometheus) -> None:
        import aiohttp

        self.block = block
        self.address = f"{block.url.rstrip('/')}/api/v1/query"
        secure: Any = True if block.tls is None else context(block.tls)
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=secure),
            timeout=aiohttp.ClientTimeout(total=None),
            headers={**block.headers, "Accept-Encoding": "identity"},
            auto_decompress=False,
            trace_configs=hosts.watched(),
        )

    async def fresh(self, query: str) -> list[float]:
        """The value of each series; NaN for one that is older than it may be. Raises Refused."""
        found = await self.series(query)
        if found.is_scalar or not found.values:
            return list(found.values.values())
        # of a plain selector this is when each value was scraped; of anything else, when it was worked out
        taken = (await self.series(f"timestamp(\n{query}\n)")).values
        oldest_s = found.at_s - self.block.stale_after
        return [
            value if taken.get(name, found.at_s) >= oldest_s else math.nan
            for name, value in found.values.items()
        ]

    async def series(self, query: str) -> Series:
        """One instant query. Raises Refused."""
        # Prometheus from 2.44 on looks no further back than this; older ones leave it alone
        data = {"query": query, "lookback_delta": f"{self.block.stale_after:g}s"}
        # a redirect would take the headers, and a secret in them, elsewhere
        async with self.session.post(self.address, data=data, allow_redirects=False) as response:
            status, body = response.status, await _read(response.content)
        if 300 <= status < 400:
            raise Refused("it redirects; write the address that it redirects to", status)
        try:
            answer = json.loads(body)
            if answer.get("status") != "success":
                raise Refused(str(answer.get("error", "no reason given"))[:LONGEST_SAID], status)
            return _series(answer["data"])
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            why = f"HTTP {status}" if status != 200 else "its answer is not one of Prometheus"
            raise Refused(why, status) from None

    async def close(self) -> None:
        """Close the connections."""
        await self.session.close()


async def _read(content: Any) -> bytes:
    kept = bytearray()
    while piece := await content.readany():
        kept += piece
        if len(kept) > LARGEST_BYTES:
            raise Refused(f"its answer is larger than {LARGEST_BYTES:,} bytes")
    return bytes(kept)


def _series(data: dict[str, Any]) -> Series:
    """What an answer holds. Raises Refused for what is no value, LookupError and so on if it is broken."""
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        return Series({"": float(result[1])}, float(result[0]), is_scalar=True)
    if kind != "vector":
        raise Refused(f"the query gives a {str(kind)[:20]}, not a value each")
    if len(result) > MOST_SERIES:
        raise Refused(f"the query gives more than {MOST_SERIES} series")
    values = {_name(each["metric"]): float(each["value"][1]) for each in result}
    return Series(values, max((float(each["value"][0]) for each in result), default=0.0))


def _name(metric: dict[str, Any]) -> str:
    """A series by its labels; what a function gives has lost its `__name__`."""
    return json.dumps(sorted((key, value) for key, value in metric.items() if key != "__name__"))


def asker(client: Client, query: str, wanted: Wanted) -> Asker:
    """How to ask for one SLI: of several series the worst value counts."""

    async def ask() -> Answer:
        try:
            values = await client.fresh(query)
        except Refused as refused:
            return Answer(False, refused.status, f"HTTP {refused.status}" if refused.status else "refused")
        worst = wanted.worst(values)
        if math.isnan(worst):
            return Answer(False, 200, STALE if values else NOTHING)
        return Answer(True, 200, value=worst)

    async def close() -> None:
        await client.close()

    return Asker(ask, close)


async def check(block: Prometheus, query: str) -> None:
    """Ask once, before a run. Raises what is wrong; that there is nothing yet is not."""
    client = Client(block)
    try:
        await client.fresh(query)
    except Refused as refused:
        raise ValueError(f"{block.url} refuses the query: {refused}") from None
    except OSError as error:
        raise ConnectionError(f"{block.url} gives no answer: {error}") from None
    finally:
        await client.close()


async def _main() -> None:
    orders = read_orders()
    block = Prometheus.model_validate(orders["prometheus"])
    asked = {}
    for name, each in orders["queries"].items():
        wanted = Wanted(each["comparison"], each["limit"])
        schedule = Schedule(each["query"], block.every, block.timeout)
        asked[name] = (schedule, asker(Client(block), each["query"], wanted))
    await record_until_told(orders["folder"], asked)


if __name__ == "__main__":
    asyncio.run(_main())
