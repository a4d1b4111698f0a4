"""Plain Chaos Toolkit experiments: the same status, deviated flag and outputs as under `chaos run`."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gameday.redact import REDACTED


def python(name: str, module: str, func: str, kind: str = "action", **more: Any) -> dict[str, Any]:
    arguments = more.pop("arguments", {})
    provider = {"type": "python", "module": module, "func": func, "arguments": arguments}
    return {"type": kind, "name": name, "provider": provider, **more}


def process(name: str, path: str, *arguments: str, kind: str = "action", **more: Any) -> dict[str, Any]:
    provider = {"type": "process", "path": path, "arguments": list(arguments), "timeout": 10}
    return {"type": kind, "name": name, "provider": provider, **more}


def hypothesis(*probes: dict[str, Any]) -> dict[str, Any]:
    return {"title": "steady", "probes": list(probes)}


MET = process("met", "true", kind="probe", tolerance=0)
UNMET = process("unmet", "false", kind="probe", tolerance=0)
# holds the first time it is asked, and never again
ONCE = process("once", "mkdir", "asked", kind="probe", tolerance=0)
GREET = process("greet", "echo", "hello ${who}")
LOUD = process("loud", "sh", "-c", "echo out; echo err >&2; exit 3")
INTERRUPT = python("interrupt", "tests.run.control", "interrupt")
RAISE = python("raise", "os", "rmdir", arguments={"path": "/no/such/folder"})
UNREADABLE = {
    "type": "action",
    "name": "unreadable",
    "provider": {"type": "http", "url": "http://127.0.0.1:9/"},
}

# a whole run of each kind; what each feature does is played in tests/parity, by the hundred
EXPERIMENTS: dict[str, dict[str, Any]] = {
    "a dynamic configuration": {
        "method": [GREET],
        "configuration": {"who": process("ask", "echo", "probe", kind="probe")},
    },
    "a secret": {
        "method": [process("use", "echo", "${token}")],
        "secrets": {"vault": {"token": {"type": "env", "key": "GAMEDAY_TEST_WHO"}}},
    },
    "a hypothesis that does not hold before": {
        "steady-state-hypothesis": hypothesis(UNMET),
        "method": [GREET],
    },
    "a hypothesis that deviates": {"steady-state-hypothesis": hypothesis(ONCE), "method": [GREET]},
    "an action that interrupts": {"method": [INTERRUPT, GREET], "rollbacks": [GREET]},
    "a control and a process that fails": {
        "controls": [{"name": "note", "provider": {"type": "python", "module": "tests.run.control"}}],
        "method": [LOUD, GREET],
        "rollbacks": [process("back", "echo", "back")],
    },
    "continuous hypothesis": {
        "steady-state-hypothesis": hypothesis(MET),
        "method": [process("slow", "sleep", "0.2", background=True)],
        "runtime": {"hypothesis": {"strategy": "continuously"}},
    },
    "dates, numbers as keys, notes and a title": {
        "title": "${who} is greeted",
        "author": {"name": "Jane"},
        "service": "orders",
        "method": [
            {
                **python(
                    "told",
                    "pprint",
                    "pformat",
                    arguments={"object": {200: "ok", "when": datetime.date(2026, 1, 2)}},
                ),
                "role": "admin",
            },
        ],
        "configuration": {"who": "nobody"},
    },
}


def outputs(journal: dict[str, Any]) -> list[tuple[Any, ...]]:
    states = [journal["steady_states"][when] for when in ("before", "after")]
    runs = (
        [run for state in states if state for run in state["probes"]] + journal["run"] + journal["rollbacks"]
    )
    return [
        (run["activity"]["name"], run.get("status"), run["output"], run.get("tolerance_met")) for run in runs
    ]


def play(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "GAMEDAY_TEST_WHO": "someone", "PYTHONPATH": root, "HOME": str(folder)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("name", "form"),
    [
        *((name, "yaml") for name in EXPERIMENTS),
        ("a hypothesis that deviates", "json"),
    ],
)
def test_a_plain_experiment_ends_as_under_chaos_run(tmp_path: Path, name: str, form: str) -> None:
    journals = []
    experiment = {"title": name, "description": "plain", **EXPERIMENTS[name]}
    for tool in ("chaos", "gameday"):
        folder = tmp_path / tool
        folder.mkdir()
        path = folder / f"experiment.{form}"
        # JSON with tabs is fine for JSON, and not for a YAML parser
        path.write_text(json.dumps(experiment, indent="\t") if form == "json" else yaml.safe_dump(experiment))
        if tool == "chaos":
            done = play(
                [sys.executable, "-m", "chaostoolkit", "--no-version-check", "run", str(path)], folder
            )
            journal = folder / "journal.json"
        else:
            done = play([sys.executable, "-m", "gameday", "run", str(path), "--plain"], folder)
            journal = Path(folder, done.stdout.strip().splitlines()[-1], "journal.json")
        assert journal.exists(), done.stderr
        journals.append(json.loads(journal.read_text()))
    theirs, ours = journals
    if "secrets" in experiment:  # the one thing that gameday's journal lacks
        theirs = json.loads(json.dumps(theirs).replace("someone", REDACTED))
    assert (ours["status"], ours["deviated"]) == (theirs["status"], theirs["deviated"])
    assert outputs(ours) == outputs(theirs) + _rollbacks_only_ours(theirs, ours)
    assert set(ours) == set(theirs)


def _rollbacks_only_ours(theirs: dict[str, Any], ours: dict[str, Any]) -> list[tuple[Any, ...]]:
    """gameday plays rollbacks whatever happened; Chaos Toolkit's default skips them after a failure."""
    if theirs["rollbacks"] or not ours["rollbacks"]:
        return []
    return [(run["activity"]["name"], run["status"], run["output"], None) for run in ours["rollbacks"]]


