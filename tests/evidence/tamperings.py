"""A thousand things to do to a signed pack, each with a name, and the file that a verification must name.

They are made, not listed: each file × each kind of change, as a folder and as a zip.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.evidence.pack import AFTERWARDS, MANIFEST, SEAL, STAMP, WITH_THE_SEAL
from tests.evidence.foreign import Signed, contents, reseal

# of one file, so that long ones do not crowd out the others
MOST_VALUES, MOST_LINES, PLACES = 60, 12, 8
ROOT = "20261123T101502Z-drill"

Act = Callable[[Path], None]


@dataclass(frozen=True)
class Tampering:
    """What is done to a pack's folder, or to its zip, and which file must be named."""

    name: str
    file: str
    act: Act
    is_zip: bool = False


def every(signed: Signed) -> list[Tampering]:
    """All of them, the same ones every time."""
    files = contents(signed.pack.folder)
    other = contents(signed.another.folder)
    found: list[Tampering] = []
    for name, data in files.items():
        found += _bytes(name, data)
        found += _places(name)
        found += _exchanged(name, files, other)
        if name.endswith(".json"):
            found += _values(name, data)
        if name.endswith(".jsonl"):
            found += _lines(name, data)
    found += _redone(files)
    found += _added()
    found += _seals(files, other)
    found += _zips(files)
    # the last entry added may be cut off, or be by a key that nobody knows: no chain can show that
    return [each for each in found if not each.name.startswith(UNSEEN)]


UNSEEN = (f"{AFTERWARDS}: removed", f"{AFTERWARDS}: emptied", f"{AFTERWARDS}: the other pack's file is gone")


