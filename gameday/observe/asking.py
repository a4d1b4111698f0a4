"""Asking on schedule, whatever is asked and whether or not it has answered before: a sample each time.

Latency counts from the scheduled send. What takes longer than its timeout has failed.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gameday import clock
from gameday.observe import limits
from gameday.observe.child import next_order, say
from gameday.observe.schedule import InFlight, ticks
from gameday.samples import SampleWriter

FINISH_WITHIN_S = 1.0
FULL = "not sent: the prober is full"
EXHAUSTED = "not sent: no file, port or memory left"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said when it was asked once. value: what was measured, NaN for none."""

    ok: bool
    status: int = 0
    error: str = ""
    value: float = math.nan


@dataclass(frozen=True, slots=True)
class Asker:
    """How to ask once, which may raise what went wrong; and how to close what is kept for it."""

    ask: Callable[[], Awaitable[Answer]]
    close: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is asked, how often, and how long it may take. series: how its samples are called."""

    series: str
    every_s: float
    timeout_s: float


async def record_until_told(folder: Path | str, asked: Mapping[str, tuple[Schedule, Asker]]) -> None:
    """Ask everything on its schedule, by the name of its recorder, until the runner says stop."""
    limit = max(1, limits.make_room() // len(asked))  # one target that hangs leaves the others their share
    stop = asyncio.Event()
    writers = {name: SampleWriter(folder, name) for name in asked}
    async with asyncio.TaskGroup() as group:
        for number, (name, (schedule, asker)) in enumerate(asked.items()):
            # spread over the period, so that those of different targets do not wait for each other
            phase = number / len(asked)
            group.create_task(ask_on_schedule(schedule, asker, writers[name], stop, phase, limit))
        say(event="ready")
        await next_order()
        stop.set()
    for writer in writers.values():
        writer.close()


async def ask_on_schedule(
    schedule: Schedule, asker: Asker, writer: SampleWriter, stop: asyncio.Event, phase: float, limit: int
) -> None:
    """Ask until `stop`, one sample a period. phase: when in the period, 0 to 1. limit: how many at once."""
    flights = InFlight(limit)
    period_ns = round(schedule.every_s * clock.NS_PER_S)
    async for due_ns in ticks(period_ns, stop, round(phase * period_ns)):
        if flights.is_full:
            now_ns = clock.now_ns()
            writer.write(due_ns, now_ns, now_ns, series=schedule.series, ok=False, skipped=True, error=FULL)
            continue
        flights.start(asyncio.create_task(_one(asker, schedule, writer, due_ns)))
    await flights.finish(schedule.timeout_s + FINISH_WITHIN_S)
    await asker.close()


async def _one(asker: Asker, schedule: Schedule, writer: SampleWriter, due_ns: int) -> None:
    sent_ns = clock.now_ns()
    answer = Answer(ok=False, error="given up")
    timed_out = is_skipped = False
    try:
        async with asyncio.timeout(schedule.timeout_s):
            answer = await asker.ask()
    except TimeoutError:
        answer, timed_out = Answer(ok=False, error="timeout"), True
    except Exception as error:  # noqa: BLE001 - a failed reading is data
        is_skipped = limits.is_own(error)
        answer = Answer(ok=False, error=EXHAUSTED if is_skipped else _named(error))
    finally:  # also of one that is given up at the end
        writer.write(
            due_ns,
            sent_ns,
            clock.now_ns(),
            series=schedule.series,
            ok=answer.ok,
            timed_out=timed_out,
            skipped=is_skipped,
            status=answer.status,
            error=answer.error,
            value=answer.value,
        )


def _named(error: BaseException) -> str:
    """A short name that groups errors; the message may hold an address or a password."""
    return type(error.__cause__ or error).__name__


async def nothing_to_close() -> None:
    """Nothing is kept."""
