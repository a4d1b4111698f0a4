"""The shipped demos: files that are there, valid for both tools, and true to the runbook."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from chaoslib.experiment import ensure_experiment_is_valid

from gameday.errors import GamedayError
from gameday.experiment.load import load
from gameday.lab.demos import DEFAULT, DEMOS, experiment_path
from gameday.lab.failover import Cluster, FailoverLab
from gameday.lab.postgresql import Node

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", DEMOS)
def test_a_demo_ships_an_experiment_that_chaos_toolkit_and_gameday_accept(name: str) -> None:
    experiment = load(experiment_path(name))
    ensure_experiment_is_valid(experiment.document)
    assert not experiment.warnings
    assert not experiment.is_plain


@pytest.mark.parametrize("name", DEMOS)
def test_every_runbook_anchor_of_a_demo_is_a_heading_of_the_runbook(name: str) -> None:
    document = load(experiment_path(name)).document
    references = [step["runbook"] for step in document["method"] + document["rollbacks"] if "runbook" in step]
    assert references
    for reference in references:
        path, _, anchor = reference.partition("#")
        headings = re.findall(r"^#+ (.+)$", (ROOT / path).read_text(), re.MULTILINE)
        assert anchor in [heading.lower().replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("name", DEMOS)
def test_a_demo_takes_every_variable_from_its_lab(name: str, tmp_path: Path) -> None:
    lab = DEMOS[name].lab(tmp_path)
    assert isinstance(lab, FailoverLab)
    nodes = [Node(role, tmp_path / role, 1) for role in ("primary", "standby")]
    lab.cluster = Cluster(tmp_path, nodes[0], nodes[1], lab.is_synchronous, 1)
    configuration = load(experiment_path(name)).document["configuration"]
    assert set(configuration) <= set(lab.variables)


def test_an_unknown_demo_is_answered_with_those_that_are() -> None:
    assert DEFAULT in DEMOS
    with pytest.raises(GamedayError, match="failover-sync or failover-async"):
        experiment_path("failover")
