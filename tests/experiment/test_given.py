"""What --var-file gives: Chaos Toolkit's own reading of good files, and clear errors of bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from chaoslib import merge_vars

from gameday.errors import InvalidInput
from gameday.experiment.given import read
from gameday.experiment.load import load

YAML = "configuration: {a: 1, b: [x]}\nsecrets: {group: {token: t0ken-of-a-file}}\n"
EXPERIMENT = """
title: "${a} is tested"
description: d
configuration: {a: x}
secrets: {group: {token: {type: env, key: GAMEDAY_TEST_UNSET}}}
method: []
"""


def test_values_are_read_as_chaos_toolkit_does(tmp_path: Path) -> None:
    (tmp_path / "1.yaml").write_text(YAML)
    (tmp_path / "2.json").write_text('{"configuration": {"a": 2}}')
    (tmp_path / "empty.yaml").write_text("")
    paths = [tmp_path / name for name in ("1.yaml", "2.json", "empty.yaml")]
    given = read(paths)
    assert (given.configuration, given.secrets) == merge_vars({}, list(map(str, paths)))
    assert given.configuration["a"] == 2


def test_a_file_of_variables_is_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "x.env").write_text("# comment\n\nA=b=c\nD='e'\n")
    assert read([tmp_path / "x.env"]).environment == {"A": "b=c", "D": "'e'"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.yaml", "a: 1", "x.yaml:1:1: values stand under configuration: or secrets:"),
        ("x.yaml", "- a", "x.yaml:1:1: values stand under"),
        ("x.yaml", "secrets: [a]", "x.yaml:1:10: secrets is a mapping"),
        ("x.yaml", "secrets: {a: .nan}", "x.yaml:1:14: nan is no number"),
        ("x.yaml", "a: [", "cannot be read"),
        ("x.json", "{", "cannot be read"),
        ("x.env", "A=1\nnonsense", "x.env:2:1: write NAME=VALUE"),
        ("x.env", "A B=1", "x.env:1:1: write NAME=VALUE"),
        ("x.env", "a" * 1_000_001, "larger than"),
    ],
)
def test_a_bad_file_is_an_error_with_its_place(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidInput) as raised:
        read([tmp_path / name])
    assert message in str(raised.value)
    assert "Traceback" not in str(raised.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no such file"):
        read([tmp_path / "x.yaml"])


def test_its_secrets_are_secret_and_var_beats_it(tmp_path: Path) -> None:
    (tmp_path / "v.yaml").write_text(YAML)
    (tmp_path / "x.yaml").write_text(EXPERIMENT)
    given = read([tmp_path / "v.yaml"])
    experiment = load(tmp_path / "x.yaml", {"a": "3"}, given)
    assert experiment.title == "3 is tested"
    assert load(tmp_path / "x.yaml", {}, given).title == "1 is tested"
    assert "t0ken-of-a-file" in experiment.secrets
    assert experiment.found.trouble is None  # the variable of the environment is not asked for
    assert "t0ken" not in repr(experiment)
