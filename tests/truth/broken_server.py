"""A server that breaks on schedule and says when: `python broken_server.py`, orders on standard input.

The first line of orders is `{"seed", "backlog", "errors", "outages": [{"kind", "at_s", "for_s"}, …]}`,
answered with a line that holds the port; `errors` is the share of requests that fail at any time. The second
is the moment (CLOCK_MONOTONIC, nanoseconds) from which `at_s` counts, answered with a line when all outages
were played. When standard input ends, the last line is the account `{"truths", "stalls"}`: for each outage
the moments just before and just after each switch, `{"kind", "began", "ended"}`; and every stretch
`[from, to]` in which the server itself did not run, whatever its mode.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import sys
import time
from typing import Any

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
SLOW_BY_S = 0.4
FLAP_S = 0.05
BEAT_S = 0.002
STALLED_NS = 6_000_000
AT_ONCE_RST = struct.pack("ii", 1, 0)


class Port:
    """The listening port and how it answers now."""

    def __init__(self, seed: int, backlog: int, errors: float) -> None:
        self.errors = errors
        self.backlog = backlog
        self.mode = "ok"
        self.chance = random.Random(seed)
        self.number = 0
        self.server: asyncio.Server | None = None

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: Connection(self), "127.0.0.1", self.number, backlog=self.backlog
        )
        self.number = int(self.server.sockets[0].getsockname()[1])

    async def play(self, outages: list[dict[str, Any]], start_ns: int) -> list[dict[str, Any]]:
        """Every outage in turn; what was true of each."""
        truths = []
        for outage in outages:
            await until(start_ns + round(outage["at_s"] * 1e9))
            began = await self.switch(outage["kind"])
            end_ns = began[1] + round(outage["for_s"] * 1e9)
            ended = await self.flap(end_ns) if outage["kind"] == "flapping" else None
            if ended is None:
                await until(end_ns)
                ended = await self.switch("ok")
            truths.append({"kind": outage["kind"], "began": began, "ended": ended})
        return truths

    async def switch(self, mode: str) -> tuple[int, int]:
        """Change the mode; the moments just before and just after."""
        before_ns = time.monotonic_ns()
        if mode == "refused" and self.server is not None:
            self.server.close()
        elif self.mode == "refused":
            await self.listen()
        self.mode = mode
        return before_ns, time.monotonic_ns()

    async def flap(self, end_ns: int) -> tuple[int, int]:
        """Good and bad by turns until the end; the truth is the end of the last bad turn."""
        while True:
            await asyncio.sleep(FLAP_S)
            ended = await self.switch("ok")
            if ended[1] >= end_ns:
                return ended
            await asyncio.sleep(FLAP_S)
            await self.switch("flapping")


class Connection(asyncio.Protocol):
    """One request, answered as its port answers now."""

    def __init__(self, port: Port) -> None:
        self.port = port

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        mode = self.port.mode
        if mode == "half" and self.port.chance.random() < 0.5:
            mode = "ok"
        if mode in ("ok", "refused"):
            self.answer(BROKEN if self.port.chance.random() < self.port.errors else OK)
        elif mode == "slow":
            asyncio.get_running_loop().call_later(SLOW_BY_S, self.answer, OK)
        elif mode == "reset":
            linger = self.transport.get_extra_info("socket")
            linger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE_RST)
            self.transport.abort()
        elif mode != "hung":
            self.answer(BROKEN)

    def answer(self, response: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(response)
            self.transport.close()


async def watch_itself(stalls: list[tuple[int, int]]) -> None:
    """Note every stretch in which this process did not get to run, for ever."""
    last_ns = time.monotonic_ns()
    while True:
        await asyncio.sleep(BEAT_S)
        now_ns = time.monotonic_ns()
        if now_ns - last_ns > STALLED_NS:
            stalls.append((last_ns, now_ns))
        last_ns = now_ns


async def until(at_ns: int) -> None:
    while (left_ns := at_ns - time.monotonic_ns()) > 0:
        await asyncio.sleep(left_ns / 1e9)


async def line_of_orders() -> Any:
    return json.loads(await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline))


async def main() -> None:
    orders = await line_of_orders()
    port = Port(orders["seed"], orders["backlog"], orders["errors"])
    await port.listen()
    print(port.number, flush=True)
    stalls: list[tuple[int, int]] = []
    watch = asyncio.create_task(watch_itself(stalls))
    truths = await port.play(orders["outages"], await line_of_orders())
    print("played", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # serve until told to end
    watch.cancel()
    print(json.dumps({"truths": truths, "stalls": stalls}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
