"""The engine by itself: odd answers, rollbacks that cannot be played, controls, modules that are found."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from chaoslib.exceptions import InterruptExecution

from gameday.errors import InvalidInput
from gameday.experiment.load import load
from gameday.processes import python
from gameday.run import children, engine, preflight
from gameday.run.asked import Asked
from gameday.run.children import Undoing, wait_for_words
from gameday.run.claim import LockClaim
from gameday.run.plain import DEEPEST, plain
from tests.run.conftest import action
from tests.run.test_feed import Told

MODULE = __name__


def deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


def around() -> dict[str, Any]:
    value: dict[str, Any] = {"a": 1}
    value["itself"] = value
    return value


class Hostile:
    """An answer that cannot be read."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    @property
    def value(self) -> str:
        raise RuntimeError("no")


ANSWERS = {
    "half a character": lambda: "no file \udcff, no \ud83d",
    "keys of any kind": lambda: {(1, 2): "pair", None: "none", b"x": 1, 1.5: 2},
    "itself": around,
    "without end": deep,
    "no number": lambda: [float("nan"), float("inf")],
    "a number of many digits": lambda: 10**5000,
    "hostile": Hostile,
    "bytes": lambda: {"raw": b"\xff\x00", "set": {1, "a"}},
    "a fault by its keys": lambda: {"fault": "x", "landed": "yes", "proof": {"a": [1]}},
    "a number of another kind": lambda: Decimal("1.5"),
}


def give(name: str) -> Any:
    """An action that answers oddly."""
    return ANSWERS[name]()


def fail_oddly() -> None:
    raise OSError("no file \udcff")


def hold() -> None:
    raise InterruptExecution("stop here")


@pytest.mark.parametrize("name", ANSWERS)
def test_whatever_an_activity_answers_json_can_say_it(name: str) -> None:
    said = json.dumps(plain(ANSWERS[name]()), allow_nan=False, ensure_ascii=False).encode()
    assert len(said) < 50 * DEEPEST
    assert json.loads(said) == json.loads(said.decode())


