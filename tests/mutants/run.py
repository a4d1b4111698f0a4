"""`make mutants`: change a module, a little at a time, and see whether its quick tests notice.

Each module is changed in a copy of its own; the working tree is never touched. mutmut makes the changes,
`changes.py` some more, and each is tried in a fork that has everything imported already. With words, only
the modules whose path contains one. Ends with 1 when too few are noticed, with 2 when nothing can be said.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from tests.mutants.changes import undecorated
from tests.mutants.mutant import EQUIVALENT, Equivalent, Mutant

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
SPINNER = re.compile(r"^[\u2800-\u28ff].*\n", re.MULTILINE)
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
    named = [each for each in equivalents() if each.module in modules]
    started_s = time.monotonic()
    mutants: list[Mutant] = []
    is_whole = True
    for module, made in tried(modules, config["tests"], named):
        print(in_words(module, made), flush=True)
        if isinstance(made, CannotSay):
            is_whole = False
        else:
            mutants += made
    were_tried = {mutant.module for mutant in mutants}
    known = [each for each in named if each.module in were_tried]
    unmade = [each for each in known if not any(each.is_this(mutant) for mutant in mutants)]
    score = told(mutants, unmade, config["least_score"], time.monotonic() - started_s)
    if not is_whole:
        return 2
    return 0 if score >= config["least_score"] and not unmade else 1


def found(tests: dict[str, list[str]]) -> list[str]:
    """The modules of the patterns that have functions, the largest first: none is waited for at the end."""
    paths = {path for pattern in tests for path in ROOT.glob(pattern) if "def " in path.read_text()}
    return [str(path.relative_to(ROOT)) for path in sorted(paths, key=lambda path: -path.stat().st_size)]


def tests_of(module: str, tests: dict[str, list[str]]) -> list[str]:
    """The tests of the pattern that fits best: the longest."""
    return tests[max((pattern for pattern in tests if fnmatch(module, pattern)), key=len)]


def equivalents() -> list[Equivalent]:
    """The changes that nobody could notice."""
    read = tomllib.loads((HERE / "equivalent.toml").read_text())
    return [Equivalent(**each) for each in read["equivalent"]]


def tried(
    modules: list[str], tests: dict[str, list[str]], named: list[Equivalent]
) -> Iterator[tuple[str, list[Mutant] | CannotSay]]:
    """Every mutant of these modules, as many modules at a time as there are processors, as they are done."""
    processors = os.cpu_count() or 1
    each = max(1, processors // len(modules))
    with ThreadPoolExecutor(processors) as pool:
        waiting = {pool.submit(tried_of, module, tests_of(module, tests), each): module for module in modules}
        try:
            for done in as_completed(waiting):
                try:
                    yield waiting[done], [judged(mutant, named) for mutant in done.result()]
                except CannotSay as error:
                    yield waiting[done], error
        finally:
            pool.shutdown(cancel_futures=True)  # after Ctrl-C no other module is begun


def judged(mutant: Mutant, named: list[Equivalent]) -> Mutant:
    """A mutant that survived is equivalent when it is named so."""
    is_named = not mutant.is_killed and any(each.is_this(mutant) for each in named)
    return replace(mutant, status=EQUIVALENT) if is_named else mutant


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
            raise CannotSay(SPINNER.sub("", done.stdout)[-2000:] + done.stderr[-2000:])
        made = json.loads((folder / "tried.json").read_text())
    return [Mutant.of_diff(module, source, **each) for each in made]


def in_words(module: str, made: list[Mutant] | CannotSay) -> str:
    """What became of a module's mutants: their number and the survivors."""
    if isinstance(made, CannotSay):
        return f"{module} cannot be tried:\n{made}\n"
    survivors = sorted((mutant for mutant in made if mutant.is_left), key=lambda mutant: mutant.line)
    return "\n".join([f"{module}: {len(made)} mutants, {len(survivors)} survived", *map(str, survivors)])


def told(mutants: list[Mutant], unmade: list[Equivalent], least_score: float, seconds: float) -> float:
    """Say the score on one line; returns it, in per cent."""
    for each in unmade:
        where = f"{each.module} {each.function}"
        print(f"equivalent.toml names a change of {where} that nobody makes: {each.was}")
    count = Counter(mutant.status for mutant in mutants)
    counted, hung = len(mutants) - count[EQUIVALENT], count["timeout"]
    killed = sum(mutant.is_killed for mutant in mutants)
    score = 100 * killed / counted if counted else 100.0
    print(
        f"{counted} mutants: {killed} killed ({hung} by hanging), {counted - killed} survived: {score:.1f} % "
        f"(at least {least_score:g} %); {count[EQUIVALENT]} more are equivalent; {seconds:.0f} s"
    )
    return score


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
