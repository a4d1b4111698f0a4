"""What every recorder process does alike: its orders come on standard input, whose end means stop.

The orders are one JSON line, so that an address with a password shows in no process list and no file.
When the runner dies, the pipe closes and the recorder ends by itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from gameday import redact

T = TypeVar("T")


def read_orders() -> dict[str, Any]:
    """The orders of this recorder: the first line of standard input, read without taking more."""
    line = bytearray()
    while (byte := os.read(sys.stdin.fileno(), 1)) not in (b"", b"\n"):
        line += byte
    orders = dict(json.loads(line))
    redact.learn(**orders.pop("secrets", {}))
    return orders


async def next_order() -> str:
    """The next line of standard input; empty at its end and on SIGTERM, which both mean stop.

    A Ctrl-C on the terminal is the runner's affair and is ignored here.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Future[str] = loop.create_future()

    def tell(order: str) -> None:
        if not told.done():
            told.set_result(order)

    descriptor = sys.stdin.fileno()
    loop.add_signal_handler(signal.SIGTERM, tell, "")
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    loop.add_reader(descriptor, lambda: tell(os.read(descriptor, 4096).decode().strip()))
    try:
        return await told
    finally:
        loop.remove_reader(descriptor)


async def unless_told(work: Coroutine[Any, Any, T]) -> T | None:
    """The result of some work; None when standard input ends first, or any other order comes."""
    task, told = asyncio.create_task(work), asyncio.create_task(next_order())
    await asyncio.wait({task, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        return None
    return await task


_line = 1


def keep_the_line() -> None:
    """Let nobody but `say` reach the runner: what else is printed goes where errors go."""
    global _line  # noqa: PLW0603 - a process has one line to the runner
    _line = os.dup(1)
    os.dup2(2, 1)


def say(**event: Any) -> None:
    """Tell the runner something, as one JSON line on standard output."""
    os.write(_line, json.dumps(event).encode() + b"\n")
