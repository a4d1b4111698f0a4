"""The receiver of alarms: a small process that turns what an alerting system posts into messages to the run.

`python -m gameday.run.receiver` reads its orders, one JSON line, on standard input: `socket` (a descriptor
that listens), `token`, `inbox`. It ends when standard input does. On standard output it says that it
receives, and every two seconds that it still does.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import web

from gameday.events import Event
from gameday.run.alarms import PATH, alarms_of
from gameday.run.messages import Alarm, Message, drop

LARGEST_BODY = 1_000_000  # bytes
BODY_WITHIN_S, BEAT_EVERY_S = 10.0, 2.0
# requests that come at once, and every second
BURST, EACH_SECOND = 60, 10.0
# one more than the run takes in, so that the run says that it was too much
MOST_ALARMS = 1_001
BY = "alerting"


class Bucket:
    """How many requests may come: so many at once, and so many a second."""

    def __init__(self) -> None:
        self.left = float(BURST)
        self.at_s = time.monotonic()

    def takes_one(self) -> bool:
        """Whether one more may come."""
        now_s = time.monotonic()
        self.left = min(float(BURST), self.left + (now_s - self.at_s) * EACH_SECOND)
        self.at_s = now_s
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Receiver:
    """Takes notifications. A wrong token has a bucket of its own, so that it keeps nobody else out."""

    def __init__(self, token: str, inbox: Path) -> None:
        self.token = _digest(token)
        self.inbox = inbox
        self.known: set[tuple[str, str, str, str]] = set()
        self.right, self.wrong = Bucket(), Bucket()

    async def receive(self, request: web.Request) -> web.Response:
        """Take one notification: 200, or why it is not taken."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        is_right = hmac.compare_digest(_digest(token), self.token) and scheme.lower() == "bearer"
        if not (self.right if is_right else self.wrong).takes_one():
            return web.Response(status=429, text="too many requests\n", headers={"Retry-After": "10"})
        if not is_right:
            challenge = {"WWW-Authenticate": "Bearer"}
            return web.Response(status=401, text="the token is wrong\n", headers=challenge)
        try:
            body = await asyncio.wait_for(request.read(), BODY_WITHIN_S)
            alarms = alarms_of(json.loads(body))
        except TimeoutError:
            return web.Response(status=408, text="the body did not come in time\n")
        except (ValueError, RecursionError) as error:
            return web.Response(status=400, text=f"{str(error)[:200]}\n")
        return self.hand_on(alarms)

    def hand_on(self, alarms: list[Alarm]) -> web.Response:
        """Drop what is new into the inbox: alerting repeats itself."""
        new = 0
        for alarm in alarms:
            key = (alarm.fingerprint, alarm.name, alarm.status, alarm.starts_at)
            if key in self.known:
                continue
            if len(self.known) >= MOST_ALARMS:
                return web.Response(status=503, text="this run takes no more alarms\n")
            try:
                drop(self.inbox, Message.now(Event.ALARM, BY, alarm=alarm))
            except OSError as error:
                return web.Response(status=503, text=f"the run hears nothing: {error.strerror}\n")
            self.known.add(key)
            new += 1
        return web.json_response({"alarms": len(alarms), "new": new})


async def serve(orders: dict[str, Any]) -> None:
    """Receive until standard input ends."""
    application = web.Application(client_max_size=LARGEST_BODY)
    receiver = Receiver(orders["token"], Path(orders["inbox"]))
    application.router.add_post(PATH, receiver.receive)
    runner = web.AppRunner(application, access_log=None, keepalive_timeout=BODY_WITHIN_S)
    await runner.setup()
    await web.SockSite(runner, socket.socket(fileno=orders["socket"]), shutdown_timeout=1.0).start()
    end = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    word = "ready"
    while not end.done():
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(sys.stdout.fileno(), json.dumps({"event": word}).encode() + b"\n")
        await asyncio.wait({end}, timeout=BEAT_EVERY_S)
        word = "beat"
    await runner.cleanup()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="replace")).digest()


def main() -> None:
    """Take the orders and serve."""
    orders = json.loads(sys.stdin.readline())
    os.set_blocking(sys.stdout.fileno(), False)
    asyncio.run(serve(orders))


if __name__ == "__main__":
    main()