@pytest.mark.parametrize("rollback", [UNREADABLE, RAISE, INTERRUPT], ids=lambda rollback: rollback["name"])
def test_an_error_in_a_rollback_does_not_stop_the_next_one(tmp_path: Path, rollback: dict[str, Any]) -> None:
    mark = tmp_path / "second"
    experiment = {
        "title": "t",
        "description": "d",
        "method": [],
        "rollbacks": [rollback, process("touch", "touch", str(mark))],
    }
    (tmp_path / "x.json").write_text(json.dumps(experiment))
    done = play([sys.executable, "-m", "gameday", "run", "x.json", "--plain"], tmp_path)
    assert mark.exists()
    assert done.returncode == 1  # a failed rollback never passes


def test_an_action_that_interrupts_the_run_fails_it_and_says_why(tmp_path: Path) -> None:
    experiment = {"title": "t", "description": "d", "method": [INTERRUPT]}
    (tmp_path / "x.json").write_text(json.dumps(experiment))
    done = play([sys.executable, "-m", "gameday", "run", "x.json", "--plain"], tmp_path)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "the action 'interrupt' failed: " in said and "enough" in said
    assert "steady state was not met" not in said


def test_a_tolerance_that_cannot_judge_is_not_met_and_rollbacks_are_played(tmp_path: Path) -> None:
    mark = tmp_path / "rolled-back"
    none = python("none", "time", "sleep", "probe", tolerance={"type": "range", "range": [1, 2]})
    none["provider"] |= {"module": "tests.run.control", "func": "give_none"}
    experiment = {
        "title": "t",
        "description": "d",
        "steady-state-hypothesis": hypothesis(none),
        "method": [],
        "rollbacks": [process("touch", "touch", str(mark))],
    }
    (tmp_path / "x.json").write_text(json.dumps(experiment))
    done = play([sys.executable, "-m", "gameday", "run", "x.json", "--plain"], tmp_path)
    assert mark.exists(), done.stderr
    assert done.returncode == 1


def test_a_gameday_file_also_runs_under_chaos_run(tmp_path: Path) -> None:
    experiment = {
        "title": "t",
        "description": "d",
        "service": {"name": "orders", "tier": 0},
        "objectives": {"rto": "30s"},
        "slis": [{"name": "up", "source": "probe", "objective": "99%", "probe": {"tcp": "127.0.0.1:9"}}],
        "method": [process("greet", "echo", "hello", role="fault", runbook="runbooks/x.md#y")],
    }
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(experiment))
    done = play([sys.executable, "-m", "chaostoolkit", "--no-version-check", "run", "x.yaml"], tmp_path)
    assert done.returncode == 0, done.stderr
