"""A small real service for runs to break: `python service.py PORT PIDFILE`.

GET / and /health answer 200; POST /orders keeps an order in memory, GET /orders/<id> gives it back.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from aiohttp import web

ORDERS: dict[str, str] = {}


async def health(_: web.Request) -> web.Response:
    return web.Response(text="ok")


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
    app = web.Application()
    app.add_routes([web.get("/", health), web.get("/health", health)])
    app.add_routes([web.post("/orders", take), web.get("/orders/{key}", give)])
    Path(sys.argv[2]).write_text(str(os.getpid()))
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
