"""Faults, functions and a control such as other people write."""

from __future__ import annotations

from collections.abc import Generator

from gameday.faults import Landed, Undo, fault, landed, nothing

asked: list[str] = []
broken: list[int] = []


def put_back(number: int = 0) -> None:
    """Undo: nothing."""


@fault
def somewhere() -> Generator[Undo, None, Landed]:
    """Break something, nobody knows where."""
    asked.append("somewhere")
    yield Undo(put_back, target="a thing")
    return landed(True, "broken")


@fault
def on(host: str) -> Generator[Undo, None, Landed]:
    """Break something on a host."""
    asked.append(host)
    yield Undo(put_back, target="a thing")
    return landed(True, "broken")


@fault
def five(host: str = "localhost") -> Generator[Undo, None, Landed]:
    """Break five things."""
    for number in range(5):
        yield Undo(put_back, target=f"thing {number}", number=number)
        broken.append(number)
    return landed(True, "broken")


@fault
def two(host: str = "localhost") -> Generator[Undo, None, Landed]:
    """Break two things."""
    yield nothing("one thing")
    yield nothing("another")
    return landed(True, "broken")


def call(where: str = "") -> bool:
    """Do something."""
    return True


def judge(value: object = None) -> bool:
    """Judge something."""
    return True


def before_activity_control(context: object) -> None:
    """Look at an activity."""
