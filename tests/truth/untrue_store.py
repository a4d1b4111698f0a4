"""A store that lies on purpose and keeps account: `python untrue_store.py`, orders on standard input.

Orders: `{"faults": {"<sequence>": "<fault>"}}`. POST /writes takes a write, GET /writes/<key> gives it back,
GET /account says what really happened: `{sequence: {"acknowledged_ns", "refused"}}`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from aiohttp import web

LATE_BY_S = 0.6


class Store:
    def __init__(self, faults: dict[int, str]) -> None:
        self.faults = faults
        self.kept: dict[str, list[str]] = {}
        self.account: dict[int, dict[str, Any]] = {}
        self.later: set[asyncio.Task[None]] = set()

    async def write(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        key, payload = body["id"], body["payload"]
        sequence = int(key.rsplit("-", 1)[1])
        fault = self.faults.get(sequence, "")
        entry = self.account[sequence] = {"acknowledged_ns": None, "refused": False}
        await self.apply(fault, key, payload)
        if fault.startswith("hang"):
            await asyncio.sleep(60)
        if fault.startswith("refuse"):
            entry["refused"] = True
            return web.Response(status=409)
        if fault.startswith("error"):
            return web.Response(status=500)
        entry["acknowledged_ns"] = time.monotonic_ns()
        return web.Response(status=201)

    async def apply(self, fault: str, key: str, payload: str) -> None:
        if fault in ("drop", "refuse", "hang-drop", "error-drop"):
            return
        if fault == "late":
            task = asyncio.create_task(self.apply_late(key, payload))
            self.later.add(task)
            return
        copies = {"duplicate": [payload, payload], "corrupt": [payload[::-1]]}
        self.kept[key] = copies.get(fault, [payload])

    async def apply_late(self, key: str, payload: str) -> None:
        await asyncio.sleep(LATE_BY_S)
        self.kept[key] = [payload]

    async def read(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        if key not in self.kept:
            return web.Response(status=404)
        return web.json_response([{"id": key, "payload": payload} for payload in self.kept[key]])

    async def tell(self, _: web.Request) -> web.Response:
        return web.json_response(self.account)


async def main() -> None:
    orders = json.loads(sys.stdin.readline())
    store = Store({int(number): fault for number, fault in orders["faults"].items()})
    app = web.Application()
    app.add_routes([web.post("/writes", store.write), web.get("/writes/{key}", store.read)])
    app.add_routes([web.get("/account", store.tell)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
