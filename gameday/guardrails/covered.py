"""What an approval covers besides the file's text: the code that the run takes from beside it, and values.

Covered are the locustfile, the modules and scripts of the experiment's calls that lie below its folder, the
locustfile's or the current one, whatever these import from there, the `--var` values, and the values of the
environment that the file names. Values are kept as digests that are slow to compute, so that short ones
cannot be guessed from them.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import all_suffixes
from itertools import pairwise
from pathlib import Path
from typing import Any

from gameday.experiment.calls import calls
from gameday.experiment.load import Experiment

SCRIPTS = (".py", ".sh", ".bash", ".sql", ".pl", ".rb", ".js")
UNSET = "unset"


@dataclass(frozen=True, slots=True)
class Covered:
    """Digests: of each file, by its path from the experiment's folder; of each value, by its name."""

    files: dict[str, str]
    values: dict[str, str]

    def differences(self, other: Covered) -> list[str]:
        """What is not the same in the other, by name."""
        names = []
        for mine, others in ((self.files, other.files), (self.values, other.values)):
            names += sorted(name for name in {*mine} & {*others} if mine[name] != others[name])
            names += sorted({*mine} ^ {*others})
        return names


def covered(experiment: Experiment, salt: str) -> Covered:
    """What an approval that is given now would cover. salt: makes each approval's digests its own."""
    home = experiment.path.resolve().parent
    files = {os.path.relpath(path, home): digest_of(path) for path in sorted(files_of(experiment))}
    named = {f"${name}": os.environ.get(name) for name in sorted(set(variables_of(experiment.document)))}
    given = {f"--var {name}": value for name, value in sorted(experiment.variables.items())}
    given |= {f"--var-file {group}": values for group, values in sorted(experiment.given.secrets.items())}
    return Covered(files, {name: _slow(value, salt) for name, value in {**named, **given}.items()})


def digest_of(path: Path) -> str:
    """The digest of a file that may be gone or unreadable."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "unreadable"


def _slow(value: Any, salt: str) -> str:
    if value is None:
        return UNSET
    text = json.dumps(value, sort_keys=True, default=str).encode()
    return hashlib.scrypt(text, salt=salt.encode(), n=2**12, r=8, p=1, dklen=16).hex()


def variables_of(value: Any) -> Iterator[str]:
    """The variables of the environment that a file's configuration and secrets name."""
    if isinstance(value, dict):
        if value.get("type") == "env" and isinstance(value.get("key"), str):
            yield value["key"]
        for item in value.values():
            yield from variables_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from variables_of(item)


def files_of(experiment: Experiment) -> set[Path]:
    """The locustfile, modules and scripts from beside the experiment, and what they import from there."""
    home, load = experiment.path.resolve().parent, experiment.blocks.load
    folders = [home, Path.cwd()]
    found: set[Path] = set()
    if load is not None:
        locustfile = (experiment.path.parent / load.locustfile).resolve()
        folders.append(locustfile.parent)
        found.add(locustfile)
    # an approval covers none, so that who runs with one asks for another approval
    found |= {Path(path).resolve() for path in experiment.given.control_files}
    for call in calls(experiment.document):
        found |= set(_called(call.provider, folders))
    return _imported_by(found, folders)


def _called(provider: dict[str, Any], folders: Iterable[Path]) -> Iterator[Path]:
    """The files that one provider names."""
    if provider.get("type") == "python":
        yield from _module(str(provider.get("module")), folders)
    elif provider.get("type") == "process":
        arguments = provider.get("arguments")
        words = arguments.split() if isinstance(arguments, str) else list(_words(arguments))
        for before, word in pairwise(["", str(provider.get("path")), *words]):
            if before == "-m":
                yield from _module(word, folders)
            elif before == "" or word.endswith(SCRIPTS):
                yield from _files(Path(os.path.expanduser(word)), folders)  # noqa: PTH111 - one that never raises


def _words(arguments: Any) -> Iterator[str]:
    if isinstance(arguments, dict):
        arguments = list(arguments.values())
    yield from map(str, arguments if isinstance(arguments, list) else ())


def _files(path: Path, folders: Iterable[Path]) -> Iterator[Path]:
    """The file that a word means in any of the folders, if it lies below one of them."""
    folders = list(folders)
    for folder in folders:
        there = folder / path
        if _is_file(there) and any(there.is_relative_to(each) for each in folders):
            yield there.resolve()


def _module(name: str, folders: Iterable[Path]) -> Iterator[Path]:
    """The files of a module and of the packages that it lies in, in every form that Python loads."""
    parts = [part for part in name.split(".") if part]
    if not all(part.isidentifier() for part in parts):
        return  # nothing that Python could import
    for folder in folders:
        for length in range(1, len(parts) + 1):
            there = folder.joinpath(*parts[:length])
            for suffix in all_suffixes():
                found = (there.with_name(there.name + suffix), there / f"__init__{suffix}")
                yield from (path.resolve() for path in found if _is_file(path) and not _is_ours(path))


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - a name may be longer than any file's


def _is_ours(path: Path) -> bool:
    """Whether a file is part of gameday, which is trusted as it is installed."""
    return path.resolve().is_relative_to(Path(__file__).parents[1])


def _imported_by(files: Iterable[Path], folders: Iterable[Path]) -> set[Path]:
    """What Python files import from these folders, and what that imports, to the end."""
    seen: set[Path] = set()
    left = list(files)
    while left:
        path = left.pop()
        if path not in seen:
            seen.add(path)
            left += [found for folder, name in _imports(path) for found in _module(name, [folder, *folders])]
    return seen


def _imports(path: Path) -> Iterator[tuple[Path, str]]:
    """Every module that a Python file may import: the folder that it counts from, and the name."""
    if path.suffix != ".py":
        return
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((path.parent, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = [path.parent, *path.parents][min(node.level, len(path.parents))]
            base = node.module or ""
            yield from ((folder, f"{base}.{alias.name}") for alias in node.names)
