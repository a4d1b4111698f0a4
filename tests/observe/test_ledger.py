"""The ledger beside stores that it cannot keep up with: what it sends, skips, and says of both."""

from __future__ import annotations

import asyncio
import http.server
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameday.experiment.observers import Ledger as LedgerBlock
from gameday.measure import loss
from gameday.measure.loss import Found, Outcome
from gameday.measure.samples import Samples
from gameday.measure.samples import read as read_samples
from gameday.observe import ledger, schedule
from gameday.observe.ledger import FULL, TURN_WITHIN_S, Writer, read_back
from gameday.observe.stores import AT_ONCE, NotSent
from gameday.writes import WriteLog
from tests.truth.children import child, line

RUN = "a-run"
NS_PER_S = 1_000_000_000


@dataclass
class Slow:
    """A store that takes its time, and keeps count of what is under way."""

    takes_s: float
    at_once: int = 3
    now: int = 0
    most: int = 0
    keys: list[str] = field(default_factory=list)

    async def write(self, key: str, payload: str) -> Outcome:
        self.keys.append(key)
        await self.busy()
        return Outcome.ACKNOWLEDGED

    async def read(self, key: str, payload: str) -> tuple[Found, int]:
        await self.busy()
        return (Found.PRESENT, 1) if key in self.keys else (Found.ABSENT, 0)

    async def busy(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.now -= 1

    async def close(self) -> None: ...


def play(store: Any, folder: Path, for_s: float, rate_per_s: int = 100, timeout_ms: int = 200) -> Writer:
    """Let a ledger write for a while."""
    block = LedgerBlock.model_validate(
        {"store": "fake", "rate": f"{rate_per_s}/s", "timeout": f"{timeout_ms}ms"}
    )

    async def whole() -> Writer:
        writer = Writer(store, block, folder, RUN)
        stop = asyncio.Event()
        writing = asyncio.create_task(writer.write_until(stop))
        await asyncio.sleep(for_s)
        stop.set()
        await writing
        return writer

    return asyncio.run(whole())


def samples_in(folder: Path) -> tuple[Samples, Samples]:
    """What was sent, and what was skipped."""
    samples = read_samples(folder / "ledger")
    return samples.where(~samples.skipped), samples.where(samples.skipped)


def errors_of(samples: Samples) -> set[str]:
    return {samples.names[number] for number in samples.error}


def test_of_a_store_that_hangs_a_few_writes_are_unknown_and_the_others_are_skipped(tmp_path: Path) -> None:
    store = Slow(takes_s=60)
    play(store, tmp_path, for_s=0.5)
    writes, (sent, skipped) = loss.read(tmp_path), samples_in(tmp_path)
    assert store.most == 3 and len(skipped) > 10
    assert set(writes.outcome) == {Outcome.UNKNOWN} and sent.timed_out.all()
    assert errors_of(skipped) == {FULL} and not (skipped.ok | skipped.timed_out).any()
    assert (skipped.sent_ns == skipped.done_ns).all()
    waited_s = (skipped.done_ns - skipped.scheduled_ns) / NS_PER_S
    assert (waited_s >= TURN_WITHIN_S).all() and np.median(waited_s) < 2 * TURN_WITHIN_S


def test_a_write_that_gets_no_turn_is_known_to_be_skipped_before_the_next_is_due(tmp_path: Path) -> None:
    play(Slow(takes_s=60, at_once=1), tmp_path, for_s=0.6, rate_per_s=2, timeout_ms=1600)
    _, skipped = samples_in(tmp_path)
    assert (skipped.done_ns - skipped.scheduled_ns < 0.8 * NS_PER_S).tolist() == [True]


def test_a_skipped_write_is_no_write_and_takes_no_number(tmp_path: Path) -> None:
    play(Slow(takes_s=60), tmp_path, for_s=0.4)
    writes, (sent, _) = loss.read(tmp_path), samples_in(tmp_path)
    assert writes.sequence.tolist() == list(range(len(sent)))


def test_a_store_that_is_too_slow_refuses_nothing_and_loses_nothing(tmp_path: Path) -> None:
    play(Slow(takes_s=0.05), tmp_path, for_s=0.8)
    writes, (sent, skipped) = loss.read(tmp_path), samples_in(tmp_path)
    assert set(writes.outcome) == {Outcome.ACKNOWLEDGED} and sent.ok.all() and len(skipped)


def test_every_moment_that_was_due_has_one_sample(tmp_path: Path) -> None:
    play(Slow(takes_s=0.05), tmp_path, for_s=0.8)
    due_ns = read_samples(tmp_path / "ledger").scheduled_ns
    assert (np.diff(due_ns) == NS_PER_S / 100).all()


def test_a_write_is_stamped_when_its_turn_has_come(tmp_path: Path) -> None:
    play(Slow(takes_s=0.03, at_once=1), tmp_path, for_s=0.5)
    writes, (sent, _) = loss.read(tmp_path), samples_in(tmp_path)
    sent = sent.where(np.argsort(sent.sent_ns))
    assert (sent.sent_ns[1:] >= sent.done_ns[:-1]).all()  # one at a time
    assert writes.sent_ns.tolist() == sent.sent_ns.tolist()


def test_of_those_that_wait_the_newest_is_sent_first(tmp_path: Path) -> None:
    play(Slow(takes_s=0.05, at_once=1), tmp_path, for_s=0.8)
    sent, skipped = samples_in(tmp_path)
    in_time = sent.where(sent.scheduled_ns < sent.scheduled_ns[0] + 0.7 * NS_PER_S)
    assert len(skipped) and np.median(in_time.sent_ns - in_time.scheduled_ns) < 0.08 * NS_PER_S


def test_a_ledger_that_was_held_up_sends_late_and_skips_nothing(tmp_path: Path) -> None:
    class Held(Slow):
        async def write(self, key: str, payload: str) -> Outcome:
            if key.endswith("-00000005"):
                time.sleep(4 * TURN_WITHIN_S)  # what a host does that is out of breath
            return Outcome.ACKNOWLEDGED

    play(Held(takes_s=0), tmp_path, for_s=0.1)
    sent, skipped = samples_in(tmp_path)
    assert not len(skipped) and (sent.sent_ns - sent.scheduled_ns).max() > TURN_WITHIN_S * NS_PER_S


def test_a_write_is_written_down_before_it_is_sent(tmp_path: Path) -> None:
    known: list[bool] = []

    class Looking(Slow):
        async def write(self, key: str, payload: str) -> Outcome:
            known.append(key in {ledger.key_of(RUN, number) for number in loss.read(tmp_path).sequence})
            return await super().write(key, payload)

    play(Looking(takes_s=0.01), tmp_path, for_s=0.2)
    assert known and all(known)


def test_what_waits_when_the_ledger_stops_still_gets_its_turn(tmp_path: Path) -> None:
    play(Slow(takes_s=0.1, at_once=1), tmp_path, for_s=0.03)
    sent, skipped = samples_in(tmp_path)
    assert len(sent) > 1 and sent.ok.all() and len(sent) + len(skipped) >= 3


def test_only_so_many_may_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MAX_AT_ONCE", 5)
    play(Slow(takes_s=0.2, at_once=1), tmp_path, for_s=0.15)
    _, skipped = samples_in(tmp_path)
    assert len(skipped) > 5
    assert np.median(skipped.done_ns - skipped.scheduled_ns) < 0.15 * NS_PER_S  # the oldest makes room


def test_a_write_that_this_host_could_not_send_is_skipped_and_cannot_be_there(tmp_path: Path) -> None:
    class Exhausted(Slow):
        async def write(self, key: str, payload: str) -> Outcome:
            raise NotSent

    play(Exhausted(takes_s=0), tmp_path, for_s=0.1)
    sent, skipped = samples_in(tmp_path)
    assert not len(sent) and len(skipped)
    assert set(loss.read(tmp_path).outcome) == {Outcome.REFUSED}


def test_an_error_of_the_store_is_unknown_under_its_name(tmp_path: Path) -> None:
    class Broken(Slow):
        async def write(self, key: str, payload: str) -> Outcome:
            raise ConnectionResetError

    play(Broken(takes_s=0), tmp_path, for_s=0.1)
    sent, skipped = samples_in(tmp_path)
    assert errors_of(sent) == {"ConnectionResetError"} and not len(skipped)
    assert set(loss.read(tmp_path).outcome) == {Outcome.UNKNOWN}


def test_a_write_that_will_not_end_is_given_up_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "FINISH_WITHIN_S", 0.0)

    class Deaf(Slow):
        async def write(self, key: str, payload: str) -> Outcome:
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.3)  # it does not let go when its time is over
            return Outcome.ACKNOWLEDGED

    play(Deaf(takes_s=0, at_once=1), tmp_path, for_s=0.05, timeout_ms=50)
    sent, _ = samples_in(tmp_path)
    assert len(sent) == len(loss.read(tmp_path).sequence) > 0 and not sent.ok.any()


