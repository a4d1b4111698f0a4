"""The options of `chaos run`: which of them go where, and which are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click import ClickException
from click.testing import CliRunner

from gameday.cli import drills, toolkit
from gameday.errors import GamedayError


def told(*words: str) -> dict[str, Any]:
    return drills.run.make_context("run", [*words, "x.yaml"]).params


def test_nothing_is_asked_for_by_default() -> None:
    from gameday.run.asked import AS_THE_FILE_SAYS, Asked

    assert toolkit.asked(told()) == AS_THE_FILE_SAYS
    assert Asked.told({}) == Asked.told({"of": "a later gameday"}) == AS_THE_FILE_SAYS


def test_what_is_asked_for_survives_being_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    from gameday.run.asked import Asked

    monkeypatch.chdir(tmp_path)
    for name in ("c.yaml", "s.yaml", "v.yaml"):
        (tmp_path / name).write_text("")
    words = "--control-file c.yaml --settings s.yaml --var-file v.yaml --fail-fast --verbose"
    asked = toolkit.asked(told(*words.split(), "--hypothesis-strategy", "continously", "--dry", "actions"))
    assert asked.control_files == (str(tmp_path / "c.yaml"),) and asked.settings == str(tmp_path / "s.yaml")
    assert asked.hypothesis == "continuously" and asked.log_level == "debug" and asked.dry == "actions"
    assert Asked.told(json.loads(json.dumps(asked.orders()))) == asked


@pytest.mark.parametrize("dry", ["probes", "pause"])
def test_a_dry_run_that_would_play_actions_is_refused(dry: str) -> None:
    with pytest.raises(ClickException, match="would play the actions for real"):
        told("--dry", dry)


@pytest.mark.parametrize("words", ["--settings nowhere.yaml", "--control-file nowhere.yaml"])
def test_a_file_that_is_not_there_is_an_error(words: str) -> None:
    with pytest.raises(GamedayError, match=r"there is no file nowhere\.yaml"):
        toolkit.asked(told(*words.split()))


def test_a_copy_that_cannot_be_written_is_said_before_anything_is_touched(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere" / "journal.json"):
        with pytest.raises(GamedayError, match="cannot be written"):
            toolkit.Copies.of(told("--journal-path", str(path)))
    assert toolkit.Copies.of(told("--log-file", "x.log", "--no-log-file")).log is None


def test_an_approval_covers_what_files_give(tmp_path: Path) -> None:
    from gameday.experiment.given import Given
    from gameday.experiment.load import load
    from gameday.guardrails.covered import covered

    path, control = tmp_path / "x.yaml", tmp_path / "c.yaml"
    path.write_text("title: t\ndescription: d\nmethod: []\nsecrets: {of: {token: abcdef}}\n")
    control.write_text("{}")
    agreed = covered(load(path), "salt")
    for given, name in (
        (Given(control_files=(str(control),)), "c.yaml"),
        (Given(secrets={"of": {"token": "ghijkl"}}), "--var-file of"),
        (Given(configuration={"who": "x"}), "--var who"),
    ):
        assert covered(load(path, {}, given), "salt").differences(agreed) == [name]


def test_a_digest_is_for_an_address() -> None:
    done = CliRunner().invoke(drills.run, ["x.yaml", "--sha256", "0" * 64])
    assert isinstance(done.exception, GamedayError) and "from an address" in str(done.exception)
