"""Chaos Toolkit's own check of an experiment: what it says comes back, in time, however much it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gameday.errors import InvalidInput
from gameday.experiment.load import load
from gameday.run import engine, preflight

UNDO = {"provider": {"type": "process", "path": "true"}}


def step(**more: Any) -> dict[str, Any]:
    return {"name": "a", "type": "action", "provider": {"type": "process", "path": "true"}, **more}


def experiment(**more: Any) -> dict[str, Any]:
    return {"title": "t", "description": "d", "method": [], **more}


def test_an_undo_that_chaos_toolkit_cannot_play_is_noticed_before_it_is_needed() -> None:
    assert engine.validate(experiment(method=[step(undo=UNDO)])) is None
    for provider in ({"type": "python", "module": "no.such", "func": "f"}, {"type": "process"}, {}):
        for part in ("method", "rollbacks"):
            assert engine.validate(experiment(**{part: [step(undo={"provider": provider})]}))


def test_an_error_is_no_longer_than_a_pipe_that_nobody_reads() -> None:
    provider = {"type": "python", "module": "x" * 100_000, "func": "f"}
    said = engine.validate(experiment(method=[step(provider=provider)]))
    assert said is not None and len(said) == engine.LONGEST_TROUBLE


def test_a_module_whose_import_never_ends_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hangs_at_import.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[2]}")
    monkeypatch.setattr(preflight, "LIMIT_S", 3.0)
    path = tmp_path / "x.yaml"
    provider = "{type: python, module: hangs_at_import, func: f}"
    path.write_text(f"title: t\ndescription: d\nmethod: [{{name: a, type: action, provider: {provider}}}]\n")
    read = load(path)
    with pytest.raises(InvalidInput, match="importing a module that it names never ends"):
        preflight.check_activities(read, preflight.start_validation(read))
