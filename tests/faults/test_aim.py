"""A fault aims first: where is known before its body runs, and it breaks no more than it aims at."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest

import gameday.faults
from gameday.errors import FaultError
from gameday.faults import Aim, Place, Steps, Undo, fault, landed, on_host, on_server, on_this_host
from gameday.faults.protocol import aims, asked_for, command_of, most_targets, places_of, preview
from gameday.faults.undolog import UndoLog
from gameday.hosts import Unclear
from gameday.lab.steps import repoint

HERE, THERE = Place("host", "localhost"), Place("host", "db1")
seen: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


def put_back(name: str) -> str:
    """Undo of `break_all`: all of it is back."""
    return f"{name} is back"


@fault(where=on_host)
def break_all(names: list[str], undos: int | None = None, host: str | None = None) -> Steps:
    """Break things."""
    seen.append("looked")
    yield Aim(on_host(host), tuple(names), found=7, undo=put_back)
    for name in (names * 3)[: len(names) if undos is None else undos]:
        yield Undo(put_back, name=name)
        seen.append(name)
    return landed(True, "broken")


def test_a_fault_aims_and_then_owes_an_undo_for_each_target(undo_log: UndoLog) -> None:
    said = {"fault": "break_all", "landed": True, "proof": "broken"}
    assert break_all(["a", "b"]) == {**said, "where": ["localhost"], "targets": ["a", "b"]}
    assert [entry.call["arguments"]["name"] for entry in undo_log.owed()] == ["b", "a"]
    assert all(entry.events == ("owed", "landed") for entry in undo_log.entries())


def test_a_fault_breaks_no_more_than_it_aims_at(undo_log: UndoLog) -> None:
    with pytest.raises(FaultError, match="would break more than the 2 that it aims at"):
        break_all(["a", "b"], undos=3)
    assert seen == ["looked", "a", "b"] and len(undo_log.owed()) == 2


def test_a_fault_that_aims_at_more_than_its_limit_breaks_none(undo_log: UndoLog) -> None:
    token = most_targets.set(2)
    try:
        with pytest.raises(FaultError, match="would break more than 2; say how many in its targets:"):
            break_all(["a", "b", "c"])
        assert break_all(["a", "b"])["landed"]
    finally:
        most_targets.reset(token)
    assert seen == ["looked", "looked", "a", "b"] and len(undo_log.owed()) == 2


def test_a_preview_is_the_aim_and_goes_no_further() -> None:
    aim = preview(break_all, {"names": ["a", "b"], "host": "ssh://ops@db1"})
    assert aim == Aim(THERE, ("a", "b"), found=7, undo=put_back)
    assert seen == ["looked"]


def test_a_fault_that_leaves_nothing_behind_only_aims(undo_log: UndoLog) -> None:
    @fault(where=on_this_host)
    def knock() -> Steps:
        yield Aim(on_this_host(), ("the door",))
        seen.append("knocked")
        return landed(True, "knocked")

    assert preview(knock, {}) == Aim(HERE, ("the door",)) and seen == []
    assert knock()["landed"] and undo_log.entries() == []


def test_a_fault_that_never_aims_is_an_error_though_it_is_over() -> None:
    for action in (aiming(), lambda: preview(aiming(), {})):
        with pytest.raises(FaultError, match="does not aim first"):
            action()


def test_where_is_known_before_the_body_runs() -> None:
    def nowhere(host: str | None = None) -> Place:
        raise Unclear("it is no host")

    def broken(host: str | None = None) -> Place:
        raise KeyError("oh")

    for where, words in (
        (nowhere, "^it is no host$"),
        (broken, "^where fault 'look' acts is not known: 'oh'$"),
        (lambda host=None: "db1", "where something acts is a Place, or a tuple of them, not 'db1'"),
    ):

        @fault(where=where)  # type: ignore[arg-type]
        def look(host: str | None = None) -> Steps:
            seen.append("looked")
            yield Aim(HERE, ("x",))
            return landed(True, "")

        with pytest.raises(FaultError, match=words):
            look()
        assert seen == []


def test_where_gets_the_arguments_that_it_asks_for_and_their_defaults() -> None:
    assert asked_for(break_all) == ["host"]
    assert places_of(break_all, {"names": ["a"]}) == (HERE,)
    assert places_of(break_all, {"names": ["a"], "host": "db1"}) == (THERE,)
    assert places_of(break_all, {"nonsense": 1, "host": "db1"}) == (THERE,), "the call itself will refuse it"
    with pytest.raises(TypeError, match="fault 'take' takes no 'host', for which its where or runs asks"):

        @fault(where=on_host)
        def take() -> Steps:
            yield Aim(HERE, ())
            return landed(True, "")


def aiming(*steps: Any, where: Any = on_host) -> Any:
    """A fault that yields these."""

    def body(host: str | None = None) -> Any:
        yield from steps
        seen.append("acted")
        return landed(True, "")

    return fault(where=where)(body) if where is not None else fault(body)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (aiming(Undo(put_back, name="a")), "does not aim first: its first yield is an Aim"),
        (aiming(Aim(THERE, ("a",))), "aims at db1, where it does not say that it acts"),
        (aiming(Aim((HERE, THERE), ("a",))), "aims at db1, where it does not say"),
        (aiming(Aim(HERE, ("a",)), Aim(HERE, ("b",))), "aims a second time"),
        (aiming(Aim(HERE, ("a",)), put_back), "which is no undo"),
        (aiming(Aim(HERE, ("a",)), where=None), r"does not say where it acts: write @fault\(where=…\)"),
    ],
)
def test_a_fault_that_does_not_keep_to_its_aim_breaks_nothing(
    broken: Any, words: str, undo_log: UndoLog
) -> None:
    with pytest.raises(FaultError, match=words):
        broken()
    assert seen == [] and undo_log.entries() == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Aim(HERE, "web"), r"targets are a tuple of names, such as \('web',\), not 'web'"),
        (lambda: Aim(HERE, (4242,)), "the name of a target is a text, not 4242"),
        (lambda: Aim(HERE, ("x" * 1001,)), "the name of a target has 1,001 characters; 1,000 is the most"),
        (lambda: Aim(HERE, ("x",) * 10_001), "10,001 targets are aimed at; 10,000 is the most"),
        (lambda: Aim(HERE, (), found=-1), "found and hit are whole numbers from 0 up, not -1"),
        (lambda: Aim(HERE, (), hit="1"), "found and hit are whole numbers"),
        (lambda: Aim([HERE], ()), "where something acts is a Place, or a tuple of them"),
        (lambda: Aim("db1", ()), "where something acts is a Place"),
        (lambda: Place("host", None), "the name of a place is a text, not None"),
    ],
)
def test_an_aim_that_is_none_says_what_to_write(make: Any, words: str) -> None:
    with pytest.raises(FaultError, match=words):
        make()


def test_a_place_is_told_with_its_kind_when_it_is_a_part_of_something() -> None:
    assert [str(HERE), str(Place("etcd", "orders", "members"))] == ["localhost", "etcd orders/members"]


def test_how_many_are_hit_may_be_chosen_later() -> None:
    assert Aim(HERE, ("a", "b", "c"), found=3, hit=1).count == 1
    assert Aim(HERE, ("a", "b", "c")).count == 3


def test_every_fault_of_gameday_aims() -> None:
    for module in pkgutil.iter_modules(gameday.faults.__path__):
        found = importlib.import_module(f"gameday.faults.{module.name}")
        for name in getattr(found, "__all__", []):
            assert aims(getattr(found, name)), f"{module.name}.{name}"
    assert aims(repoint)


def test_where_the_faults_of_gameday_act() -> None:
    from gameday.faults.network import partition
    from gameday.faults.postgresql import fence, promote
    from gameday.faults.process import kill

    assert (
        places_of(promote, {"dsn": "host=db1,localhost"}) == (THERE, HERE) == on_server("host=db1,localhost")
    )
    assert places_of(fence, {"data": "/x", "dsn": "host=db1"}) == (HERE, THERE)
    assert places_of(fence, {"data": "/x"}) == (HERE,)
    tried = Place("host", "10.0.0.7")
    assert places_of(partition, {"to": ["10.0.0.7"], "ports": [80]}) == (HERE, tried)
    assert places_of(partition, {"to": ["10.0.0.7"]}) == (HERE,)
    assert places_of(partition, {"to": ["10.0.0.0/24"], "ports": [80]}) == (HERE,)
    assert places_of(partition, {"to": ["10.0.0.7"], "ports": [80], "host": "ssh://db1"}) == (THERE,)
    steps = {"routing_file": "r", "dsn": "host=db1", "health_url": "http://orders.example/health"}
    assert places_of(repoint, steps) == (HERE, THERE, Place("host", "orders.example"))
    assert command_of(kill, {"name": "web", "restart": ["systemctl", "start", "my web"]}) == (
        "systemctl start 'my web'"
    )
    assert (command_of(kill, {"name": "web"}), command_of(promote, {"dsn": ""})) == ("", "")
