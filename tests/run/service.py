"""A small real service for runs to break: `python service.py PORT PIDFILE`.

GET / and /health answer 200; POST /orders keeps an order in memory, GET /orders/<id> gives it back. The
moments of its health answers (CLOCK_MONOTONIC, int64 nanoseconds) go to `answers` beside the pidfile.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

ORDERS: dict[str, str] = {}


def health(answers: int) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        os.write(answers, struct.pack("<q", time.monotonic_ns()))
        return web.Response(text="ok")

    return answer


async def take(request: web.Request) -> web.Response:
    order = await request.json()
    ORDERS[order["id"]] = order["payload"]
    return web.Response(status=201)


async def give(request: web.Request) -> web.Response:
    key = request.match_info["key"]
    if key not in ORDERS:
        return web.Response(status=404)
    return web.Response(text=json.dumps({"id": key, "payload": ORDERS[key]}))


def main() -> None:
    pidfile = Path(sys.argv[2])
    answers = os.open(pidfile.with_name("answers"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    app = web.Application()
    app.add_routes([web.get("/", health(answers)), web.get("/health", health(answers))])
    app.add_routes([web.post("/orders", take), web.get("/orders/{key}", give)])
    pidfile.write_text(str(os.getpid()))
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
