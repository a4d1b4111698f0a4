"""The ledger: writes on schedule, what the system said of each, and what is there afterwards.

`python -m gameday.observe.ledger` takes its orders on standard input: `{"folder", "run", "ledger"}`. A
line `read-back` ends the writing and reads everything back; the end of standard input ends the process.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from gameday import clock
from gameday.experiment.model import Ledger
from gameday.measure.loss import Found, Outcome
from gameday.observe.child import next_order, read_orders, say
from gameday.observe.schedule import InFlight, ticks
from gameday.observe.stores import Store, store_of
from gameday.samples import SampleWriter
from gameday.writes import WriteLog, write_found

FLUSH_EVERY_S = 0.02
READERS = 32
READ_ROUNDS = 4
BETWEEN_ROUNDS_S = 0.5
READ_TIMEOUT_S = 5.0
CLOSE_WITHIN_S = 10.0


def key_of(run: str, sequence: int) -> str:
    """The key of a write: unique across runs, and readable in the store."""
    return f"gameday-{run}-{sequence:08d}"


def payload_of(run: str, sequence: int) -> str:
    """What a write holds: a checksum of its key, so that a changed or swapped payload shows."""
    return hashlib.sha256(key_of(run, sequence).encode()).hexdigest()


class Writer:
    """Writes on schedule and records every outcome."""

    def __init__(self, store: Store, ledger: Ledger, folder: Path, run: str) -> None:
        self.store = store
        self.ledger = ledger
        self.run = run
        self.log = WriteLog(folder)
        self.samples = SampleWriter(folder, "ledger")
        self.outcomes: dict[int, Outcome] = {}
        self.is_done = False

    async def write_until(self, stop: asyncio.Event) -> None:
        """Write on schedule until `stop`, then wait for the answers still due."""
        flights = InFlight()
        flusher = asyncio.create_task(self._flush_until_done())
        sequence = 0
        async for due_ns in ticks(round(clock.NS_PER_S / self.ledger.rate), stop):
            if flights.is_full:
                continue
            flights.start(asyncio.create_task(self._one(sequence, due_ns)))
            sequence += 1
        await flights.finish(self.ledger.timeout)
        self.is_done = True
        await flusher
        self.log.close()
        self.samples.close()

    async def _one(self, sequence: int, due_ns: int) -> None:
        sent_ns = clock.now_ns()
        self.log.sent(sequence, sent_ns)
        self.outcomes[sequence] = Outcome.UNKNOWN
        error = ""
        try:
            async with asyncio.timeout(self.ledger.timeout):
                outcome = await self.store.write(key_of(self.run, sequence), payload_of(self.run, sequence))
        except Exception as problem:  # noqa: BLE001 - whatever went wrong, nobody knows if it was written
            outcome, error = Outcome.UNKNOWN, type(problem).__name__
        done_ns = clock.now_ns()
        self.outcomes[sequence] = outcome
        self.log.outcome(sequence, done_ns, outcome)
        self.samples.write(
            due_ns,
            sent_ns,
            done_ns,
            series="write",
            ok=outcome is Outcome.ACKNOWLEDGED,
            timed_out=error == "TimeoutError",
            error=error or ("" if outcome is Outcome.ACKNOWLEDGED else outcome.name.lower()),
        )

    async def _flush_until_done(self) -> None:
        while not self.is_done:
            await asyncio.sleep(FLUSH_EVERY_S)
            await asyncio.to_thread(self.log.put_on_disk, self.log.gathered())


async def read_back(store: Store, run: str, outcomes: dict[int, Outcome]) -> dict[int, tuple[int, int]]:
    """What is there of every write, as `{sequence: (Found, copies)}`.

    Acknowledged writes that are absent and writes that could not be read are read again, up to four
    times half a second apart: a store may apply late.
    """
    found: dict[int, tuple[int, int]] = {}
    left = list(outcomes)
    gate = asyncio.Semaphore(READERS)

    async def one(sequence: int) -> None:
        async with gate:
            try:
                async with asyncio.timeout(READ_TIMEOUT_S):
                    state, copies = await store.read(key_of(run, sequence), payload_of(run, sequence))
            except Exception:  # noqa: BLE001 - a failed reading is data
                state, copies = Found.NOT_READ, 0
        found[sequence] = (state, copies)

    for attempt in range(READ_ROUNDS):
        if attempt:
            await asyncio.sleep(BETWEEN_ROUNDS_S)
        await asyncio.gather(*(one(sequence) for sequence in left))
        say(event="reading", read=len(found), writes=len(outcomes))
        left = [number for number in left if _is_open(found[number][0], outcomes[number])]
        if not left:
            break
    return found


def _is_open(state: int, outcome: Outcome) -> bool:
    return state == Found.NOT_READ or (state == Found.ABSENT and outcome is Outcome.ACKNOWLEDGED)


async def _main() -> None:
    orders = read_orders()
    folder, run = Path(orders["folder"]), str(orders["run"])
    ledger = Ledger.model_validate(orders["ledger"])
    store = store_of(ledger, run)
    writer = Writer(store, ledger, folder, run)
    stop = asyncio.Event()
    writing = asyncio.create_task(writer.write_until(stop))
    say(event="ready")
    order = await next_order()
    stop.set()
    await writing
    if order == "read-back":
        found = await read_back(store, run, writer.outcomes)
        write_found(folder, found)
        say(event="read-back", writes=len(found))
    async with asyncio.timeout(CLOSE_WITHIN_S):
        await store.close()


if __name__ == "__main__":
    asyncio.run(_main())