def played(
    tmp_path: Path, claim: Any = None, **experiment: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The journal of an engine that plays an experiment here, as it is on disk, and what it tells."""
    told = Told()
    orders = {
        "experiment": {"title": "t", "description": "d", "method": [], **experiment},
        "variables": [],
        "rollbacks": None,
        "journal": str(tmp_path / "journal.json"),
        "claim": claim,
    }
    engine.play(orders, told)  # type: ignore[arg-type]
    return json.loads((tmp_path / "journal.json").read_text()), told.events


def test_no_answer_of_an_activity_ends_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        engine.logger, "disabled", True
    )  # half a character in a log would end pytest's worker
    method = [action(name, MODULE, "give", name=name) for name in ANSWERS]
    journal, told = played(tmp_path, method=[*method, action("fails", MODULE, "fail_oddly")])
    assert journal["status"] == "completed"
    assert [run["status"] for run in journal["run"]] == ["succeeded"] * len(ANSWERS) + ["failed"]
    ended = {event["name"]: event for event in told if event["event"] == "step-ended"}
    assert ended["a fault by its keys"]["landed"] is False
    assert isinstance(ended["a fault by its keys"]["proof"], str)


def test_without_its_claim_an_engine_breaks_nothing_more_but_it_asks_and_rolls_back(tmp_path: Path) -> None:
    claim = LockClaim.on("service 'orders'")
    claim.take()
    look = {**action("look", MODULE, "give", name="bytes"), "type": "probe"}
    act = action("act", MODULE, "give", name="bytes")
    lose = action("lose", "os", "unlink", path=str(claim.lock.path))
    _, told = played(tmp_path, claim.shared(), method=[act, lose, look, act], rollbacks=[act])
    ended = [event for event in told if event["event"] == "step-ended"]
    assert [event["status"] for event in ended] == ["succeeded"] * 3 + ["failed", "succeeded"]
    assert "Unclaimed: the claim on service 'orders' is lost" in ended[3]["error"]


ROLLBACKS = {
    "an unknown reference": {"ref": "nothing"},
    "a pause that is none": {**action("p", MODULE, "give", name="bytes"), "pauses": {"after": "soon"}},
    "no kind": {"name": "k", "provider": {"type": "python", "module": MODULE, "func": "give"}},
    "one that interrupts": action("i", MODULE, "hold"),
}


@pytest.mark.parametrize("name", ROLLBACKS)
def test_a_rollback_that_cannot_be_played_fails_and_the_next_one_is_played(tmp_path: Path, name: str) -> None:
    after = action("after", MODULE, "give", name="bytes")
    journal, told = played(tmp_path, rollbacks=[ROLLBACKS[name], after])
    assert [run["status"] for run in journal["rollbacks"]] == ["failed", "succeeded"]
    assert [event["why"] for event in told if event["event"] == "waiting"][-1] == "undo"
    ended = [event["status"] for event in told if event["event"] == "step-ended"]
    assert "failed" in ended and ended[-1] == "succeeded"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current folder with modules of the names of Python's own, and with one that is really the user's."""
    for name in ("token", "queue", "random", "json", "yaml"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is not it')\n")
    (tmp_path / "ours.py").write_text("def act() -> str:\n    print('acted')\n    return 'ours'\n")
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def written(folder: Path, **more: Any) -> Path:
    path = folder / "experiment.json"
    experiment = {"title": "t", "description": "d", "method": [action("act", "ours", "act")], **more}
    path.write_text(json.dumps(experiment))
    return path


def exchanged(undoing: Undoing, call: dict[str, Any]) -> list[dict[str, Any]]:
    """All that a process says of its call."""
    undoing.send(call)
    said: list[dict[str, Any]] = []
    for _ in range(300):
        said += undoing.messages()
        if undoing.has_said_all:
            break
        wait_for_words([undoing], 0.1)
    return said


def test_the_current_folder_hides_no_module_of_pythons_and_the_users_are_found(here: Path) -> None:
    experiment = load(written(here))
    preflight.check_activities(experiment, preflight.start_validation(experiment))
    log = here / "undo.log"
    undoing = Undoing.start([], log)
    try:
        call = {"module": "ours", "func": "act", "verify": None, "arguments": {}}
        answers = exchanged(undoing, call)
    finally:
        undoing.kill()
    assert answers[0] == {"ok": True, "said": "ours"}


def test_every_process_is_started_so_that_the_current_folder_hides_nothing() -> None:
    assert python("json.tool")[1:3] == ["-P", "-m"]


def test_what_an_undo_prints_goes_to_its_log(tmp_path: Path) -> None:
    from gameday.run import logs

    log = tmp_path / "undo.log"
    provider = {"type": "process", "path": "echo", "arguments": ["words of the undo"]}
    undoing = Undoing.start([], log)
    exchanged(undoing, {"activity": {"type": "action", "name": "undo", "provider": provider}})
    undoing.kill()
    logs.finish()
    assert log.read_text() == "words of the undo\n"


def test_a_control_of_the_settings_may_forbid_a_run_while_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".chaostoolkit").mkdir()
    control = {"window": {"provider": {"type": "python", "module": "closed"}}}
    (tmp_path / ".chaostoolkit" / "settings.yaml").write_text(json.dumps({"controls": control}))
    (tmp_path / "closed.py").write_text(
        "from chaoslib.exceptions import InterruptExecution\n"
        "def before_loading_experiment_control(context, **_):\n"
        "    raise InterruptExecution(f'no drills today: {context}')\n"
    )
    (tmp_path / "ours.py").write_text("def act(): ...\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    experiment = load(written(tmp_path))
    preflight.check_activities(experiment, preflight.start_validation(experiment))
    with pytest.raises(InvalidInput, match="no drills today"):
        preflight.check_activities(experiment, preflight.start_validation(experiment, (), Asked()))


def test_the_engine_of_a_run_asks_the_controls_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    control = {"name": "c", "provider": {"type": "python", "module": MODULE}}
    monkeypatch.setattr(engine, "load_settings", lambda: {"controls": {"c": control}})
    monkeypatch.setitem(
        globals(), "before_loading_experiment_control", lambda context, **_: asked.append(context)
    )
    assert engine.load({"source": "x.yaml", "experiment": {}}) is None
    assert asked == ["x.yaml"]


def test_an_engine_started_ahead_plays_with_what_the_run_says_then(tmp_path: Path, monkeypatch: Any) -> None:
    from gameday import hosts

    monkeypatch.setenv("OF_BEFORE", "1")
    engine = children.Engine.ahead()
    monkeypatch.delenv("OF_BEFORE")
    seen = "import os, sys; print(sorted(set(os.environ) & {'OF_BEFORE', 'OF_NOW', 'GAMEDAY_LIMITS'}))"
    method = [{"type": "action", "name": "look", "provider": {"type": "process", "path": sys.executable}}]
    method[0]["provider"]["arguments"] = ["-c", seen]  # type: ignore[index]
    document = {"title": "t", "description": "d", "method": method}
    engine.send({"experiment": document, "variables": [], "secrets": {}})
    with hosts.within_run():
        hosts.limit([{"hosts": ["elsewhere"]}])
        orders = {"rollbacks": None, "journal": str(tmp_path / "journal.json"), "secrets": {}}
        engine.begin(orders, tmp_path / "engine.log", {**os.environ, "OF_NOW": "1"})
    said: list[str] = []
    while engine.is_alive:
        children.wait_for_words([engine], 5)
        for message in engine.messages():
            said.append(message["event"])
            if message["event"] == "waiting":
                engine.send("go on")
    journal = json.loads((tmp_path / "journal.json").read_text())
    assert journal["run"][0]["output"]["stdout"].strip() == str(sorted([hosts.VARIABLE, "OF_NOW"]))
    engine.kill()
