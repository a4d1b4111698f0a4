"""Packs that somebody made to do harm: seeded changes of real ones, as folders and as zips.

`python -m tests.evidence.hostile SEED COUNT` verifies that many, exports those in folders and makes reports
of some, all within a limit of memory and of time, and prints what came of them as JSON.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gameday.cli import main
from gameday.evidence import keys
from gameday.evidence.pack import AFTERWARDS, MANIFEST, SEAL, STAMP
from tests.evidence.foreign import ANOTHER, EXAMPLE, contents, reseal

MEMORY_BYTES = 3 << 30  # of address space, more than it has when it begins
LIMIT_S = 30
MOST_MADE_BYTES = 32 << 20
MOST_MADE = 20_000  # rows of a column that is made
WORDS = (
    "x",
    "",
    "..",
    "../../x",
    "/etc/passwd",
    "a\n✓ b",
    "\x1b[2J\x1b[H",
    "\u202e",
    "\ud800",
    "\0",
    "x" * 100_000,
)
NUMBERS = (
    0,
    -1,
    1,
    2**31,
    2**63 - 1,
    -(2**63),
    2**64,
    10**400,
    1e308,
    -1e308,
    5e-324,
    float("nan"),
    float("inf"),
)
VALUES: tuple[Any, ...] = (None, True, False, [], {}, [[]], {"": None}, *WORDS, *NUMBERS)
RAW = (
    b"",
    b"\0" * 64,
    b"{",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"\xff\xfe",
    b"PAR1" * 3,
    b"9" * 5000,
    b"NaN\n",
    b"\n" * 999,
)

Files = dict[str, bytes]


def value(chance: random.Random) -> Any:
    return copy.deepcopy(chance.choice(VALUES))


def spoil_json(data: bytes, chance: random.Random) -> bytes:
    """One to four values somewhere in a document are others, are gone, are doubled, or are nested."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return chance.choice(RAW)
    for _ in range(chance.randrange(1, 5)):
        place, key = document, None
        while isinstance(place, dict | list) and place:
            key = chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
            if not isinstance(place[key], dict | list) or not place[key] or chance.random() < 0.2:
                break
            place = place[key]
        if key is None or not isinstance(place, dict | list) or not place:
            return json.dumps(value(chance)).encode()
        how = chance.randrange(5)
        if how == 0:
            del place[key]
        elif how == 1 and isinstance(place, list):
            place += [place[key]] * chance.choice([1, 100, 10_000])
        elif how == 2 and isinstance(place, dict):
            place[chance.choice(WORDS)] = value(chance)
        elif how == 3:
            deep: Any = place[key]
            for _ in range(chance.choice([1, 50, 400])):
                deep = [deep] if chance.random() < 0.5 else {"x": deep}
            place[key] = deep
        else:
            place[key] = value(chance)
    with contextlib.suppress(ValueError, RecursionError):
        return json.dumps(document).encode()
    return data


def spoil_lines(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(lines))
        how = chance.randrange(6)
        if how == 0:
            del lines[place]
        elif how == 1:
            lines.insert(chance.randrange(len(lines) + 1), lines[place])
        elif how == 2:
            lines[place:place] = [lines[place]] * chance.choice([10, 3000])
        elif how == 3:
            lines[place] = chance.choice(RAW).replace(b"\n", b"")
        else:
            lines[place] = spoil_json(lines[place], chance)
        lines = lines or [b""]
    return b"\n".join(lines)


def spoil_bytes(data: bytes, chance: random.Random) -> bytes:
    """Bits flipped, pieces cut, doubled, moved or overwritten; sizes in headers are favourites."""
    made = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 8, 64])):
        if not made:
            return chance.choice(RAW)
        at = (
            chance.randrange(len(made))
            if chance.random() < 0.6
            else -1 - chance.randrange(min(6000, len(made)))
        )
        at %= len(made)
        size = chance.choice([1, 1, 2, 4, 8, 500])
        how = chance.randrange(7)
        if how <= 1:
            made[at] ^= 1 << chance.randrange(8)
        elif how == 2:
            made[at : at + size] = chance.choice([b"\0", b"\xff", b"\x7f", b"\x80"]) * size
        elif how == 3:
            del made[at : at + size]
        elif how == 4:
            made[at:at] = made[at : at + size]
        elif how == 5:
            made[at:at] = chance.randbytes(size)
        else:
            del made[at:]
    return bytes(made)


def column(chance: random.Random, rows: int) -> pa.Array:
    """A column of some type, all of one value or counting."""
    whole = np.full(rows, chance.choice([0, -1, 2**63 - 1, -(2**63)]))
    kinds: tuple[Callable[[], pa.Array], ...] = (
        lambda: pa.array([chance.choice(["load", "", "x" * 5_000])] * rows),
        lambda: pa.array(whole),
        lambda: pa.array(whole != 0),
        lambda: pa.array(np.full(rows, chance.choice([0.0, float("nan"), float("inf")]))),
        lambda: pa.nulls(rows, pa.int64()),
        lambda: pa.array([[1] * chance.choice([0, 3])] * rows),
        lambda: pa.array([{"x": 1}] * rows),
        lambda: pa.array(np.arange(rows)[:: chance.choice([1, -1])]),
    )
    return chance.choice(kinds)()


