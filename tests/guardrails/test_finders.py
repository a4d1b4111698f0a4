"""What other people's actions would hit is found by finders; one that fails or hangs is told, and no more."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gameday.errors import GamedayError
from gameday.experiment.load import load
from gameday.guardrails import finders, look
from gameday.guardrails.patience import Patience, Unanswered
from gameday.guardrails.touch import Touch
from gameday.scopes import Scope

ACTIONS = '''
def stop(name, count=1):
    """Stop a machine."""
'''
FINDER = '''
import time
from gameday.places import Aim, Place

asked = []

def where(asked_for):
    return Place("fleet", asked_for.configuration.get("fleet", "staging"), asked_for.arguments["name"])

def stop(name):
    """Undo: it is started."""

def aim(asked_for, where):
    asked.append(asked_for.secrets)
    name = asked_for.arguments["name"]
    if name == "broken":
        raise LookupError("the fleet says no")
    if name == "slow":
        time.sleep(60)
    if name == "exit":
        raise SystemExit(3)
    if name == "nonsense":
        return {"targets": [name]}
    if name == "elsewhere":
        return Aim(Place("fleet", "live"), (name,))
    return Aim(where, ("m1", "m2", "m3"), found=3, hit=asked_for.arguments.get("count", 1), undo=stop)
'''


def register(folder: Path, package: str, points: str) -> None:
    """A package as pip installs it: its metadata say which finders it has."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[gameday.finders]\n{points}\n")


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with actions, and a finder for them."""
    (tmp_path / "fleetchaos").mkdir()
    (tmp_path / "fleetchaos/__init__.py").touch()
    (tmp_path / "fleetchaos/actions.py").write_text(ACTIONS)
    (tmp_path / "fleetfinder.py").write_text(FINDER)
    register(tmp_path, "fleetfinder", "fleetchaos = fleetfinder")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(look, "ANSWERS_WITHIN_S", 0.3)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("fleet")]:
        del sys.modules[name]


def seen(name: str, scopes: list[Scope] | None = None, **arguments: Any) -> Touch:
    provider = {
        "type": "python",
        "module": "fleetchaos.actions",
        "func": "stop",
        "arguments": {"name": name, **arguments},
        "secrets": ["keys"],
    }
    document = {
        "configuration": {"fleet": "staging"},
        "secrets": {"keys": {"token": "geheim-1"}, "others": {"key": "geheim-2"}},
        "method": [{"type": "action", "name": "it", "provider": provider, "targets": {"hosts": ["db1"]}}],
    }
    (found,) = look.look(document, {}, scopes or [])
    return found


def test_a_finder_of_another_package_says_where_and_what(fleet: Path) -> None:
    found = seen("m", count=2)
    assert ([str(place) for place in found.places], found.targets) == (
        ["fleet staging/m"],
        ("m1", "m2", "m3"),
    )
    assert (found.hit, found.found, found.undo, found.unknown) == (2, 3, "it is started.", "")
    assert found.does == "Stop a machine." and not found.is_declarable
    assert sys.modules["fleetfinder"].asked == [{"token": "geheim-1"}], "only what the call asks for"


def test_a_finder_is_not_asked_where_nothing_may_be_touched(fleet: Path) -> None:
    live = Scope.model_validate({"places": [{"kind": "fleet", "name": "live", "parts": ["*"]}]})
    found = seen("m", [live])
    assert "it is not looked for where nothing may be touched" in found.unknown
    assert sys.modules["fleetfinder"].asked == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken", "LookupError: the fleet says no"),
        ("slow", "no answer within 0.3 s"),
        ("exit", "SystemExit: 3"),
        ("nonsense", "what it hits is said by an Aim, not by {'targets': ['nonsense']}"),
        ("elsewhere", "it aims at fleet live, where it does not say that it acts"),
        (5, "the name of a place is a text, not 5"),
        ("${later}", "${later} is known only when it is called"),
    ],
)
def test_a_finder_that_fails_or_hangs_is_what_is_not_known(fleet: Path, name: Any, words: str) -> None:
    found = seen(name)
    assert words.replace("fleet live", "live") in found.unknown and not found.is_declarable, found.unknown


def test_a_finder_that_cannot_be_imported_is_told(fleet: Path) -> None:
    (fleet / "fleetfinder.py").write_text("import no_such_module")
    assert "ModuleNotFoundError: No module named 'no_such_module'" in seen("m").unknown


def test_the_longest_name_decides_and_two_alike_are_an_error(fleet: Path) -> None:
    (fleet / "nearer.py").write_text(FINDER.replace('"fleet"', '"nearer"'))
    register(fleet, "nearer", "fleetchaos.actions = nearer\nchaosk8s = nearer\nfleetchaos.act = nothing")
    assert seen("m").places[0].kind == "nearer"
    assert finders.of_module("chaosk8s.pod.actions") is sys.modules["gameday.guardrails.finders.kubernetes"]
    assert finders.of_module("fleetchaosmore.actions") is None
    register(fleet, "another", "fleetchaos.actions = another")
    with pytest.raises(GamedayError, match=r"two finders know fleetchaos.actions: another and nearer; unin"):
        finders.of_module("fleetchaos.actions")
    assert "two finders know fleetchaos.actions" in seen("m").unknown


CHATTY = """
import subprocess
from gameday.faults import Aim, fault, landed, on_this_host
print("imported")

@fault(where=on_this_host)
def chat():
    subprocess.run(["echo", "looked"])
    print("looked")
    yield Aim(on_this_host(), ("a thing",))
    return landed(True, "")

@fault(where=on_this_host)
def fail():
    raise LookupError("no such thing")
    yield
"""


def test_what_is_printed_while_looking_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("chatty.py").write_text(CHATTY)
    steps = [
        {"type": "action", "name": func, "provider": {"type": "python", "module": "chatty", "func": func}}
        for func in ("chat", "fail")
    ]
    Path("x.json").write_text(json.dumps({"title": "t", "description": "d", "method": steps}))
    first, second = look.touches(load(Path("x.json")))
    assert (first.targets, first.unknown, first.undo) == (("a thing",), "", "none")
    assert (second.unknown, second.undo) == ("LookupError: no such thing", "not known")


def test_patience_ends_for_each_and_for_all() -> None:
    patience = Patience(0.05, 0.08)
    assert patience.answer(lambda number: number + 1, 1) == 2
    with pytest.raises(Unanswered, match=r"no answer within 0\.05 s"):
        patience.answer(time.sleep, 5)
    with pytest.raises(Unanswered, match="no answer within"):
        patience.answer(time.sleep, 5)
    with pytest.raises(Unanswered, match="the time for looking is over"):
        patience.answer(lambda: 1)
    with pytest.raises(Unanswered) as told:
        Patience(1, 1).answer(lambda: 1 / 0)
    assert str(told.value) == "ZeroDivisionError: division by zero"


def test_a_question_to_people_touches_nothing_and_is_in_the_plan() -> None:
    arguments = {"what": "is it fenced?", "within": "15m"}
    provider = {"type": "python", "module": "gameday.asking", "func": "confirm", "arguments": arguments}
    (found,) = look.look({"method": [{"type": "probe", "name": "ask", "provider": provider}]}, {})
    assert (found.places, found.hit, found.unknown) == ((), 0, "")
    assert found.does == "asks people, within 15m: is it fenced?"
