"""Where runs are kept: a results folder of this machine, or one at a URL that runs are fetched from.

A run is always made in a folder, and published when it is over.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

from gameday.errors import GamedayError
from gameday.evidence.bounds import MOST_SEAL
from gameday.evidence.pack import AFTERWARDS, SEAL, Pack
from gameday.reading import read_bytes

# of a run's id: characters of its title, and random bytes at its end
WORDS, RANDOM_BYTES = 40, 3
MOST_MEANT = 20
# what comparing needs of a run, and what adding to it does
OF_THE_RECORD = ("record.json",)
OF_ENTRIES = ("timeline.jsonl", SEAL, AFTERWARDS)


def create(results: Path, title: str) -> Pack:
    """A new run's folder. Raises GamedayError when it cannot be written.

    Its name sorts by time, says what is tested, and ends at random: every key of the ledger holds it, and a
    run in another folder or on another host may write to the same store.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:WORDS].strip("-") or "run"
    pack = Pack(results / f"{stamp}-{words}-{secrets.token_hex(RANDOM_BYTES)}")
    try:
        pack.folder.mkdir(parents=True)
        pack.raw.mkdir()
        pack.logs.mkdir()
    except OSError as error:
        raise GamedayError(f"cannot write under {results}: {error.strerror}") from None
    return pack


def packs(results: Path) -> list[Pack]:
    """Every run under `results`, oldest first."""
    if not results.is_dir():
        return []
    return [Pack(path) for path in sorted(results.glob("*Z-*")) if path.is_dir()]


def find(results: Path, name: str) -> Pack:
    """The pack meant by a path, a run id, the beginning of one, or `latest`."""
    if Path(name).is_dir():
        return Pack(Path(name))
    runs = packs(results)
    return runs[meant([run.run_id for run in runs], name, f" under {results}")]


def meant(runs: list[str], name: str, where: str = "") -> int:
    """Which of these runs, oldest first, a name means. Raises GamedayError when that is none, or several."""
    chosen = [number for number, run in enumerate(runs) if run.startswith(name)]
    if name == "latest":
        chosen = [len(runs) - 1] if runs else []
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        raise GamedayError(f"there is no run '{name}'{where}")
    told = ", ".join(runs[number] for number in chosen[:MOST_MEANT])
    raise GamedayError(f"'{name}' could mean {told}{', …' if len(chosen) > MOST_MEANT else ''}")


def is_url(where: str) -> bool:
    """Whether that is no path."""
    return "://" in where


@contextlib.contextmanager
def opened(results: Path | str, name: str, only: Collection[str] | None = None) -> Iterator[Pack]:
    """The pack meant by a name, as files here for as long as it is needed.

    results: a folder, or a URL. name: as for `find`, or the URL of a run. only: the files that are needed,
    None for all. Raises GamedayError when there is no such run, or what is there is no pack.
    """
    if _is_here(results, name):
        yield find(Path(results), name)
        return
    from gameday.evidence import published  # with what it imports, which a run does not need

    with published.fetched(*_split(results, name), only) as pack:
        yield pack


@contextlib.contextmanager
def path_of(results: Path | str, name: str) -> Iterator[Path]:
    """The folder, or the zip, of a run: as for `opened`, or the path or the URL of a zip."""
    if is_url(name) and name.endswith(".zip"):
        from gameday.evidence import published

        with published.fetched_zip(*_split(results, name)) as path:
            yield path
    elif Path(name).is_file():
        yield Path(name)
    else:
        with opened(results, name) as pack:
            yield pack.folder


def entries(pack: Pack) -> bytes | None:
    """What was added to a run after its seal, as it lies there; None when there is nothing."""
    try:
        return read_bytes(pack.folder / AFTERWARDS, MOST_SEAL)
    except FileNotFoundError:
        return None


def put_back(results: Path | str, name: str, pack: Pack, before: bytes | None) -> str:
    """Write what was added to a pack back to where `opened` has it from; returns where that is.

    before: what its entries were. Raises GamedayError, with nothing written, when others are there by now.
    """
    if _is_here(results, name):
        return str(pack.folder / AFTERWARDS)
    from gameday.evidence import published

    url, _ = _split(results, name)
    return published.add_entries(url, pack.folder.name, before, entries(pack) or b"")


def _is_here(results: Path | str, name: str) -> bool:
    """Whether a run is in a folder of this machine; a path is, whatever the shelf."""
    return not is_url(name) and (isinstance(results, Path) or Path(name).is_dir())


def _split(results: Path | str, name: str) -> tuple[str, str]:
    """The URL of a shelf, and what is asked for there."""
    if is_url(name):
        above, _, run = name.rstrip("/").rpartition("/")
        return above, run
    return str(results), name
