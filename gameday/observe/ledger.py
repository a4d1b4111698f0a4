"""The ledger: writes on schedule, what the system said of each, and what is there afterwards.

`python -m gameday.observe.ledger` takes its orders on standard input: `{"folder", "run", "ledger"}`. A
line `read-back` ends the writing and reads everything back; the end of standard input ends the process.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gameday import clock
from gameday.experiment.observers import Ledger
from gameday.measure.loss import Found, Outcome
from gameday.observe.child import next_order, read_orders, say, unless_told
from gameday.observe.limits import MAX_AT_ONCE, make_room
from gameday.observe.schedule import InFlight, end_if_it_fails, ticks
from gameday.observe.stores import AT_ONCE, NotSent, Store, store_of
from gameday.samples import SampleWriter
from gameday.writes import WriteLog, write_found

FLUSH_EVERY_S = 0.02
READERS = 8  # the read-back must not be a load that customers notice
READ_ROUNDS = 4
BETWEEN_ROUNDS_S = 0.5
READ_TIMEOUT_S = 5.0
CLOSE_WITHIN_S = 10.0
FINISH_WITHIN_S = 1.0
TURN_WITHIN_S = 0.25
FULL = "not sent: the ledger is full"
EXHAUSTED = "not sent: no file, port or memory left"


def key_of(run: str, sequence: int) -> str:
    """The key of a write: unique across runs, and readable in the store."""
    return f"gameday-{run}-{sequence:08d}"


def payload_of(run: str, sequence: int) -> str:
    """What a write holds: a checksum of its key, so that a changed or swapped payload shows."""
    return hashlib.sha256(key_of(run, sequence).encode()).hexdigest()


class Writer:
    """Writes on schedule, at most `at_once` under way, and records every outcome."""

    def __init__(self, store: Store, ledger: Ledger, folder: Path, run: str) -> None:
        self.store = store
        self.ledger = ledger
        self.run = run
        self.log = WriteLog(folder)
        self.samples = SampleWriter(folder, "ledger")
        self.waiting: deque[tuple[int, int]] = deque()  # when each was due, and when this process came to it
        self.flights = InFlight(at_once(store))
        self.outcomes = bytearray()  # by number; a byte each, since there may be millions
        self.is_done = False

    async def write_until(self, stop: asyncio.Event) -> None:
        """Write on schedule until `stop`, then wait for the answers still due."""
        flusher = asyncio.create_task(self._flush_until_done())
        end_if_it_fails(flusher)
        async for due_ns in ticks(round(clock.NS_PER_S / self.ledger.rate), stop):
            self._is_due(due_ns)
        await self._finish()
        self.is_done = True
        await flusher
        self.log.close()
        self.samples.close()

    def _is_due(self, due_ns: int) -> None:
        self.waiting.append((due_ns, clock.now_ns()))
        self._take_turns()
        if self.waiting:
            asyncio.get_running_loop().call_later(TURN_WITHIN_S, self._take_turns)

    def _take_turns(self) -> None:
        """Send what waits as far as there are turns, the newest first: a backlog must not make all late.

        What has had no turn within `TURN_WITHIN_S` is skipped: sent seconds after it was due, it would look
        like a ledger that was held up.
        """
        while self.waiting and not self.flights.is_full:
            due_ns, _ = self.waiting.pop()
            write = asyncio.create_task(self._one(due_ns))
            self.flights.start(write)
            write.add_done_callback(lambda _: self._take_turns())
        overdue_ns = clock.now_ns() - round(TURN_WITHIN_S * clock.NS_PER_S)
        while self.waiting and (self.waiting[0][1] <= overdue_ns or len(self.waiting) > MAX_AT_ONCE):
            self._skip(self.waiting.popleft()[0])

    def _skip(self, due_ns: int) -> None:
        """It was never sent, so it is no write: only the samples know of it."""
        now_ns = clock.now_ns()
        self.samples.write(due_ns, now_ns, now_ns, series="write", ok=False, skipped=True, error=FULL)

    async def _one(self, due_ns: int) -> None:
        sequence, sent_ns = len(self.outcomes), clock.now_ns()
        self.log.sent(sequence, sent_ns)
        self.outcomes.append(Outcome.UNKNOWN)
        outcome = Outcome.UNKNOWN
        problem: Exception | None = None
        try:
            async with asyncio.timeout(self.ledger.timeout):
                outcome = await self.store.write(key_of(self.run, sequence), payload_of(self.run, sequence))
        except NotSent as error:
            outcome, problem = Outcome.REFUSED, error
        except Exception as error:  # noqa: BLE001 - whatever went wrong, nobody knows if it was written
            problem = error
        finally:  # also of one that is given up at the end
            self._record(sequence, due_ns, sent_ns, outcome, problem)

    def _record(
        self, sequence: int, due_ns: int, sent_ns: int, outcome: Outcome, problem: Exception | None
    ) -> None:
        done_ns = clock.now_ns()
        self.outcomes[sequence] = outcome
        self.log.outcome(sequence, done_ns, outcome)
        is_skipped = isinstance(problem, NotSent)
        error = EXHAUSTED if is_skipped else type(problem).__name__ if problem else outcome.name.lower()
        self.samples.write(
            due_ns,
            sent_ns,
            done_ns,
            series="write",
            ok=outcome is Outcome.ACKNOWLEDGED,
            timed_out=isinstance(problem, TimeoutError),
            skipped=is_skipped,
            error="" if outcome is Outcome.ACKNOWLEDGED else error,
        )

    async def _finish(self) -> None:
        """What waits gets its turn or is skipped, as before; then everything ends within a timeout."""
        while self.flights.tasks:
            await self.flights.finish(self.ledger.timeout + FINISH_WITHIN_S)

    async def _flush_until_done(self) -> None:
        with ThreadPoolExecutor(1) as thread:  # of its own: the others may all wait for a name server
            while not self.is_done:
                await asyncio.sleep(FLUSH_EVERY_S)
                rows = self.log.gathered()
                await asyncio.get_running_loop().run_in_executor(thread, self.log.put_on_disk, rows)


def at_once(store: Store) -> int:
    """How many writes, or reads, a store may have under way."""
    return int(getattr(store, "at_once", AT_ONCE))


async def read_back(store: Store, run: str, outcomes: bytes | bytearray) -> dict[int, tuple[int, int]]:
    """What is there of every write, as `{sequence: (Found, copies)}`. outcomes: an `Outcome` a write.

    Acknowledged writes that are absent and writes that could not be read are read again, up to four
    times half a second apart: a store may apply late.
    """
    found: dict[int, tuple[int, int]] = {}
    left: Sequence[int] = range(len(outcomes))
    for attempt in range(READ_ROUNDS):
        if attempt:
            await asyncio.sleep(BETWEEN_ROUNDS_S)
        numbers = iter(left)  # one for all readers: a task for each of a million writes would be hoarding
        await asyncio.gather(
            *(_read_all(store, run, numbers, found) for _ in range(min(READERS, at_once(store))))
        )
        say(event="reading", read=len(found), writes=len(outcomes))
        left = [number for number in left if _is_open(found[number][0], outcomes[number])]
        if not left:
            break
    return found


async def _read_all(
    store: Store, run: str, numbers: Iterator[int], found: dict[int, tuple[int, int]]
) -> None:
    """Read one write after another, beside others who take theirs from the same numbers."""
    for number in numbers:
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                found[number] = await store.read(key_of(run, number), payload_of(run, number))
        except Exception:  # noqa: BLE001 - a failed reading is data
            found[number] = (Found.NOT_READ, 0)


def _is_open(state: int, outcome: int) -> bool:
    return state == Found.NOT_READ or (state == Found.ABSENT and outcome == Outcome.ACKNOWLEDGED)


async def _main() -> None:
    orders = read_orders()
    make_room()
    folder, run = Path(orders["folder"]), str(orders["run"])
    ledger = Ledger.model_validate(orders["ledger"])
    store = store_of(ledger, run)
    writer = Writer(store, ledger, folder, run)
    stop = asyncio.Event()
    writing = asyncio.create_task(writer.write_until(stop))
    end_if_it_fails(writing)
    say(event="ready")
    order = await next_order()
    stop.set()
    await writing
    if order == "read-back":
        found = await unless_told(read_back(store, run, writer.outcomes))
        if found is not None:
            write_found(folder, found)
            say(event="read-back", writes=len(found))
    async with asyncio.timeout(CLOSE_WITHIN_S):
        await store.close()


if __name__ == "__main__":
    asyncio.run(_main())