def spoil_parquet(data: bytes, chance: random.Random) -> bytes:
    """Another table in the same columns, or the same one by other encodings, or its bytes spoilt."""
    if chance.random() < 0.5:
        return spoil_bytes(data, chance)
    try:
        table = pq.read_table(io.BytesIO(data))
    except (OSError, ValueError, NotImplementedError):
        return spoil_bytes(data, chance)
    rows = table.num_rows
    if chance.random() < 0.3:
        rows = chance.choice([0, 1, 1_200_000])
        table = table.take(pa.array(np.zeros(rows, dtype=np.int64))) if table.num_rows else table
        rows = table.num_rows
    for _ in range(chance.randrange(3)):
        name = chance.choice(table.column_names)
        place = table.column_names.index(name)
        how = chance.randrange(3)
        if how == 0 and table.num_columns > 1:
            table = table.remove_column(place)
        elif how == 1 and rows <= MOST_MADE:
            table = table.append_column(name, column(chance, rows))
        elif rows <= MOST_MADE:
            table = table.set_column(place, name, column(chance, rows))
    out = io.BytesIO()
    options: dict[str, Any] = {
        "compression": chance.choice(["zstd", "none", "gzip", "brotli", "lz4", "snappy"]),
        "use_dictionary": chance.random() < 0.5,
        "store_schema": chance.random() < 0.7,
        "data_page_version": chance.choice(["1.0", "2.0"]),
        "row_group_size": chance.choice([None, 1000]),
        "write_statistics": chance.random() < 0.5,
    }
    try:
        pq.write_table(table, out, **options)
    except (ValueError, NotImplementedError, OSError):
        return spoil_bytes(data, chance)
    return out.getvalue()


def spoil(files: Files, chance: random.Random) -> None:
    """Change one file, mostly one that is parsed."""
    liked = ["plan.json", "timeline.jsonl", "undo.jsonl", "record.json", "samples.parquet", "ledger.parquet"]
    liked += [MANIFEST, SEAL, AFTERWARDS, STAMP]
    name = chance.choice(liked if chance.random() < 0.9 else sorted(files))
    data = files.get(name, b"")
    if chance.random() < 0.05:
        files.pop(name, None)
    elif chance.random() < 0.1:
        files[name] = chance.choice(RAW)
    elif name.endswith(".parquet"):
        files[name] = spoil_parquet(data, chance)
    elif name.endswith(".json"):
        files[name] = spoil_json(data, chance)
    elif name.endswith(".jsonl"):
        files[name] = spoil_lines(data, chance)
    else:
        files[name] = spoil_bytes(data, chance)
    if len(files.get(name, b"")) > MOST_MADE_BYTES:  # it is the reader's memory that is tried
        files[name] = files[name][:MOST_MADE_BYTES]


def raw_samples(files: Files, chance: random.Random) -> None:
    """A pack whose samples never became Parquet."""
    for name in ("samples.parquet", "ledger.parquet"):
        files.pop(name, None)
    for name in ("load.1", "probe-heartbeat", "ledger"):
        files[f"samples/{name}.samples"] = chance.randbytes(40 * chance.choice([0, 1, 50]))
        number = chance.choice([0, 1, 65_535, 10**12, "x", None, [], -1])
        files[f"samples/{name}.names"] = (
            json.dumps({"number": number, "name": value(chance)}).encode() + b"\n"
        )
    files["samples/ledger.writes"] = chance.randbytes(24 * chance.choice([0, 1, 50]))
    files["samples/load.1.clock"] = json.dumps({"offset_ns": value(chance)}).encode()


def rechain(files: Files) -> None:
    """Give every line of the timeline its true link again."""
    import hashlib

    seen, lines = hashlib.sha256(), []
    for line in files.get("timeline.jsonl", b"").split(b"\n"):
        with contextlib.suppress(ValueError, RecursionError):
            entry = json.loads(line)
            if isinstance(entry, dict):
                line = json.dumps({**entry, "chain": seen.hexdigest()}).encode()  # noqa: PLW2901
        seen.update(line + b"\n")
        lines.append(line)
    files["timeline.jsonl"] = b"\n".join(lines)