def test_a_plug_in_need_not_say_how_much_it_bears() -> None:
    class Plain: ...

    assert ledger.at_once(Plain()) == AT_ONCE  # type: ignore[arg-type]


def test_a_ledger_that_cannot_record_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []

    def fail(self: WriteLog, rows: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(schedule.os, "_exit", ends.append)
    monkeypatch.setattr(WriteLog, "put_on_disk", fail)
    with pytest.raises(OSError, match="No space"):
        play(Slow(takes_s=0), tmp_path, for_s=0.1)
    assert ends == [schedule.CANNOT_RECORD]


def read_whole(store: Any, outcomes: bytes) -> dict[int, tuple[int, int]]:
    return asyncio.run(read_back(store, RUN, outcomes))


def test_a_million_writes_are_read_back_by_a_few_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Slow(takes_s=0.001, at_once=3, keys=[ledger.key_of(RUN, number) for number in range(50)])
    tasks: list[int] = []
    plain = store.busy

    async def counted() -> None:
        tasks.append(len(asyncio.all_tasks()))
        await plain()

    monkeypatch.setattr(store, "busy", counted)
    found = read_whole(store, bytes([Outcome.ACKNOWLEDGED] * 50))
    assert found == dict.fromkeys(range(50), (Found.PRESENT, 1))
    assert store.most == 3 and max(tasks) == 4  # the readers, and who waits for them


def test_only_what_is_in_doubt_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "BETWEEN_ROUNDS_S", 0.0)
    asked: list[str] = []

    class Late(Slow):
        async def read(self, key: str, payload: str) -> tuple[Found, int]:
            asked.append(key[-1])
            if key.endswith("3"):
                raise ConnectionResetError
            return (Found.PRESENT, 1) if asked.count(key[-1]) > 1 else (Found.ABSENT, 0)

    # acknowledged, refused, unknown, unknown: the last cannot be read
    found = read_whole(Late(takes_s=0), bytes([1, 2, 0, 0]))
    assert {number: asked.count(str(number)) for number in range(4)} == {0: 2, 1: 1, 2: 1, 3: 4}
    assert [found[number][0] for number in range(4)] == [
        Found.PRESENT,
        Found.ABSENT,
        Found.ABSENT,
        Found.NOT_READ,
    ]


