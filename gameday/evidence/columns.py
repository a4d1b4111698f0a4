"""Samples and the ledger as Parquet: one row a sample, readable by any data tool.

samples.parquet: source, series, error (text), scheduled_ns, sent_ns, done_ns (the run clock), ok,
timed_out, skipped, status, value, uncertainty_ns.
ledger.parquet: sequence, sent_ns, done_ns, outcome, found, copies.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gameday.evidence import pages
from gameday.files import put_in_place
from gameday.measure.loss import Ledger
from gameday.measure.samples import Samples, merge, read

TEXT = pa.dictionary(pa.int32(), pa.string())
SAMPLE_SCHEMA = pa.schema(
    [
        ("source", TEXT),
        ("series", TEXT),
        ("error", TEXT),
        ("scheduled_ns", pa.int64()),
        ("sent_ns", pa.int64()),
        ("done_ns", pa.int64()),
        ("ok", pa.bool_()),
        ("timed_out", pa.bool_()),
        ("skipped", pa.bool_()),
        ("status", pa.uint16()),
        ("value", pa.float64()),
        ("uncertainty_ns", pa.int64()),
    ]
)

# how each column lies in a file
TEXTS = ("source", "series", "error")
SAMPLE_COLUMNS = {
    **dict.fromkeys(TEXTS, "BYTE_ARRAY"),
    **dict.fromkeys(("scheduled_ns", "sent_ns", "done_ns", "uncertainty_ns"), "INT64"),
    **dict.fromkeys(("ok", "timed_out", "skipped"), "BOOLEAN"),
    "status": "INT32",
    "value": "DOUBLE",
}
LEDGER_COLUMNS = {
    **dict.fromkeys(("sequence", "sent_ns", "done_ns"), "INT64"),
    **dict.fromkeys(("outcome", "found", "copies"), "INT32"),
}


def write_samples(raw: Path, target: Path) -> None:
    """Turn the recorders' files under `raw` into one Parquet file, a source at a time."""
    sources: dict[str, list[Path]] = {}
    for path in sorted(raw.glob("*.samples")):
        sources.setdefault(path.name.split(".")[0], []).append(path.with_suffix(""))
    draft = target.with_name(f".{target.name}")
    with pq.ParquetWriter(draft, SAMPLE_SCHEMA, compression="zstd") as writer:
        for source, stems in sources.items():
            writer.write_table(_table(source, merge([read(stem) for stem in stems])))
    put_in_place(draft, target)


def read_samples(path: Path, source: str) -> Samples:
    """The samples of one source, such as `load` or `probe-heartbeat`, from the pack.

    Raises OutOfBounds when the file would decode to more than a run has.
    """
    pages.check(path, SAMPLE_COLUMNS)
    # as numbers of words, whatever the file asks for: one long word in a million rows stays one word
    known = [name for name in SAMPLE_COLUMNS if name in pq.read_schema(path).names]
    table = pq.read_table(path, columns=known, filters=[("source", "=", source)], read_dictionary=list(TEXTS))
    series, error = table["series"].combine_chunks(), table["error"].combine_chunks()
    names = tuple(dict.fromkeys(["", *_words(series), *_words(error)]))
    uncertainty = pc.max(table["uncertainty_ns"]).as_py() or 0
    return Samples(
        scheduled_ns=table["scheduled_ns"].to_numpy(),
        sent_ns=table["sent_ns"].to_numpy(),
        done_ns=table["done_ns"].to_numpy(),
        ok=table["ok"].to_numpy(),
        timed_out=table["timed_out"].to_numpy(),
        skipped=_flags(table, "skipped"),
        status=table["status"].to_numpy(),
        series=_numbers(series, names),
        error=_numbers(error, names),
        value=table["value"].to_numpy(),
        names=names,
        uncertainty_ns=int(uncertainty),
    )


def write_ledger(ledger: Ledger, target: Path) -> None:
    """The ledger as Parquet."""
    columns = {column.name: getattr(ledger, column.name) for column in fields(Ledger)}
    draft = target.with_name(f".{target.name}")
    pq.write_table(pa.table(columns), draft, compression="zstd")
    put_in_place(draft, target)


def read_ledger(path: Path) -> Ledger:
    """The ledger from the pack. Raises OutOfBounds when it would decode to more than a run has."""
    pages.check(path, LEDGER_COLUMNS)
    table = pq.read_table(path, columns=list(LEDGER_COLUMNS))
    return Ledger(**{column.name: table[column.name].to_numpy() for column in fields(Ledger)})


def _table(source: str, samples: Samples) -> pa.Table:
    count = len(samples)
    names = pa.array(list(samples.names), pa.string())
    zeros = np.zeros(count, dtype=np.int32)
    columns = [
        pa.DictionaryArray.from_arrays(zeros, pa.array([source])),
        pa.DictionaryArray.from_arrays(samples.series.astype(np.int32), names),
        pa.DictionaryArray.from_arrays(samples.error.astype(np.int32), names),
        samples.scheduled_ns,
        samples.sent_ns,
        samples.done_ns,
        samples.ok,
        samples.timed_out,
        samples.skipped,
        samples.status,
        samples.value,
        np.full(count, samples.uncertainty_ns, dtype=np.int64),
    ]
    return pa.table(columns, schema=SAMPLE_SCHEMA)


def _flags(table: pa.Table, name: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """A column of flags; none is set in a pack that is older than the column."""
    if name not in table.column_names:
        return np.zeros(len(table), dtype=np.bool_)
    flags: np.ndarray[tuple[int], np.dtype[np.bool_]] = table[name].to_numpy()
    return flags


def _words(column: pa.Array) -> list[str]:
    return [str(word) for word in _dictionary(column).dictionary.to_pylist()]


def _numbers(column: pa.Array, names: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    column = _dictionary(column)
    place = {name: number for number, name in enumerate(names)}
    table = np.array([place[word] for word in column.dictionary.to_pylist()] or [0], dtype=np.uint32)
    numbers: np.ndarray[tuple[int], np.dtype[np.uint32]] = table[column.indices.to_numpy()]
    return numbers


def _dictionary(column: pa.Array) -> pa.DictionaryArray:
    """One dictionary for the whole column, whatever pieces the file was written in."""
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks()
    return column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
