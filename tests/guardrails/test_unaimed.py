"""Faults that do not aim, as they were written before faults did: what they hit is read from their code."""

from __future__ import annotations

from collections.abc import Generator

from gameday.faults import Landed, Undo, fault, landed, nothing
from gameday.guardrails.finders.unaimed import hits_one


@fault
def one_yield() -> Generator[Undo, None, Landed]:
    for _ in range(3):  # a loop before it, and one behind
        pass
    yield nothing()
    while False:
        pass
    return landed(True, "")


@fault
def two_yields() -> Generator[Undo, None, Landed]:
    yield nothing()
    yield nothing()
    return landed(True, "")


@fault
def yields_in_a_loop() -> Generator[Undo, None, Landed]:
    for _ in range(3):
        yield nothing()
        len("")
    return landed(True, "")


def test_how_often_a_fault_yields_is_seen_without_calling_it() -> None:
    assert hits_one(one_yield)
    assert not hits_one(two_yields)
    assert not hits_one(yields_in_a_loop)
    assert not hits_one(print)  # of which nothing can be seen