def _bytes(name: str, data: bytes) -> Iterator[Tampering]:
    def with_bytes(what: str, made: bytes) -> Tampering:
        return Tampering(f"{name}: {what}", name, lambda folder: _write(folder / name, made))

    size = len(data)
    last = data.rstrip(b"\n").rfind(b"\n") if name == AFTERWARDS else size
    for place in (
        sorted({min(last, size - 1) * step // (PLACES - 1) for step in range(PLACES)}) if size else ()
    ):
        for bit in (0, 5):
            flipped = data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]
            yield with_bytes(f"bit {bit} of byte {place} flipped", flipped)
        if name != AFTERWARDS:
            yield with_bytes(f"byte {place} dropped", data[:place] + data[place + 1 :])
            yield with_bytes(f"a byte put in at {place}", data[:place] + b"0" + data[place:])
    if size:
        yield with_bytes("cut in half", data[: size // 2])
        yield with_bytes("emptied", b"")
        yield with_bytes("twice in a row", data + data)
        yield with_bytes("zeroes of the same size", bytes(size))
    if size and name != AFTERWARDS:
        yield with_bytes("its last byte cut off", data[:-1])
    yield with_bytes("a byte before it", b" " + data)
    yield with_bytes("a byte after it", data + b"x")
    if name != AFTERWARDS:
        yield with_bytes("a line end after it", data + b"\n")
        yield with_bytes("Windows line ends", data.replace(b"\n", b"\r\n") or b"\r\n")


def _places(name: str) -> Iterator[Tampering]:
    """The file somewhere else, or something else in its place."""

    def acts(what: str, act: Act, named: str = name) -> Tampering:
        return Tampering(f"{name}: {what}", named, act)

    def linked(folder: Path) -> None:
        (folder / name).rename(folder.parent / "aside")
        (folder / name).symlink_to(folder.parent / "aside")

    def linked_within(folder: Path) -> None:
        (folder / name).rename(folder / f"{name}.aside")
        (folder / name).symlink_to((folder / f"{name}.aside").name)

    def a_folder(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    def a_pipe(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    def a_device(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to("/dev/zero")

    def a_dangling_link(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to("nowhere")

    yield acts("removed", lambda folder: (folder / name).unlink())
    yield acts("replaced by a link to itself, moved out", linked)
    yield acts("replaced by a link to itself, moved within", linked_within)
    yield acts("replaced by a folder", a_folder)
    yield acts("replaced by a pipe", a_pipe)
    yield acts("replaced by a device", a_device)
    yield acts("replaced by a link to nowhere", a_dangling_link)
    upper = name.upper()
    if name != AFTERWARDS:
        yield acts("renamed", lambda folder: _rename(folder, name, f"{name}.old"))
        yield acts("in capitals", lambda folder: _rename(folder, name, upper))
        yield acts("in a folder deeper", lambda folder: _rename(folder, name, f"deeper/{name}"))
    copies = {f"{name} copy": "copied beside itself", f"logs/copy-of-{Path(name).name}": "copied into logs"}
    for copy, what in copies.items():
        yield acts(what, lambda folder, copy=copy: _copy(folder, name, copy), copy)
    yield acts(
        "with a hidden twin", lambda folder: _copy(folder, name, f".{Path(name).name}"), f".{Path(name).name}"
    )


def _exchanged(name: str, files: dict[str, bytes], other: dict[str, bytes]) -> Iterator[Tampering]:
    """Another file's bytes in its place: of the other pack by the same key, or of this one."""
    if name in other and other[name] != files[name]:
        # by the same key: it is the manifest that does not belong to it
        named = MANIFEST if name == SEAL else name
        yield Tampering(f"{name}: the other pack's", named, lambda folder: _write(folder / name, other[name]))
    names = sorted(files)
    for step in (1, 5):
        twin = names[(names.index(name) + step) % len(names)]
        if files[twin] != files[name] and AFTERWARDS not in (name, twin):
            yield Tampering(
                f"{name}: exchanged with {twin}",
                MANIFEST if twin == MANIFEST else name,
                lambda folder, twin=twin: _swap(folder, name, twin),
            )


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from _leaves(each, (*path, key))


def _changed(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value * 0.9 - 0.001
    if isinstance(value, str):
        return f"{value}x"
    return None if value is not None else 1


def _spread(items: list[Any], most: int) -> list[Any]:
    step = max(1, len(items) // most)
    return items[::step][:most]


def _with_value(data: bytes, path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> bytes:
    document = json.loads(data)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    change(inner, path[-1])
    return (json.dumps(document, indent=2) + "\n").encode()


def _set(inner: Any, key: Any) -> None:
    inner[key] = _changed(inner[key])


def _drop(inner: Any, key: Any) -> None:
    del inner[key]


def _values(name: str, data: bytes) -> Iterator[Tampering]:
    for path in _spread(list(_leaves(json.loads(data))), MOST_VALUES):
        where = ".".join(map(str, path))
        for what, change in (("changed", _set), ("dropped", _drop)):
            made = _with_value(data, path, change)
            yield Tampering(
                f"{name}: {where} {what}",
                name,
                lambda folder, made=made: _write(folder / name, made),
            )


def _lines(name: str, data: bytes) -> Iterator[Tampering]:
    lines = data.splitlines(keepends=True)
    # the last entry can be cut off unseen, but not one before it
    places = range(len(lines) - 1 if name == AFTERWARDS else len(lines))
    for place in _spread(list(places), MOST_LINES):
        made = {
            "dropped": [*lines[:place], *lines[place + 1 :]],
            "twice": [*lines[: place + 1], *lines[place:]],
            "moved to the end": [*lines[:place], *lines[place + 1 :], lines[place]],
            "cut off with all after it": lines[:place],
            "another line before it": [*lines[:place], b'{"event": "forged"}\n', *lines[place:]],
        }
        if place + 1 < len(lines):
            made["exchanged with the next"] = [
                *lines[:place],
                lines[place + 1],
                lines[place],
                *lines[place + 2 :],
            ]
        entry = json.loads(lines[place])
        for key in entry:
            forged = json.dumps({**entry, key: _changed(entry[key])}).encode() + b"\n"
            made[f"{key} changed"] = [*lines[:place], forged, *lines[place + 1 :]]
        for what, result in made.items():
            if name == AFTERWARDS and what == "cut off with all after it":
                continue
            if b"".join(result) != data:
                yield Tampering(
                    f"{name}: line {place + 1} {what}",
                    name,
                    lambda folder, result=result: _write(folder / name, b"".join(result)),
                )


def _redone(files: dict[str, bytes]) -> Iterator[Tampering]:
    """A file changed and every hash made true again: only the signature shows it."""
    for name in sorted(files):
        if name in WITH_THE_SEAL:
            continue

        def act(folder: Path, name: str = name) -> None:
            made = {**contents(folder), name: files[name] + b"\n"}
            reseal(made)
            _write(folder / name, made[name])
            _write(folder / MANIFEST, made[MANIFEST])

        def act_seal(folder: Path, name: str = name) -> None:
            act(folder, name)
            made = contents(folder)
            reseal(made)
            _write(folder / SEAL, made[SEAL])

        yield Tampering(f"{name}: changed, manifest redone", MANIFEST, act)
        yield Tampering(f"{name}: changed, manifest and seal redone", SEAL, act_seal)
    record = json.loads(files["record.json"])
    for path in _spread(
        [path for path in _leaves(record) if not isinstance(_at(record, path), dict | list)], 100
    ):

        def act_value(folder: Path, path: tuple[Any, ...] = path) -> None:
            made = contents(folder)
            made["record.json"] = _with_value(files["record.json"], path, _set)
            reseal(made)
            for each in ("record.json", MANIFEST, SEAL):
                _write(folder / each, made[each])

        yield Tampering(
            f"record.json: {'.'.join(map(str, path))} changed, all hashes redone", SEAL, act_value
        )


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _added() -> Iterator[Tampering]:
    names = [
        *("notes.txt", "logs/x.log", ".hidden", "logs/.lock", "logs/.halt", "logs/seal.json", "a/b/c/d.txt"),
        *(
            "record.json~",
            "Record.json",
            "report.htm",
            "samples/load.samples",
            "ledger.found",
            "x\ny",
            "x\x1b[2Ky",
        ),
        *(" record.json", "record.json ", "\u202ejson.x", "timeline.jsonl.1", "seal.json.bak", "__MACOSX/x"),
    ]
    for name in names:
        yield Tampering(f"{name!r} added", name, lambda folder, name=name: _write(folder / name, b"x"))
    for name in ("empty", "logs/empty", ".git"):
        yield Tampering(f"folder {name} added", name, lambda folder, name=name: (folder / name).mkdir())
    for name in ("link", "logs/link"):
        for target in ("/etc/passwd", "..", "record.json", "."):
            yield Tampering(
                f"{name} to {target} added",
                name,
                lambda folder, name=name, target=target: (folder / name).symlink_to(target),
            )
    for name in (".lock", ".halt"):
        yield Tampering(f"{name} with content", name, lambda folder, name=name: _write(folder / name, b"x"))
        yield Tampering(f"{name} is a link", name, lambda folder, name=name: (folder / name).symlink_to("x"))
        yield Tampering(f"{name} is a folder", name, lambda folder, name=name: (folder / name).mkdir())
        yield Tampering(f"{name} is a pipe", name, lambda folder, name=name: os.mkfifo(folder / name))
    yield Tampering("a stamp that is none", STAMP, lambda folder: _write(folder / STAMP, b"x"))


def _seals(files: dict[str, bytes], other: dict[str, bytes]) -> Iterator[Tampering]:
    """The seal itself: another's, none, more signatures than one."""
    envelope = json.loads(files[SEAL])
    theirs = json.loads(other[SEAL])

    def sealed(what: str, made: dict[str, Any], indent: int | None = 2) -> Tampering:
        data = (json.dumps(made, indent=indent) + "\n").encode()
        return Tampering(f"{SEAL}: {what}", SEAL, lambda folder: _write(folder / SEAL, data))

    (signature,) = envelope["signatures"]
    yield sealed("no signature", {**envelope, "signatures": []})
    yield sealed("the other pack's signature", {**envelope, "signatures": theirs["signatures"]})
    yield sealed("the other pack's payload", {**envelope, "payload": theirs["payload"]})
    yield sealed("another payload type", {**envelope, "payloadType": "text/plain"})
    yield sealed(
        "a second signature", {**envelope, "signatures": [signature, {"keyid": "eve", "sig": "AAAA"}]}
    )
    yield sealed(
        "a second signature first", {**envelope, "signatures": [{"keyid": "eve", "sig": "AAAA"}, signature]}
    )
    yield sealed("the signature twice", {**envelope, "signatures": [signature, signature]})
    yield sealed("a word in the signature", {**envelope, "signatures": [{**signature, "note": "x"}]})
    yield sealed("a word in the envelope", {**envelope, "note": "x"})
    yield sealed("a number as key", {**envelope, "signatures": [{**signature, "keyid": 7}]})
    yield sealed("another key's name", {**envelope, "signatures": [{**signature, "keyid": "00" * 32}]})
    yield sealed("in one line", envelope, None)
    yield sealed("a list", [envelope])
    yield Tampering(
        "seal and manifest: the other pack's",
        "record.json",
        lambda folder: [_write(folder / name, other[name]) for name in (SEAL, MANIFEST)] and None,
    )


def _zips(files: dict[str, bytes]) -> Iterator[Tampering]:
    """The pack in a zip: what a zip can hold that a folder cannot."""

    def zipped(what: str, file: str, edit: Callable[[zipfile.ZipFile], None]) -> Tampering:
        return Tampering(f"zip: {what}", file, lambda path: _zip(path, files, edit), is_zip=True)

    def member(name: str, data: bytes = b"x", **about: Any) -> Callable[[zipfile.ZipFile], None]:
        def edit(archive: zipfile.ZipFile) -> None:
            entry = zipfile.ZipInfo(name)
            for key, value in about.items():
                setattr(entry, key, value)
            archive.writestr(entry, data)

        return edit

    for name, data in files.items():
        yield zipped(f"{name} twice, the same", name, member(f"{ROOT}/{name}", data))
        yield zipped(f"{name} twice, another", name, member(f"{ROOT}/{name}", b"other"))
        yield zipped(f"{name} beside the folder", name, member(name, data))
    for name in (
        "notes.txt",
        "other/notes.txt",
        f"{ROOT}-2/record.json",
        f"{ROOT}.txt",
        "README",
        "../x"[3:],
    ):
        yield zipped(f"{name} beside the folder", name, member(name))
    yield zipped("a folder beside the folder", "other/", member("other/", b""))
    yield zipped("an empty folder within", "more", member(f"{ROOT}/more/", b""))
    yield zipped("a folder with content", "more/", member(f"{ROOT}/more/", b"content"))
    link = (stat.S_IFLNK | 0o777) << 16
    for target in (b"/etc/shadow", b"../../x", b"record.json"):
        yield zipped(
            f"a link to {target.decode()}", "link", member(f"{ROOT}/link", target, external_attr=link)
        )
    pipe = (stat.S_IFIFO | 0o644) << 16
    yield zipped("a pipe", "pipe", member(f"{ROOT}/pipe", b"", external_attr=pipe))
    for method in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        yield zipped(f"a file by method {method}", "x", member(f"{ROOT}/x", b"x" * 99, compress_type=method))
    for name in (".lock", ".halt", "logs/.lock", "a b", "ä"):
        yield zipped(f"{name} added", name, member(f"{ROOT}/{name}"))
    for name in sorted(files):
        if name != AFTERWARDS:
            yield Tampering(
                f"zip: {name} left out",
                name,
                lambda path, name=name: _zip(path, files, without=name),
                is_zip=True,
            )
        yield Tampering(
            f"zip: {name} encrypted",
            name,
            lambda path, name=name: _patch(path, files, name, 6, 8, 1),
            is_zip=True,
        )
        yield Tampering(
            f"zip: {name} by method 14",
            name,
            lambda path, name=name: _patch(path, files, name, 8, 10, 14),
            is_zip=True,
        )
        if files[name]:
            yield Tampering(
                f"zip: {name} with corrupt bytes",
                name,
                lambda path, name=name: _corrupt(path, files, name),
                is_zip=True,
            )


def _zip(
    path: Path,
    files: dict[str, bytes],
    edit: Callable[[zipfile.ZipFile], None] | None = None,
    without: str = "",
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there already: that is the point
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                if name != without:
                    archive.writestr(f"{ROOT}/{name}", data)
            if edit is not None:
                edit(archive)


def _patch(path: Path, files: dict[str, bytes], name: str, local: int, central: int, value: int) -> None:
    """Set a field of a member, in its own header and in the directory."""
    _zip(path, files)
    with zipfile.ZipFile(path) as archive:
        at, directory = archive.getinfo(f"{ROOT}/{name}").header_offset, archive.start_dir
    data = bytearray(path.read_bytes())
    data[at + local : at + local + 2] = value.to_bytes(2, "little")
    entry = data.index(f"{ROOT}/{name}".encode(), directory) - 46
    data[entry + central : entry + central + 2] = value.to_bytes(2, "little")
    path.write_bytes(data)


def _corrupt(path: Path, files: dict[str, bytes], name: str) -> None:
    _zip(path, files)
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(f"{ROOT}/{name}")
    at = entry.header_offset + 30 + len(entry.filename) + entry.compress_size // 2
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _rename(folder: Path, name: str, to: str) -> None:
    (folder / to).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).rename(folder / to)


def _copy(folder: Path, name: str, to: str) -> None:
    (folder / to).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / name, folder / to)


def _swap(folder: Path, one: str, other: str) -> None:
    first, second = (folder / one).read_bytes(), (folder / other).read_bytes()
    (folder / one).write_bytes(second)
    (folder / other).write_bytes(first)
