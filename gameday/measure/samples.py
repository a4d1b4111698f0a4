"""Recorded samples as columns, from the recorders' files while a run lasts and from Parquet afterwards."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gameday.samples import MAX_NAMES, OK, ROW, SKIPPED, TIMED_OUT

Times = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ROW_TYPE = np.dtype(
    [
        ("scheduled_ns", "<i8"),
        ("sent_ns", "<i8"),
        ("done_ns", "<i8"),
        ("value", "<f8"),
        ("series", "<u2"),
        ("error", "<u2"),
        ("status", "<u2"),
        ("flags", "<u2"),
    ]
)


LOST = "(lost)"  # a name that is no longer on disk


@dataclass(frozen=True, slots=True)
class Samples:
    """Columns of samples of one source, ordered by `scheduled_ns`. All arrays have one length, `len(self)`.

    Times are int64 nanoseconds on the run clock. `uncertainty_ns` is how far a remote recorder's clock
    may be off; 0 on this host. `series` and `error` index into `names`. A `skipped` sample was due, but the
    recorder itself did not send it.
    """

    scheduled_ns: Times
    sent_ns: Times
    done_ns: Times
    ok: Flags
    timed_out: Flags
    skipped: Flags
    status: npt.NDArray[np.uint16]
    series: npt.NDArray[np.uint32]
    error: npt.NDArray[np.uint32]
    value: npt.NDArray[np.float64]
    names: tuple[str, ...]
    uncertainty_ns: int = 0

    def __len__(self) -> int:
        return len(self.scheduled_ns)

    @property
    def latency_ns(self) -> Times:
        """From the scheduled send to the answer, so that waiting to be sent counts."""
        return self.done_ns - self.scheduled_ns

    @classmethod
    def none(cls) -> Samples:
        """No samples at all."""
        return from_rows(np.empty(0, dtype=ROW_TYPE))

    def where(self, mask: npt.NDArray[Any]) -> Samples:
        """The samples that a boolean mask or an index array chooses."""
        if mask.dtype == np.bool_ and mask.all():
            return self
        return replace(self, **{name: getattr(self, name)[mask] for name in COLUMNS})

    def named(self, name: str) -> Samples:
        """The samples of one series, e.g. `POST /orders`."""
        numbers = [number for number, known in enumerate(self.names) if known == name]
        return self.where(np.isin(self.series, numbers))


COLUMNS = tuple(f.name for f in fields(Samples) if f.name not in ("names", "uncertainty_ns"))


def from_rows(rows: npt.NDArray[Any], names: tuple[str, ...] = ("",), offset_ns: int = 0) -> Samples:
    """Samples of raw rows (dtype `ROW_TYPE`), moved by `offset_ns` onto the run clock and put in order."""
    if np.any(np.diff(rows["scheduled_ns"]) < 0):
        rows = rows[np.argsort(rows["scheduled_ns"], kind="stable")]
    return Samples(
        scheduled_ns=rows["scheduled_ns"] + offset_ns,
        sent_ns=rows["sent_ns"] + offset_ns,
        done_ns=rows["done_ns"] + offset_ns,
        ok=(rows["flags"] & OK) != 0,
        timed_out=(rows["flags"] & TIMED_OUT) != 0,
        skipped=(rows["flags"] & SKIPPED) != 0,
        status=np.ascontiguousarray(rows["status"]),
        series=rows["series"].astype(np.uint32),
        error=rows["error"].astype(np.uint32),
        value=np.ascontiguousarray(rows["value"]),
        names=names,
    )


def read(stem: Path) -> Samples:
    """The samples of one recorder's file so far; a torn last row is left out.

    stem: the file's path without `.samples`. A clock file beside it (`.clock`, written for a recorder on
    another host) moves its times onto the run clock.
    """
    data = stem.with_name(stem.name + ".samples").read_bytes()
    rows = np.frombuffer(data, dtype=ROW_TYPE, count=len(data) // ROW.size)
    clock = read_clock(stem)
    names = read_names(stem)
    most = max((int(rows[column].max()) for column in ("series", "error") if len(rows)), default=0)
    samples = from_rows(rows, named_to(names, most), int(clock.get("offset_ns", 0)))
    return replace(samples, uncertainty_ns=int(clock.get("uncertainty_ns", 0)))


def read_names(stem: Path) -> tuple[str, ...]:
    """The names of a recorder's file by number; number 0 is the empty name."""
    names = {0: ""}
    path = stem.with_name(stem.name + ".names")
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        number = int(entry["number"])
        if 0 <= number <= MAX_NAMES:  # a row has no room for another
            names[number] = str(entry["name"])
    return tuple(names.get(number, "") for number in range(max(names) + 1))


def named_to(names: tuple[str, ...], most: int) -> tuple[str, ...]:
    """The names up to a number: a power cut may keep rows and take the names written before them."""
    return names + (LOST,) * (most + 1 - len(names))


def read_clock(stem: Path) -> dict[str, Any]:
    """The measured clock of a recorder on another host; empty for this host."""
    path = stem.with_name(stem.name + ".clock")
    return dict(json.loads(path.read_text())) if path.exists() else {}


def read_all(folder: Path, source: str) -> Samples:
    """Every sample of one source under `folder`: `probe-heartbeat` has one file, `load` one a process."""
    stems = [path.with_suffix("") for path in sorted(folder.glob("*.samples"))]
    return merge([read(stem) for stem in stems if stem.name.split(".")[0] == source])


def merge(parts: list[Samples]) -> Samples:
    """Samples of several files as one, with one set of names, ordered by `scheduled_ns`."""
    if not parts:
        return Samples.none()
    if len(parts) == 1:
        return parts[0]
    names = tuple(dict.fromkeys(name for part in parts for name in part.names))
    renumbered = [_renumber(part, names) for part in parts]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in renumbered]) for name in COLUMNS
    }
    merged = replace(renumbered[0], **columns, uncertainty_ns=max(part.uncertainty_ns for part in parts))
    return merged.where(np.argsort(merged.scheduled_ns, kind="stable"))


def _renumber(part: Samples, names: tuple[str, ...]) -> Samples:
    numbers = {name: number for number, name in enumerate(names)}
    table = np.array([numbers[name] for name in part.names], dtype=np.uint32)
    return replace(part, series=table[part.series], error=table[part.error], names=names)
