"""What an experiment takes from the environment and from a vault; what cannot be had stops a run at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import chaoslib.secret
import pytest

from gameday.errors import InvalidInput
from gameday.experiment import secrets
from gameday.experiment.load import load
from gameday.run.preflight import start_validation

HEAD = "title: t\ndescription: d\nmethod: []\n"
VAULT = HEAD + "secrets:\n  app:\n    password: {type: vault, path: orders}\n"


def file(folder: Path, text: str) -> Path:
    path = folder / "x.yaml"
    path.write_text(text)
    return path


def refused(path: Path) -> str:
    with pytest.raises(InvalidInput) as told:
        start_validation(load(path))
    return str(told.value).removeprefix(str(path))


def answers(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[Any]:
    """A vault that gives such an answer, or raises it; who asked."""
    asked: list[Any] = []

    def ask(where: Any, configuration: Any = None) -> Any:
        asked.append(where)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(chaoslib.secret, "HAS_HVAC", True)
    monkeypatch.setattr(chaoslib.secret, "load_secrets_from_vault", ask)
    return asked


def test_what_a_vault_gives_is_secret_and_it_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answers(monkeypatch, {"user": "orders-app", "pin": 90817263})
    experiment = load(file(tmp_path, VAULT + "service: {name: 'of ${other}'}\nconfiguration: {other: x}\n"))
    assert {"orders-app", "90817263"} <= set(experiment.secrets)
    assert len(asked) == 1
    assert experiment.found.trouble is None


def test_a_vault_that_refuses_stops_a_run_before_anything_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, ConnectionError("connection refused"))
    assert refused(file(tmp_path, VAULT)) == ":4:1: ConnectionError: connection refused"


def test_a_vault_that_does_not_answer_stops_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "ANSWER_WITHIN_S", 0.05)
    monkeypatch.setattr(chaoslib.secret, "load_secrets_from_vault", lambda *_: time.sleep(30))
    assert refused(file(tmp_path, VAULT)) == ":4:1: the vault has not answered for 0.05 s"


@pytest.mark.parametrize("answer", [{}, None, ""])
def test_a_vault_without_the_secret_stops_it_too(
    answer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, answer)
    assert refused(file(tmp_path, VAULT)) == ":4:1: the vault does not give 'password'"


def test_a_vault_without_its_library_says_what_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaoslib.secret, "HAS_HVAC", False)
    assert "pip install 'chaostoolkit-lib[vault]'" in refused(file(tmp_path, VAULT))


def test_a_vault_that_fails_is_a_problem_of_the_file_where_a_block_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, OSError("no route to host"))
    path = file(tmp_path, VAULT + "service: {name: '${password}'}\n")
    with pytest.raises(InvalidInput, match=r"x.yaml:4:1: OSError: no route to host"):
        load(path)


@pytest.mark.parametrize(
    ("block", "place"),
    [
        ("secrets: {app: {x: {type: env, key: NOT_SET_ANYWHERE}}}", ":4:1: Secrets make reference"),
        ("configuration: {x: {type: env, key: NOT_SET_ANYWHERE}}", ":4:1: Configuration makes reference"),
    ],
)
def test_a_variable_that_is_not_set_stops_it_too(block: str, place: str, tmp_path: Path) -> None:
    assert refused(file(tmp_path, f"{HEAD}{block}\n")).startswith(place)


def test_what_a_file_does_not_need_from_others_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "find", lambda *_: pytest.fail("asked"))
    load(file(tmp_path, f"{HEAD}configuration: {{x: 1}}\n"))
