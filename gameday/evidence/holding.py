"""Where somebody's pack lies, in a folder or in a zip: what is there, and its bytes, with nothing believed.

Nothing is unpacked, followed or decoded before its hash is known to be the sealed one. A file that is none
(a link, a pipe, an entry that is encrypted) is told as such and never opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import struct
import tempfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from gameday.errors import GamedayError
from gameday.evidence import bounds
from gameday.evidence.bounds import open_file
from gameday.evidence.pack import SEAL, Pack
from gameday.reading import Unreadable

MOST_FILES = 100_000
MOST_BYTES = 200_000_000_000
# a zip of logs shrinks a lot; one that unpacks to more than this many times itself was made to
MOST_UNPACKED, MOST_UNPACKED_TIMES = 256 << 20, 100
PIECE_BYTES = 1 << 20
MARKS = ("timeline.jsonl", "record.json", SEAL)
# folders that may be empty
FOLDERS = ("logs", "samples")
EMPTY = "is an empty folder"
TEXTS = ("plan.json", "timeline.jsonl", "undo.jsonl")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
BROKEN = (
    *(OSError, EOFError, NotImplementedError, RuntimeError, ValueError),
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A file as it lies there: its bytes; `odd` says why it is none."""

    size: int
    odd: str | None = None


@dataclass
class Holding(ABC):
    """The files of one pack by their path in it; `beside`: what lies there and belongs to no pack."""

    path: Path
    kept: dict[str, Kept] = field(default_factory=dict)
    beside: list[tuple[str, str]] = field(default_factory=list)

    @abstractmethod
    def open(self, name: str) -> IO[bytes]:
        """A file's bytes. Raises what is in `BROKEN`."""

    @abstractmethod
    def on_disk(self) -> contextlib.AbstractContextManager[Pack]:
        """The pack as files, for as long as it is needed: only for one whose hashes hold."""

    def has(self, name: str) -> bool:
        """Whether there is a file of that name that can be opened."""
        return name in self.kept and self.kept[name].odd is None

    def pieces(self, name: str) -> Iterator[bytes]:
        """A file's bytes, piece by piece. Raises Unreadable."""
        try:
            with self.open(name) as file:
                while piece := file.read(PIECE_BYTES):
                    yield piece
        except BROKEN as error:
            raise Unreadable(f"cannot be read: {error or type(error).__name__}") from None

    def read(self, name: str, most: int) -> bytes:
        """The whole file. Raises Unreadable, also when it has more than `most` bytes."""
        found, size = [], 0
        for piece in self.pieces(name):
            size += len(piece)
            if size > most:
                raise Unreadable(f"has more than {most >> 20} MiB, which is too much to be read")
            found.append(piece)
        return b"".join(found)

    def digest(self, name: str) -> str:
        """The SHA-256 of a file, read in pieces. Raises Unreadable."""
        seen = hashlib.sha256()
        for piece in self.pieces(name):
            seen.update(piece)
        return seen.hexdigest()

    def must_be_plain(self) -> None:
        """Raise GamedayError when something in it is no file: what it leads to is not of the pack."""
        for name, kept in self.kept.items():
            if kept.odd is not None and kept.odd != EMPTY:
                raise GamedayError(f"{self.path}: {name} {kept.odd}")

    def check_texts(self) -> None:
        """Raise OutOfBounds when what a run is measured from is more than a run makes, its samples aside."""
        for name in TEXTS:
            if self.has(name):
                bounds.check_text(name, self.read(name, bounds.MOST_TEXT))


