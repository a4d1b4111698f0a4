"""An undo that an experiment declares is logged with what it needs, and played with it by whoever undoes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gameday import redact
from gameday.errors import FaultError
from gameday.faults.undolog import UndoLog
from gameday.run import undoing
from gameday.run.declared import Declared, play

CONTEXT = {"type": "env", "key": "KUBERNETES_CONTEXT"}


def seen(path: str, configuration: Any = None, secrets: Any = None) -> None:
    """An undo that writes down what it was given."""
    Path(path).write_text(json.dumps({"configuration": configuration, "secrets": secrets}))


def action(path: Path, **provider: Any) -> dict[str, Any]:
    plain = {"type": "python", "module": __name__, "func": "seen", "arguments": {"path": str(path)}}
    does = {"type": "process", "path": "x"}
    return {"type": "action", "name": "drain", "provider": does, "undo": {"provider": plain | provider}}


def owed(
    undo_log: UndoLog,
    activity: dict[str, Any],
    experiment: dict[str, Any],
    variables: dict[str, Any] | None = None,
    made: dict[str, Any] | None = None,
) -> dict[str, Any]:
    Declared(experiment, variables or {}, {}).owe(activity, made or {})
    return undo_log.owed()[0].call


def test_a_reference_is_logged_and_followed_when_it_is_played(
    undo_log: UndoLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = {"type": "env", "key": "ORDERS_TOKEN"}
    secrets = {"k8s": {"token": token}, "other": {"a": "b"}}
    experiment = {"configuration": {"context": CONTEXT}, "secrets": secrets}
    monkeypatch.setenv("KUBERNETES_CONTEXT", "staging")
    call = owed(undo_log, action(tmp_path / "seen", secrets=["k8s"]), experiment)
    assert (call["configuration"], call["secrets"]) == ({"context": CONTEXT}, {"k8s": {"token": token}})
    monkeypatch.setenv("ORDERS_TOKEN", "of the ring")
    assert play(call) == "'undo drain' succeeded"
    assert json.loads((tmp_path / "seen").read_text()) == {
        "configuration": {"context": "staging"},
        "secrets": {"token": "of the ring"},
    }


def test_what_it_refers_to_must_be_there_when_it_is_played(
    undo_log: UndoLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = owed(undo_log, action(tmp_path / "seen"), {"configuration": {"context": CONTEXT}})
    monkeypatch.delenv("KUBERNETES_CONTEXT", raising=False)
    with pytest.raises(Exception, match="KUBERNETES_CONTEXT"):
        play(call)
    assert not (tmp_path / "seen").exists()  # never against whatever is current


def test_a_variable_of_the_command_line_counts_and_so_does_what_a_probe_gave(
    undo_log: UndoLog, tmp_path: Path
) -> None:
    probe = {"type": "probe", "provider": {"type": "process", "path": "who-is-primary"}}
    configuration = {"region": "eu", "primary": probe}
    call = owed(
        undo_log,
        action(tmp_path / "seen"),
        {"configuration": configuration},
        {"region": "us"},
        {"region": "us", "primary": "db1"},
    )
    assert call["configuration"] == {"region": "us", "primary": "db1"}


def test_a_text_is_filled_in_when_it_is_played(undo_log: UndoLog, tmp_path: Path) -> None:
    arguments = {"path": f"{tmp_path}/${{name}}"}
    owed(undo_log, action(tmp_path, arguments=arguments), {"configuration": {"name": "seen"}})
    play(undo_log.owed()[0].call)
    assert (tmp_path / "seen").exists()


@pytest.mark.parametrize(
    ("experiment", "arguments", "secrets"),
    [
        ({"secrets": {"db": {"password": "correct horse"}}}, {}, ["db"]),
        ({"secrets": {"db": {"password": "correct horse"}}}, {"path": "${password}"}, []),
        ({"configuration": {"password": "correct horse"}}, {"path": "${password}"}, []),
    ],
)
def test_a_secret_of_the_file_is_never_logged_and_so_the_action_is_not_played(
    undo_log: UndoLog,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    experiment: dict[str, Any],
    arguments: dict[str, str],
    secrets: list[str],
) -> None:
    monkeypatch.setattr(redact, "_here", redact.Redactor(["correct horse"]))
    made = action(tmp_path / "seen", secrets=secrets, arguments={"path": "x", **arguments})
    with pytest.raises(FaultError, match="would put a secret on disk"):
        owed(undo_log, made, experiment, made=experiment.get("configuration"))
    assert "horse" not in (undo_log.path.read_text() if undo_log.path.exists() else "")


def test_a_secret_that_the_undo_does_not_ask_for_stays_out(
    undo_log: UndoLog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(redact, "_here", redact.Redactor(["correct horse"]))
    secret = "correct horse"
    experiment = {"configuration": {"password": secret}, "secrets": {"db": {"token": secret}}}
    call = owed(undo_log, action(tmp_path / "seen"), experiment)
    assert (call["configuration"], call["secrets"]) == ({}, {})


def count(path: str) -> int:
    """A probe that says how often it was asked."""
    asked = Path(path)
    asked.write_text((asked.read_text() if asked.exists() else "") + ".")
    return len(asked.read_text())


def slow(tmp_path: Path, **terms: Any) -> dict[str, Any]:
    """An action whose undo is read back by counting."""
    made = action(tmp_path / "seen")
    arguments = {"path": str(tmp_path / "${asked}")}
    probe = {"type": "python", "module": __name__, "func": "count", "arguments": arguments}
    made["undo"] |= {"verify": {"provider": probe, "tolerance": {"type": "range", "range": [3, 9]}}, **terms}
    return made


def test_a_declared_undo_is_read_back_until_it_holds(undo_log: UndoLog, tmp_path: Path) -> None:
    made = slow(tmp_path, within="10m", poll="50ms", settles=True)
    call = owed(undo_log, made, {"configuration": {"asked": "asked"}})
    assert {"within_s": 600.0, "poll_s": 0.05, "settles": True}.items() <= call.items()
    assert set(call["activity"]) == {"type", "name", "provider"}
    undone, verified = undoing.answers(call)
    assert undone["said"] == "'undo drain' succeeded" and verified == {"ok": True, "said": "verified"}
    assert (tmp_path / "asked").read_text() == "..."


def test_a_declared_undo_whose_read_back_does_not_hold_is_not_undone(
    undo_log: UndoLog, tmp_path: Path
) -> None:
    call = owed(undo_log, slow(tmp_path), {"configuration": {"asked": "asked"}})
    _, verified = undoing.answers(call)
    assert verified == {"ok": False, "said": "RuntimeError: its verify is not within its tolerance"}


def test_a_declared_undo_without_a_read_back_says_that_there_is_none(
    undo_log: UndoLog, tmp_path: Path
) -> None:
    _, verified = undoing.answers(owed(undo_log, action(tmp_path / "seen"), {}))
    assert verified == {"ok": None, "said": "the experiment declares no way to read it back"}


def test_a_declared_undo_says_what_it_needs(
    undo_log: UndoLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "staging")
    made = action(tmp_path / "seen")
    made["undo"]["needs"] = ["AWS_PROFILE"]
    call = owed(undo_log, made, {})
    assert call["context"] == {"variables": {"AWS_PROFILE": "staging"}, "secrets": [], "files": []}


def test_the_read_back_gets_the_secrets_that_it_asks_for(undo_log: UndoLog, tmp_path: Path) -> None:
    secrets = {"aws": {"key": {"type": "env", "key": "KEY"}}}
    made = slow(tmp_path)
    made["undo"]["verify"]["provider"]["secrets"] = ["aws"]
    assert owed(undo_log, made, {"secrets": secrets, "configuration": {"asked": "x"}})["secrets"] == secrets
