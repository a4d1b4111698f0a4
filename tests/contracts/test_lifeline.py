"""What a guardian hears, whatever it hears it by."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pytest

from gameday.processes import Identity
from gameday.run import guardian
from gameday.run.lifeline import SILENT_S, End, Heart, Lifeline, PipeHeart, PipeLifeline
from tests.contracts.others import Board, BoardHeart, BoardLifeline


@dataclass
class Line:
    """Both ends of a lifeline, and what has become of the runner."""

    heart: Heart
    lifeline: Lifeline
    is_cut: Callable[[], bool]


class Runner:
    """What the kernel says of a runner."""

    is_stopped = False
    is_killed = False

    def kill(self) -> None:
        self.is_killed = True


def by_pipe(stack: ExitStack) -> Line:
    reading, writing = os.pipe()
    runner: Any = Runner()
    heart = PipeHeart(stack.enter_context(os.fdopen(writing, "wb", buffering=0)))
    lifeline = PipeLifeline(stack.enter_context(os.fdopen(reading, "rb", buffering=0)), runner)
    return Line(heart, lifeline, lambda: runner.is_killed)


def by_board(stack: ExitStack) -> Line:
    board = Board()
    return Line(BoardHeart(board), BoardLifeline(board), lambda: board.is_cut)


@pytest.fixture(params=[by_pipe, by_board])
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    with ExitStack() as stack:
        yield request.param(stack)


def all_heard(line: Line) -> list[float | End]:
    heard: list[float | End] = []
    while more := line.lifeline.heard(0.01):
        heard += more
        if isinstance(more[-1], End):
            break
    return heard


def test_nothing_is_heard_of_a_runner_that_is_silent(line: Line) -> None:
    assert line.lifeline.heard(0.01) == [] and not line.lifeline.is_stopped


def test_the_newest_heartbeat_says_how_long_there_may_be_silence(line: Line) -> None:
    line.heart.beat()
    assert all_heard(line) == [SILENT_S]
    line.heart.beat(180.0)
    line.heart.beat(math.inf)
    assert all_heard(line)[-1] == math.inf


def test_a_clean_end_is_heard(line: Line) -> None:
    line.heart.beat()
    line.heart.done()
    assert all_heard(line)[-1] is End.DONE


def test_a_guardian_that_hears_nothing_more_cuts_the_runner_off_before_it_recovers_the_run(
    line: Line,
) -> None:
    done: list[tuple[str, bool]] = []

    def recover_now(orders: dict[str, Any], reason: str) -> None:
        done.append((reason, line.is_cut()))

    line.heart.beat(0.05)
    with patch.multiple(guardian, recover_now=recover_now, LOOK_EVERY_S=0.01):
        guardian.guard(line.lifeline, {})
    assert done == [("the runner hung, and was not heard of for 50 ms", True)]


def test_a_runner_that_has_left_its_run_is_not_cut_off_though_the_run_is_recovered(line: Line) -> None:
    line.heart.leave()
    reasons: list[str] = []
    with patch.object(guardian, "recover_now", lambda _, reason: reasons.append(reason)):
        guardian.guard(line.lifeline, {})
    assert reasons == [End.LEFT.value] and not line.is_cut()


def test_a_guardian_recovers_nothing_after_a_clean_end(line: Line) -> None:
    line.heart.done()
    with patch.object(guardian, "recover_now", lambda *_: pytest.fail("it recovers")):
        guardian.guard(line.lifeline, {})
    assert not line.is_cut()


def test_whoever_has_gone_hears_no_heartbeat_and_that_is_not_felt(line: Line) -> None:
    if isinstance(line.lifeline, PipeLifeline):
        line.lifeline.pipe.close()
    line.heart.beat(1.0)
    line.heart.done()


def test_a_process_is_what_the_kernel_says_of_it() -> None:
    identity = Identity.of("runner", os.getpid())
    assert identity is not None and not PipeLifeline(None, identity).is_stopped  # type: ignore[arg-type]
