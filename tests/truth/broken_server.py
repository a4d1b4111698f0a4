"""A server that breaks on schedule and says when: `python broken_server.py`, orders on standard input.

Orders: `{"seed", "start_ns", "backlog", "ports": [[{"kind", "at_s", "for_s"}, …], …]}`, one list of
outages a port. The first line on standard output holds the ports, the second says that all outages were
played. When standard input ends, the third is the account `{"truths", "stalls"}`: for each outage the moments
(CLOCK_MONOTONIC) just before and just after each switch, `{"port", "kind", "began", "ended"}`; and every
stretch `[from, to]` in which the server itself did not run, whatever its mode.
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
SLOW_BY_S = 0.3
FLAP_S = 0.05
BEAT_S = 0.002
STALLED_NS = 6_000_000
AT_ONCE_RST = struct.pack("ii", 1, 0)


class Port:
    """One listening port and how it answers now."""

    def __init__(self, number: int, seed: int, backlog: int) -> None:
        self.number = number
        self.backlog = backlog
        self.mode = "ok"
        self.chance = random.Random(seed)
        self.server: asyncio.Server | None = None

    async def listen(self, port: int = 0) -> int:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: Connection(self), "127.0.0.1", port, backlog=self.backlog
        )
        return int(self.server.sockets[0].getsockname()[1])

    async def play(self, outages: list[dict[str, Any]], start_ns: int, port: int) -> list[dict[str, Any]]:
        """Every outage in turn; what was true of each."""
        truths = []
        for outage in outages:
            await until(start_ns + round(outage["at_s"] * 1e9))
            began = await self.switch(outage["kind"], port)
            end_ns = began[1] + round(outage["for_s"] * 1e9)
            ended = await self.flap(end_ns) if outage["kind"] == "flapping" else None
            if ended is None:
                await until(end_ns)
                ended = await self.switch("ok", port)
            truths.append({"port": self.number, "kind": outage["kind"], "began": began, "ended": ended})
        return truths

    async def switch(self, mode: str, port: int) -> tuple[int, int]:
        """Change the mode; the moments just before and just after."""
        before_ns = time.monotonic_ns()
        if mode == "refused" and self.server is not None:
            self.server.close()
        elif self.mode == "refused":
            await self.listen(port)
        self.mode = mode
        return before_ns, time.monotonic_ns()

    async def flap(self, end_ns: int) -> tuple[int, int]:
        """Good and bad by turns until the end; the truth is the end of the last bad turn."""
        while True:
            await asyncio.sleep(FLAP_S)
            ended = await self.switch("ok", 0)
            if ended[1] >= end_ns:
                return ended
            await asyncio.sleep(FLAP_S)
            await self.switch("flapping", 0)


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
            self.answer(OK)
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


async def main() -> None:
    orders = json.loads(sys.stdin.readline())
    ports = [
        Port(number, orders["seed"] + number, orders["backlog"]) for number in range(len(orders["ports"]))
    ]
    numbers = [await port.listen() for port in ports]
    print(json.dumps(numbers), flush=True)
    stalls: list[tuple[int, int]] = []
    watch = asyncio.create_task(watch_itself(stalls))
    plays = zip(ports, orders["ports"], numbers, strict=True)
    played = await asyncio.gather(
        *(port.play(outages, orders["start_ns"], number) for port, outages, number in plays)
    )
    print("played", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # serve until told to end
    watch.cancel()
    truths = [truth for of_port in played for truth in of_port]
    print(json.dumps({"truths": truths, "stalls": stalls}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