def zipped(files: Files, chance: random.Random) -> bytes:
    out = io.BytesIO()
    root = chance.choice(
        ["", "run/", "20261123T101502Z-drill/", "../", "/", "a/../", "a/b/c/", "ä/", "\x1b[2J/"]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in files.items():
                entry = zipfile.ZipInfo(f"{root}{name}" or "x")
                entry.compress_type = chance.choice([0, 8, 8, 8, 12, 14]) if chance.random() < 0.1 else 8
                entry.external_attr = (
                    chance.choice([0, 0o644 << 16, 0o120777 << 16, 0o010644 << 16])
                    if chance.random() < 0.05
                    else 0
                )
                archive.writestr(entry, data)
                if chance.random() < 0.02:
                    archive.writestr(entry, data)
            if chance.random() < 0.05:
                archive.writestr("bomb", bytes(chance.choice([1 << 20, 300 << 20])), 8)
    made = out.getvalue()
    return spoil_bytes(made, chance) if chance.random() < 0.6 else made


def in_folder(files: Files, folder: Path, chance: random.Random) -> None:
    for name, data in files.items():
        path = folder / name
        with contextlib.suppress(OSError, ValueError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    if chance.random() < 0.3:
        name = chance.choice([*files, ".lock", ".halt", "new", "logs", "samples"])
        path = folder / name
        with contextlib.suppress(OSError):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            acts: list[Callable[[], Any]] = [
                lambda: os.mkfifo(path),
                lambda: path.symlink_to("/dev/zero"),
                lambda: path.symlink_to(path),
                lambda: path.symlink_to(".."),
                lambda: path.symlink_to("record.json"),
                lambda: path.mkdir(parents=True),
                lambda: Path(os.fsdecode(os.fsencode(folder) + b"/\xff\n")).write_bytes(b"x"),
            ]
            chance.choice(acts)()


def make(seed: int, folder: Path) -> Path:
    """One hostile pack, the same for the same seed: a folder or a zip under `folder`."""
    chance = random.Random(seed)
    files = contents(chance.choice([EXAMPLE, EXAMPLE, ANOTHER]))
    if chance.random() < 0.1:
        raw_samples(files, chance)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        spoil(files, chance)
    if chance.random() < 0.8:
        rechain(files)
        with contextlib.suppress(Exception):
            reseal(files)
        for _ in range(chance.choice([0, 0, 0, 1])):
            spoil(files, chance)
    if chance.random() < 0.35:
        path = folder / "pack.zip"
        path.write_bytes(zipped(files, chance))
        return path
    path = folder / "pack"
    path.mkdir()
    in_folder(files, path, chance)
    return path


def run(*arguments: str) -> str:
    """A command as the command line runs it: how it ended. Raises whatever escaped it."""
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["gameday", *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
            code: Any = 0
        except SystemExit as end:
            code = end.code or 0
    said = out.getvalue() + err.getvalue()
    said.encode()
    for line in said.split("\n"):
        if not line.isprintable() and any(unprintable(character) for character in line):
            raise AssertionError(f"not clean: {line!r}")
    return f"{arguments[0]} {code}"


def unprintable(character: str) -> bool:
    return character != "\t" and (
        ord(character) < 32 or 0x7F <= ord(character) < 0xA0 or character in "\u202e\u2066"
    )


def once(seed: int, scratch: Path) -> list[str]:
    """Make one and try it: how each command ended."""
    folder = scratch / str(seed)
    folder.mkdir()
    path = make(seed, folder)
    os.chdir(folder)
    limit = ("--limit", f"{LIMIT_S}s")
    key = ("--key", str(scratch / "evidence.pub")) if seed % 3 == 0 else ()
    commands: list[tuple[str, ...]] = [("verify", str(path), *key, *limit)]
    if path.is_dir():
        commands.append(("export", str(path), "out.zip"))
        if seed % 8 == 0:
            commands.append(
                ("report", str(path), "--format", "markdown", "--format", "junit", "--format", "csv")
            )
        if seed % 40 == 0:
            commands += [
                ("report", str(path)),
                ("compare", str(path), str(EXAMPLE)),
                ("action", str(path), "list"),
            ]
            commands.append(("note", str(path), "x", "--by", "x"))
    ends = []
    try:
        for command in commands:
            began_s = time.process_time()
            ends.append(run(*command))
            SLOWEST.append((round(time.process_time() - began_s, 2), seed, command[0]))
    finally:
        os.chdir(scratch)
        shutil.rmtree(folder)
    return ends


SLOWEST: list[tuple[float, int, str]] = []


def begin(scratch: Path) -> None:
    """Limit the memory of this process, and make the key that is asked for."""
    keys.make(scratch, "evidence")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, resource.RLIM_INFINITY))


def trial(first: int, count: int) -> dict[str, Any]:
    """Try so many packs, by their seeds: how they ended, and every escape with its seed."""
    ends: Counter[str] = Counter()
    escaped: list[str] = []
    with tempfile.TemporaryDirectory(prefix="gameday-hostile-") as name:
        begin(Path(name))
        for seed in range(first, first + count):
            try:
                ends.update(once(seed, Path(name)))
            except Exception as error:  # noqa: BLE001 - any escape is what is looked for
                where = "".join(traceback.format_exception(error)[-3:])
                escaped.append(f"seed {seed}: {type(error).__name__}: {str(error)[:300]}\n{where[-1500:]}")
    slowest = sorted(SLOWEST, reverse=True)[:5]
    return {
        "packs": count,
        "ends": dict(sorted(ends.items())),
        "escaped": escaped,
        "slowest": slowest,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


if __name__ == "__main__":
    print(json.dumps(trial(int(sys.argv[1]), int(sys.argv[2])), indent=2))