class InFolder(Holding):
    """A pack in a folder. Links are never followed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for name, kept in walk(folder):
            self.kept[name] = kept
            if len(self.kept) > MOST_FILES:
                raise GamedayError(f"{folder} has more than {MOST_FILES} files, too many for a pack")

    def open(self, name: str) -> IO[bytes]:
        return open_file(self.path / name)

    @contextlib.contextmanager
    def on_disk(self) -> Iterator[Pack]:
        yield Pack(self.path)


def walk(folder: Path) -> Iterator[tuple[str, Kept]]:
    """Everything under a folder that is no folder, by its path in it; and folders that hold nothing."""
    waiting = [(folder, "")]
    while waiting:
        here, before = waiting.pop()
        try:
            with os.scandir(here) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            yield before.rstrip("/"), Kept(0, f"cannot be read: {error.strerror}")
            continue
        if not entries and before and before.rstrip("/") not in FOLDERS:
            yield before.rstrip("/"), Kept(0, EMPTY)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append((here / entry.name, f"{before}{entry.name}/"))
            else:
                about = entry.stat(follow_symlinks=False)
                odd = _odd(about.st_mode) or _odd_name(entry.name)
                yield f"{before}{entry.name}", Kept(about.st_size, odd)


def _odd(mode: int) -> str | None:
    """What a mode says that a file is, if not one."""
    if stat.S_ISREG(mode):
        return None
    return "is a symbolic link, not a file" if stat.S_ISLNK(mode) else "is not a file"


def _odd_name(name: str) -> str | None:
    """What a name is that a zip cannot hold as it is."""
    is_text = name.encode(errors="replace") == os.fsencode(name)
    return None if is_text and "\\" not in name else "has a name that no zip can hold"


class InZip(Holding):
    """A pack in a zip, as `gameday export` makes it, or zipped by hand with or without its folder."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        super().__init__(path)
        self.archive = archive
        self._members: dict[str, zipfile.ZipInfo] = {}
        members = archive.infolist()
        _refuse_outside(path, members)
        _refuse_bomb(path, members)
        self.root = _root([member.filename for member in members])
        for member in members:
            self._take(member)
        self._take_empty_folders()

    def _take(self, member: zipfile.ZipInfo) -> None:
        name = member.filename
        if not name.startswith(self.root):
            if not (name.endswith("/") and self.root.startswith(name)):
                self.beside.append((name, "lies beside the run's folder"))
            return
        name = name.removeprefix(self.root)
        if member.is_dir() and not member.file_size:
            return
        if name in self._members:
            self.kept[name] = Kept(member.file_size, "is in the zip more than once")
            return
        self._members[name] = member
        self.kept[name] = Kept(member.file_size, _odd_member(member))

    def _take_empty_folders(self) -> None:
        filled = {str(parent) for name in self.kept for parent in PurePosixPath(name).parents}
        for member in self.archive.infolist():
            name = member.filename.removeprefix(self.root).rstrip("/")
            is_inside = member.filename.startswith(self.root) and name
            if is_inside and name not in self.kept and name not in filled and name not in FOLDERS:
                self.kept[name] = Kept(0, EMPTY)

    def open(self, name: str) -> IO[bytes]:
        return self.archive.open(self._members[name])

    @contextlib.contextmanager
    def on_disk(self) -> Iterator[Pack]:
        with tempfile.TemporaryDirectory(prefix="gameday-verify-") as scratch:
            folder = Path(scratch, PurePosixPath(self.root).name or "run")
            folder.mkdir()
            for name in self.kept:
                if self.has(name):
                    target = folder / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with target.open("xb") as file:
                        file.writelines(self.pieces(name))
            yield Pack(folder)


def _refuse_outside(path: Path, members: list[zipfile.ZipInfo]) -> None:
    for member in members:
        refuse_name(path, member.orig_filename.removesuffix("/"))


def refuse_name(where: object, name: str) -> None:
    """Raise GamedayError when a file of that name would not lie in the folder of the pack, or nowhere."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts:
        raise GamedayError(f"{where} would write outside of its folder: {name}")
    if "\0" in name or "\\" in name or "." in parts or "" in parts:
        raise GamedayError(f"{where} holds a name that no pack has: '{name}'")


def _refuse_bomb(path: Path, members: list[zipfile.ZipInfo]) -> None:
    unpacked = sum(member.file_size for member in members)
    most = min(MOST_BYTES, max(MOST_UNPACKED, path.stat().st_size * MOST_UNPACKED_TIMES))
    if len(members) > MOST_FILES or unpacked > most:
        raise GamedayError(
            f"{path} is too large for a pack: {len(members)} files, {unpacked >> 20} MiB out of "
            f"{path.stat().st_size >> 20} MiB; unpack it yourself if you trust it, and verify the folder"
        )


def _root(names: list[str]) -> str:
    """The folder of the run in a zip: the one with most of what only a run has, the outermost of those."""
    marks = Counter(
        name[: -len(mark)] for name in set(names) for mark in MARKS if f"/{name}".endswith(f"/{mark}")
    )
    return min(marks, key=lambda folder: (-marks[folder], folder.count("/"), folder), default="")


def _odd_member(member: zipfile.ZipInfo) -> str | None:
    if member.flag_bits & 0x1:
        return "is encrypted"
    if member.compress_type not in METHODS:
        return f"is compressed by method {member.compress_type}; a pack's zip has deflate only"
    if member.is_dir():
        return "is a folder with content"
    mode = member.external_attr >> 16
    return _odd(mode) if stat.S_IFMT(mode) else None


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Holding]:
    """What a folder or a zip holds.

    Raises GamedayError when the zip is none, would unpack outside of its folder, or to far more than itself.
    """
    if path.is_dir():
        yield InFolder(path)
        return
    try:
        archive = zipfile.ZipFile(path)
    except BROKEN as error:
        raise GamedayError(f"{path} cannot be opened: {error}") from None
    with archive:
        yield InZip(path, archive)
