"""Faults, functions and a control such as other people write."""

from __future__ import annotations

from collections.abc import Generator

from gameday.faults import Aim, Landed, Place, Steps, Undo, fault, landed, nothing, on_host

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


@fault(where=on_host)
def some(count: int = 3, host: str | None = None) -> Steps:
    """Break some of the things on a host."""
    asked.append(str(host))
    names = tuple(f"thing {number}" for number in range(count))
    yield Aim(on_host(host), names, found=9, undo=put_back)
    for name in names:
        yield Undo(put_back)
        broken.append(int(name[-1]))
    return landed(True, "broken")


def cell(name: str, side: str = "left") -> Place:
    """Where in a system that has no kind of its own in gameday."""
    return Place("etcd", name, side)


@fault(where=cell)
def lock(name: str, key: str = "", side: str = "left") -> Steps:
    """Lock a key."""
    asked.append(name)
    yield Aim(cell(name, side), (f"the key {key}",), undo=put_back)
    return landed(True, "locked")
