"""Open-loop schedules: moments that come whether or not earlier work is done."""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import AsyncIterator
from typing import Any

from gameday import clock

CANNOT_RECORD = 74
LET_GO_WITHIN_S = 1.0


async def ticks(period_ns: int, stop: asyncio.Event, phase_ns: int = 0) -> AsyncIterator[int]:
    """Scheduled moments on the run clock, one a period, until `stop`, the first after `phase_ns`.

    After a delay of this process the missed moments come at once, each with its own time: the delay
    shows as samples sent late, never as samples missing.
    """
    due_ns = clock.now_ns() + phase_ns
    while not stop.is_set():
        wait_ns = due_ns - clock.now_ns()
        if wait_ns > 0:
            await asyncio.sleep(wait_ns / clock.NS_PER_S)
            continue
        yield due_ns
        due_ns += period_ns


class InFlight:
    """The tasks under way, at most `limit`: kept from the garbage collector, counted, awaited at the end."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.tasks: set[asyncio.Task[None]] = set()

    def start(self, work: asyncio.Task[None]) -> None:
        """Keep a task until it is done."""
        self.tasks.add(work)
        work.add_done_callback(self.tasks.discard)
        end_if_it_fails(work)

    @property
    def is_full(self) -> bool:
        """Whether no more may be under way."""
        return len(self.tasks) >= self.limit

    async def finish(self, within_s: float) -> None:
        """Wait for what is under way, and cancel what takes longer."""
        if self.tasks:
            _, late = await asyncio.wait(self.tasks, timeout=within_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=LET_GO_WITHIN_S)


def end_if_it_fails(task: asyncio.Task[Any]) -> None:
    """A task that cannot record ends the recorder: a silent one is worse than none."""
    task.add_done_callback(_end_if_failed)


def _end_if_failed(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        try:
            traceback.print_exception(error)
        finally:  # the disk that is full may be the log's too
            os._exit(CANNOT_RECORD)