class Frozen(http.server.BaseHTTPRequestHandler):
    """Takes every write, and never answers a read."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.server.asked.set()  # type: ignore[attr-defined]
        time.sleep(60)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def frozen() -> Iterator[http.server.ThreadingHTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Frozen) as server:
        server.daemon_threads = True
        server.block_on_close = False
        server.asked = threading.Event()  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_the_end_of_its_orders_ends_a_read_back_that_hangs(
    tmp_path: Path, frozen: http.server.ThreadingHTTPServer
) -> None:
    block = {"http": f"http://127.0.0.1:{frozen.server_port}/orders", "rate": "50/s", "timeout": "1s"}
    orders = {"folder": str(tmp_path), "run": RUN, "ledger": block}
    with child(["-m", "gameday.observe.ledger"], orders) as process:
        assert "ready" in line(process)
        time.sleep(0.3)
        assert process.stdin is not None
        process.stdin.write("read-back\n")
        process.stdin.flush()
        assert frozen.asked.wait(10)  # type: ignore[attr-defined]
        process.stdin.close()
        began_s = time.monotonic()
        assert process.wait(15) == 0
        assert time.monotonic() - began_s < ledger.READ_TIMEOUT_S
        process.stdin = None
    assert not (tmp_path / "ledger.found").exists()
