"""The engine's line: several threads tell, ask and wait at once, and each gets its own answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TextIO

import pytest

from gameday.asking import Ask, NotAnswered
from gameday.run import line as lines
from gameday.run.line import Line


class Runner:
    """The runner's ends of the pipes."""

    def __init__(self) -> None:
        orders, self.orders = os.pipe()
        self.events, events = os.pipe()
        self.line = Line(orders, events)
        self.said = os.fdopen(self.events)

    def order(self, order: str | dict) -> None:
        text = order if isinstance(order, str) else json.dumps(order)
        os.write(self.orders, text.encode() + b"\n")

    def hears(self) -> dict:
        return json.loads(self.said.readline())


@pytest.fixture
def runner() -> Iterator[Runner]:
    made = Runner()
    yield made
    os.close(made.orders)
    os.close(made.line.orders)
    made.line.events.close()
    made.said.close()


def test_each_ask_gets_its_own_answer_while_the_engine_waits(runner: Runner) -> None:
    with ThreadPoolExecutor(4) as pool:
        waits = pool.submit(runner.line.wait, "recovery")
        asks = [pool.submit(runner.line.ask, Ask(name, f"{name}?")) for name in ("a", "b", "c")]
        heard = [runner.hears() for _ in range(4)]
        for name in ("c", "a", "b"):
            runner.order({"ask": name, "answer": name.upper(), "by": "ann"})
        assert [each.result(10).text for each in asks] == ["A", "B", "C"]
        assert not waits.done()
        runner.order("go on")
        waits.result(10)
    assert sorted((each["event"], each.get("id", each.get("why"))) for each in heard) == [
        ("asked", "a"),
        ("asked", "b"),
        ("asked", "c"),
        ("waiting", "recovery"),
    ]


def test_an_order_that_comes_in_pieces_is_one_order(runner: Runner) -> None:
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(runner.line.ask, Ask("a", "a?"))
        runner.hears()
        for piece in (b'{"ask": "a", "ans', b'wer": "x"', b"}\ngo", b" on\n"):
            os.write(runner.orders, piece)
        assert asked.result(10).text == "x"
    runner.line.wait("undo")


def test_an_ask_that_the_runner_closes_fails_with_its_reason(runner: Runner) -> None:
    runner.order({"ask": "a", "why": "nobody has answered within 1 s"})
    with pytest.raises(NotAnswered, match=r"a\?: nobody has answered within 1 s"):
        runner.line.ask(Ask("a", "a?"))


def test_an_ask_ends_even_if_the_runner_never_says_so(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "RUNNER_IS_LATE_S", 0.0)
    monkeypatch.setattr(lines, "LOOK_EVERY_S", 0.01)
    with pytest.raises(NotAnswered, match="nobody has answered"):
        runner.line.ask(Ask("a", "a?", (), 0.02))


class InPieces:
    """A file that is written a piece at a time, as any may be."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, text: str) -> None:
        for start in range(0, len(text), 20):
            self.file.write(text[start : start + 20])
            self.file.flush()
            time.sleep(0)

    def close(self) -> None:
        self.file.close()


def test_what_threads_tell_at_once_is_never_mixed(runner: Runner) -> None:
    count = 20
    runner.line.events = InPieces(runner.line.events)  # type: ignore[assignment]
    together = threading.Barrier(4)

    def tell(name: int) -> None:
        together.wait(10)
        for number in range(count):
            runner.line.tell("told", name=name, number=number, text="x" * 200)

    with ThreadPoolExecutor(4) as pool:
        told = [pool.submit(tell, name) for name in range(4)]
        heard = [runner.hears() for _ in range(4 * count)]
        for each in told:
            each.result(10)
    for name in range(4):
        assert [each["number"] for each in heard if each["name"] == name] == list(range(count))


def test_an_engine_whose_runner_is_gone_ends_while_it_asks() -> None:
    body = (
        "import os, sys; from gameday.run.line import Line; from gameday.asking import Ask;"
        "line = Line(int(sys.argv[1]), os.dup(1)); line.ask(Ask('a', 'a?'))"
    )
    out, into = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", body, str(out)], pass_fds=[out], stdout=subprocess.PIPE, text=True
    )
    os.close(out)
    assert process.stdout is not None and json.loads(process.stdout.readline())["event"] == "asked"
    os.close(into)
    assert process.wait(10) == 70
    process.stdout.close()
