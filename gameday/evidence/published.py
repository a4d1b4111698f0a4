"""A run at a URL: published file by file, fetched to be read, and added to.

What a URL lists and sends is somebody else's: names, sizes and counts are looked at before anything is
written here, and what was sent there is read back.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

from gameday.errors import GamedayError
from gameday.evidence.bounds import MOST_SEAL
from gameday.evidence.holding import MOST_FILES, InFolder, refuse_name
from gameday.evidence.pack import AFTERWARDS, MANIFEST, SEAL, STAMP, Pack
from gameday.evidence.remote import PIECE_BYTES, RemoteFolder, put, reached, remote_folder, shown
from gameday.evidence.seal import NO_EVIDENCE
from gameday.evidence.shelf import meant
from gameday.reading import read_bytes

# a run's folder on a shelf; whatever else is there is no run
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
MOST_RUNS = 100_000
# what there must be room for besides what is fetched
SPARE_BYTES = 256 << 20
# whoever sees the seal sees all that it seals
SEALS = (MANIFEST, STAMP, SEAL)


def check(url: str) -> None:
    """Ask once whether there is a folder at a URL that can be read. Raises GamedayError."""
    with reached(url):
        next(remote_folder(url).folders(), None)


@contextlib.contextmanager
def fetched(url: str, name: str, only: Collection[str] | None) -> Iterator[Pack]:
    """The run meant by a name on the shelf at a URL, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="gameday-shelf-") as scratch:
        with reached(url):
            folder = remote_folder(url)
            runs = _runs(folder)
            run = runs[meant(runs, name)]
            target = Path(scratch, run)
            _fetch(folder, run, target, only)
        with _said_of(target, place(url, run)):
            yield Pack(target)


@contextlib.contextmanager
def fetched_zip(url: str, name: str) -> Iterator[Path]:
    """The zip of that name in the folder at a URL."""
    with tempfile.TemporaryDirectory(prefix="gameday-shelf-") as scratch:
        target = Path(scratch, "run.zip")
        with reached(place(url, name)), remote_folder(url).open(name) as source, target.open("xb") as file:
            room = shutil.disk_usage(scratch).free - SPARE_BYTES
            if _copied(source, file, max(0, room)) > room:
                raise GamedayError(f"it is larger than the {room >> 20} MiB that {scratch} has left")
        with _said_of(target, place(url, name)):
            yield target


@contextlib.contextmanager
def _said_of(target: Path, where: str) -> Iterator[None]:
    """Let an error name where a file comes from: when somebody reads it, the copy is gone."""
    try:
        yield
    except GamedayError as error:
        error.args = (str(error).replace(str(target), where),)
        raise


def place(url: str, name: str) -> str:
    """Something on a shelf, as it may be said."""
    return f"{shown(url).rstrip('/')}/{name}"


def _runs(folder: RemoteFolder) -> list[str]:
    """The names of the runs, oldest first. Raises GamedayError when there are more than a shelf has."""
    runs = []
    for number, name in enumerate(folder.folders()):
        if number >= MOST_RUNS:
            raise GamedayError(f"there are more than {MOST_RUNS} folders; name the run's own URL")
        if RUN_NAME.fullmatch(name):
            runs.append(name)
    return sorted(runs)


def _fetch(folder: RemoteFolder, run: str, target: Path, only: Collection[str] | None) -> None:
    """Copy a run's files into a new folder. Raises GamedayError when they are none that a pack has."""
    wanted = [(name, size) for name, size in _listed(folder, run) if only is None or name in only]
    target.mkdir()
    total, free = sum(size for _, size in wanted), shutil.disk_usage(target).free
    if total + SPARE_BYTES > free:
        raise GamedayError(f"{run} has {total >> 20} MiB; {target.parent} has {free >> 20} MiB left")
    for name, size in wanted:
        path = target / name
        with folder.open(f"{run}/{name}") as source:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as file:
                    arrived = _copied(source, file, size)
            except (OSError, ValueError) as error:
                raise GamedayError(f"{run}/{name} cannot be fetched: {error}") from None
        if arrived != size:
            raise GamedayError(f"{run}/{name} is not the {size} bytes that were listed")


def _listed(folder: RemoteFolder, run: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for name, size in folder.files(run):
        refuse_name(run, name)
        if len(found) >= MOST_FILES:
            raise GamedayError(f"{run} has more than {MOST_FILES} files, too many for a pack")
        found.append((name, size))
    return found


def _copied(source: IO[bytes], target: IO[bytes], size: int) -> int:
    """Copy as many bytes as were listed, and one more where there are more; how many that were."""
    done = 0
    while done <= size and (piece := source.read(min(PIECE_BYTES, size + 1 - done))):
        target.write(piece)
        done += len(piece)
    return done


def publish(pack: Pack, url: str) -> str:
    """Copy a finished run to a shelf, file by file, the seal last, and read each back; returns its URL there.

    What was added there after its seal stays. Raises GamedayError when the run has no record, when something
    in it is no file, when another run of that name is there, or when a file cannot be written as it is.
    """
    held = InFolder(pack.folder)
    held.must_be_plain()
    pack.read_record()
    run = pack.file_name
    if not RUN_NAME.fullmatch(run):
        raise GamedayError(f"{run} is a name that no run has on a shelf")
    with reached(url):
        folder = remote_folder(url)
        there = {name for name, _ in _listed(folder, run)}
        _refuse_another(folder, pack, run, there)
        ours = [name for name in sorted(held.kept) if held.has(name) and name not in NO_EVIDENCE]
        last = (*SEALS, AFTERWARDS)
        for name in [*(n for n in ours if n not in last), *(n for n in SEALS if n in ours)]:
            with held.open(name) as file:
                put(folder, f"{run}/{name}", file)
        if AFTERWARDS in ours:
            _add_entries(folder, run, held.read(AFTERWARDS, MOST_SEAL))
    return place(url, run)


def _refuse_another(folder: RemoteFolder, pack: Pack, run: str, there: set[str]) -> None:
    if SEAL in there and _read(folder, f"{run}/{SEAL}") != read_bytes(pack.folder / SEAL, MOST_SEAL):
        raise GamedayError(f"{run} is there with another seal, and stays as it is")


def _add_entries(folder: RemoteFolder, run: str, ours: bytes) -> None:
    """Write what was added after the seal, unless more of it is there, or something else."""
    theirs = _read(folder, f"{run}/{AFTERWARDS}")
    if theirs is not None and theirs.startswith(ours):
        return
    if not ours.startswith(theirs or b""):
        raise GamedayError(f"{run}/{AFTERWARDS} has other entries there, and stays as it is")
    folder.replace(f"{run}/{AFTERWARDS}", theirs, ours)


def _read(folder: RemoteFolder, name: str) -> bytes | None:
    """A small file; None when it is not there. Raises GamedayError when it is not small."""
    try:
        with folder.open(name) as file:
            data = io.BytesIO()
            if _copied(file, data, MOST_SEAL) > MOST_SEAL:
                raise GamedayError(
                    f"{name} has more than {MOST_SEAL >> 20} MiB, which is too much to be read"
                )
            return data.getvalue()
    except FileNotFoundError:
        return None


def add_entries(url: str, run: str, before: bytes | None, added: bytes) -> str:
    """Write what was added to a run; returns where that is.

    before: what it was. Raises GamedayError, with nothing written, when it is something else by now.
    """
    target = f"{run}/{AFTERWARDS}"
    with reached(url):
        folder = remote_folder(url)
        folder.replace(target, before, added)
        if _read(folder, target) != added:
            raise GamedayError(f"{target} is not what was sent")
    return place(url, target)
