"""Bad files by the real command: what is wrong and exit code 2, no traceback, and nothing is written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.cli.options import as_mapping
from gameday.errors import GamedayError
from tests.experiment.mutations import CORPUS, SEED, mutant
from tests.experiment.nofiles import KINDS
from tests.experiment.reader import said_of

FEW, MANY = 40, 100
LATER = 20_000  # others than those that are read without a command
HEAD = "title: t\ndescription: d\nmethod: []\n"


def typed(*arguments: str, cwd: Path, codes: tuple[int, ...] = (2,)) -> str:
    """What a command says that must end with one of the codes and no traceback, and must write nothing."""
    before = sorted(cwd.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-m", "gameday", *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        cwd=cwd,
        timeout=120,
        check=False,
    )
    assert done.returncode in codes, (arguments, done.returncode, done.stderr[-2000:])
    assert "Traceback" not in done.stderr, (arguments, done.stderr[-2000:])
    assert sorted(cwd.rglob("*")) == before
    return done.stderr


def mutants(folder: Path, seeds: range) -> Iterator[tuple[Path, bool]]:
    """Mutants of experiments, each in a folder of its own, and whether they are valid."""
    for seed in seeds:
        made = mutant(seed)
        if made.name == "gameday.toml":
            continue
        path = folder / str(seed) / made.name
        path.parent.mkdir()
        path.write_bytes(made.data)
        shutil.copy(CORPUS / "locustfile.py", path.parent)
        yield path.relative_to(folder), said_of(path) is None


def test_the_command_says_what_is_wrong_with_dozens_of_bad_files(tmp_path: Path) -> None:
    names = [str(path) for path, is_valid in mutants(tmp_path, range(SEED, SEED + FEW)) if not is_valid]
    for number, (make, _) in enumerate(KINDS):
        make(tmp_path / f"{number}.yaml")
        names.append(f"{number}.yaml")
    told = typed("validate", *names, cwd=tmp_path)
    assert len(names) > 20 and all(f"{name}:" in told for name in names)


def test_run_says_so_too(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(HEAD)
    (tmp_path / "gameday.toml").mkdir()
    assert "gameday.toml: cannot be read: it is a folder" in typed("run", "x.yaml", cwd=tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_each_command_says_what_is_wrong_with_bad_files(tmp_path: Path) -> None:
    found = list(mutants(tmp_path, range(LATER + SEED, LATER + SEED + MANY)))
    played = 0
    for path, is_valid in found:
        # what is valid is not run: it might well do something
        for command in ("plan",) if is_valid else ("validate", "plan", "run", "approve"):
            told = typed(command, str(path), cwd=tmp_path, codes=(0, 2) if is_valid else (2,))
            assert is_valid or f"{path}:" in told
            played += 1
    print(f"{played} commands on {len(found)} files")


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("a", "--var 'a': write KEY=VALUE"),
        ("=a", "--var '=a': write KEY=VALUE"),
        ("a:int=x", "--var: invalid literal"),
        ("a:nope=1", "--var: variable type can only be"),
        ("a:float=nan", "--var a: nan is no number to work with"),
        ("a:json=[NaN]", "--var a: nan is no number to work with"),
        ("a:json=" + "[" * 100_000, "--var: "),
        ("a:json=" + "[" * 60 + "]" * 60, "--var: nested more than 50 deep"),
        ("a:json=" + "9" * 30, "--var a: the number is larger than 64 bits"),
        ("a=\udcff", "--var a: the text has half a character in it"),
    ],
)
def test_a_value_that_is_none_is_refused(variable: str, message: str) -> None:
    with pytest.raises(GamedayError) as error:
        as_mapping((variable,))
    assert message in str(error.value)


def test_values_of_every_type_are_taken() -> None:
    given = ("a=1", "b:int=1", "c:float=1.5", "d:bool=no", "e:json=[1]", "f:bytes=x", "g=a=b")
    assert as_mapping(given) == {"a": "1", "b": 1, "c": 1.5, "d": False, "e": [1], "f": b"x", "g": "a=b"}
