"""`make mutants`: change a module, a little at a time, and see whether its quick tests notice.

Each module is changed in a copy of its own; the working tree is never touched. mutmut makes the changes,
`changes.py` some more, and each is tried in a fork that has everything imported already. With words, only
the modules whose path contains one. Ends with 1 when too few are noticed, with 2 when nothing can be said.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from fnmatch import fnmatch
from pathlib import Path

from tests.mutants.changes import undecorated
from tests.mutants.mutant import Equivalent, Mutant

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# a mutant that hangs is given up after six seconds and six times as long as its tests take
MUTMUT = """
[tool.mutmut]
source_paths = ["gameday"]
only_mutate = ["{module}"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "pytest_timeout", "-p", "_hypothesis_pytestplugin"]
pytest_add_cli_args_test_selection = {tests}
timeout_constant = 1.0
timeout_multiplier = 6.0
"""
# in memory, where there is such a folder: a disk that is busy would let mutants look as if they hung
MEMORY = Path("/dev/shm")
# where CI is set, Hypothesis plays the same examples each time, and without deadlines
ENVIRONMENT = {"CI": "true", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}


class CannotSay(Exception):
    """A module's tests fail without any change."""


def main(words: Sequence[str]) -> int:
    """Try the modules; the exit code."""
    config = tomllib.loads((HERE / "config.toml").read_text())
    modules = [module for module in found(config["tests"]) if not words or any(w in module for w in words)]
    if not modules:
        print(f"no module is called {' or '.join(words)}", file=sys.stderr)
        return 2
    started_s = time.monotonic()
    try:
        mutants = tried(modules, config["tests"])
    except CannotSay as error:
        print(error, file=sys.stderr)
        return 2
    named = [each for each in equivalents() if each.module in modules]
    return told(mutants, named, config["least_score"], time.monotonic() - started_s)


def found(tests: dict[str, list[str]]) -> list[str]:
    """The modules of the patterns, the largest first, so that none is waited for at the end."""
    paths = {path for pattern in tests for path in ROOT.glob(pattern) if path.name != "__init__.py"}
    return [str(path.relative_to(ROOT)) for path in sorted(paths, key=lambda path: -path.stat().st_size)]


def tests_of(module: str, tests: dict[str, list[str]]) -> list[str]:
    """The tests of the pattern that fits best: the longest."""
    return tests[max((pattern for pattern in tests if fnmatch(module, pattern)), key=len)]


def equivalents() -> list[Equivalent]:
    """The changes that nobody could notice."""
    read = tomllib.loads((HERE / "equivalent.toml").read_text())
    return [Equivalent(**each) for each in read["equivalent"]]


def tried(modules: list[str], tests: dict[str, list[str]]) -> list[Mutant]:
    """Every mutant of these modules, as many modules at a time as there are processors."""
    processors = os.cpu_count() or 1
    mutants: list[Mutant] = []
    with ThreadPoolExecutor(processors) as pool:
        each = max(1, processors // len(modules))
        waiting = {pool.submit(tried_of, module, tests_of(module, tests), each): module for module in modules}
        try:
            for done in as_completed(waiting):
                mutants += done.result()
                killed = sum(mutant.is_killed for mutant in done.result())
                print(f"{waiting[done]}: {killed} of {len(done.result())} killed", flush=True)
        finally:
            pool.shutdown(cancel_futures=True)
    return sorted(mutants, key=lambda mutant: (mutant.module, mutant.line))


def tried_of(module: str, tests: list[str], processes: int) -> list[Mutant]:
    """Every mutant of one module, tried in a copy of its own. Raises CannotSay when its tests fail anyway."""
    source = (ROOT / module).read_text()
    where = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="gameday-mutants-", dir=where) as name:
        folder = Path(name)
        for part in ("gameday", "tests"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / module).write_text(undecorated(source))
        config = (ROOT / "pyproject.toml").read_text() + MUTMUT.format(module=module, tests=json.dumps(tests))
        (folder / "pyproject.toml").write_text(config)
        done = subprocess.run(
            [sys.executable, str(HERE / "mutate.py"), str(processes)],
            cwd=folder,
            env={**os.environ, **ENVIRONMENT, "TMPDIR": name, "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise CannotSay(f"{module} cannot be tried:\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}")
        made = json.loads((folder / "tried.json").read_text())
    return [Mutant.of_diff(module, source, **each) for each in made]


def told(mutants: list[Mutant], named: list[Equivalent], least_score: float, seconds: float) -> int:
    """Say what survived, and the score on one line; the exit code."""
    equivalent = [mutant for mutant in mutants if any(each.is_this(mutant) for each in named)]
    counted = [mutant for mutant in mutants if mutant not in equivalent]
    survived = [mutant for mutant in counted if not mutant.is_killed]
    for mutant in survived:
        print(f"\n{mutant}")
    for mutant in equivalent:
        if mutant.is_killed:
            print(f"\na test notices what equivalent.toml says that nobody could notice:\n{mutant}")
    unknown = [each for each in named if not any(each.is_this(mutant) for mutant in mutants)]
    for each in unknown:
        print(f"\nequivalent.toml: nobody changes {each.module}, {each.function}, like that: {each.was}")
    killed = len(counted) - len(survived)
    hung = sum(mutant.status == "timeout" for mutant in counted)
    score = 100 * killed / len(counted) if counted else 100.0
    print(
        f"\n{len(counted)} mutants: {killed} killed ({hung} by hanging), {len(survived)} survived: "
        f"{score:.1f} % (at least {least_score:g} %); {len(equivalent)} more are equivalent; {seconds:.0f} s"
    )
    return 0 if score >= least_score and not unknown else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
