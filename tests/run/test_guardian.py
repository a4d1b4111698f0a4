"""When the guardian takes over: the words on its pipe, and what the kernel says of the runner."""

from __future__ import annotations

import math
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from gameday.processes import Identity
from gameday.run import guardian
from gameday.run.lifeline import PipeHeart, PipeLifeline


@pytest.fixture
def runner() -> Iterator[subprocess.Popen[bytes]]:
    """A process that could be a runner."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def watched(runner: subprocess.Popen[bytes], words: bytes, *, ends: bool, **limits: Any) -> str | None:
    """What the guardian says of a runner that said these words, and then no more."""
    identity = Identity.of("runner", runner.pid)
    assert identity is not None
    reading, writing = os.pipe()
    os.write(writing, words)
    if ends:
        os.close(writing)
    try:
        with (
            os.fdopen(reading, "rb", buffering=0) as pipe,
            patch.multiple(guardian, LOOK_EVERY_S=0.01, **limits),
        ):
            return guardian.watch(PipeLifeline(pipe, identity))
    finally:
        if not ends:
            os.close(writing)


def test_a_clean_end_is_one(runner: subprocess.Popen[bytes]) -> None:
    assert watched(runner, b"60\n60\ndone\n", ends=True) is None


def test_the_end_without_a_word_is_the_runners(runner: subprocess.Popen[bytes]) -> None:
    assert watched(runner, b"60\ninf\n", ends=True) == "the runner disappeared"
    assert watched(runner, b"60\ndon", ends=True) == "the runner disappeared"


def test_a_stopped_runner_is_relieved(runner: subprocess.Popen[bytes]) -> None:
    runner.send_signal(signal.SIGSTOP)
    assert watched(runner, b"60\n", ends=False, STOPPED_S=0.05) == "the runner was stopped"


def test_a_runner_that_is_silent_for_longer_than_it_said_is_relieved(runner: subprocess.Popen[bytes]) -> None:
    said = watched(runner, b"60\n0.05\n", ends=False)
    assert said == "the runner hung, and was not heard of for 50 ms"


def test_a_runner_may_be_silent_for_as_long_as_it_said(runner: subprocess.Popen[bytes]) -> None:
    assert watched(runner, b"0.01\n600\n", ends=True) == "the runner disappeared"


def test_when_nothing_is_broken_any_more_it_may_stand_still(runner: subprocess.Popen[bytes]) -> None:
    runner.send_signal(signal.SIGSTOP)
    with pytest.raises(TimeoutError), patch.object(Identity, "is_stopped", True):
        signal.signal(signal.SIGALRM, _too_long)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        watched(runner, b"inf\n", ends=False, STOPPED_S=0.05)


def _too_long(*_: object) -> None:
    raise TimeoutError


def test_a_process_is_killed_alone_and_stopped_or_not(runner: subprocess.Popen[bytes]) -> None:
    identity = Identity.of("runner", runner.pid)
    assert identity is not None and not identity.is_stopped
    runner.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, runner.pid, os.WSTOPPED | os.WNOWAIT)
    assert identity.is_stopped
    identity.kill()
    assert runner.wait(5) == -signal.SIGKILL


def test_a_heartbeat_is_said_once_a_second_and_another_length_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as said, os.fdopen(writing, "wb", buffering=0) as pipe:
        heart = PipeHeart(pipe)
        told = [(100.0, ()), (100.5, ()), (100.6, (180.0,)), (101.0, ()), (101.7, ()), (101.8, (math.inf,))]
        for now_s, within in told:
            monkeypatch.setattr("time.monotonic", lambda now_s=now_s: now_s)
            heart.beat(*within)
        heart.done()
        assert said.read() == b"60\n180\n60\ninf\ndone\n"


def test_words_that_came_with_the_orders_are_heard(runner: subprocess.Popen[bytes]) -> None:
    identity = Identity.of("runner", runner.pid)
    assert identity is not None
    reading, writing = os.pipe()
    os.write(writing, b"ne\n")
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        assert guardian.watch(PipeLifeline(pipe, identity, b"60\ndo")) is None
    os.close(writing)
