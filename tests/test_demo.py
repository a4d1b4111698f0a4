"""The main job: both demos, as a newcomer runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gameday import state

pytestmark = pytest.mark.alone

NAMES = ("failover-sync", "failover-async")


@pytest.fixture(scope="module")
def records(postgresql: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The records of both demos, played side by side: to each its own service of the same name."""
    folder = tmp_path_factory.mktemp("demos")
    games = {
        name: subprocess.Popen(
            [sys.executable, "-m", "gameday", "demo", name, "--plain", "--results", str(folder / name)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, state.VARIABLE: str(folder / f"{name}-state")},
        )
        for name in NAMES
    }
    found = {}
    for name, game in games.items():
        out, err = game.communicate(timeout=170)
        assert game.returncode == 0, err
        found[name] = json.loads(Path(out.strip(), "record.json").read_text())
    return found


def test_a_synchronous_failover_loses_nothing(records: dict[str, dict[str, Any]]) -> None:
    record = records["failover-sync"]
    assert record["verdict"] == "passed"
    assert record["rpo"]["lost"] == 0 and record["rpo"]["seconds"] == 0
    assert record["rpo"]["acknowledged"] > 1000
    assert 1 < record["rto"]["low"] <= record["rto"]["seconds"] <= record["rto"]["high"] < 10
    assert all(step["landed"] for step in record["steps"] if step["role"] in ("fault", "failover"))
    assert all(undo["verified"] for undo in record["undo"])


def test_an_asynchronous_failover_names_every_lost_write(records: dict[str, dict[str, Any]]) -> None:
    record = records["failover-async"]
    rpo = record["rpo"]
    assert record["verdict"] == "passed"
    assert rpo["lost"] > 200 and len(rpo["lost_writes"]) == rpo["lost"]
    assert rpo["survived"] + rpo["lost"] == rpo["acknowledged"]
    starts = {step["name"]: step["started"] for step in record["steps"]}
    cut_s, killed_s = (_seconds(starts[name]) for name in ("cut replication", "kill the primary"))
    assert rpo["seconds"] == pytest.approx(killed_s - cut_s, abs=0.3)
    assert rpo["split_brain"] == 0


def _seconds(moment: str) -> float:
    hours, minutes, seconds = moment.rstrip("Z").split("T")[1].split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
