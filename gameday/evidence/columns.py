"""Samples and the ledger as Parquet: one row a sample, readable by any data tool.

samples.parquet: source, series, error (text), scheduled_ns, sent_ns, done_ns (the run clock), ok,
timed_out, skipped, status, value, uncertainty_ns.
ledger.parquet: sequence, sent_ns, done_ns, outcome, found, copies.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from gameday.evidence import pages
from gameday.evidence.bounds import OutOfBounds
from gameday.evidence.column import Column
from gameday.files import put_in_place
from gameday.measure.loss import Ledger
from gameday.measure.pieces import in_pieces
from gameday.measure.samples import Flags, Samples

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

# what of a sample becomes an array, and what it is made of
SAMPLE_TYPES = {
    **dict.fromkeys(("scheduled_ns", "sent_ns", "done_ns", "uncertainty_ns"), np.int64),
    **dict.fromkeys(("ok", "timed_out", "skipped"), np.bool_),
    "status": np.uint16,
    "series": np.uint32,
    "error": np.uint32,
    "value": np.float64,
}
# few enough to stay in a processor's cache
BATCH_ROWS = 1 << 17
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
    """Turn the recorders' files under `raw` into one Parquet file, a source at a time, in pieces of that."""
    sources: dict[str, list[Path]] = {}
    for path in sorted(raw.glob("*.samples")):
        sources.setdefault(path.name.split(".")[0], []).append(path.with_suffix(""))
    draft = target.with_name(f".{target.name}")
    with pq.ParquetWriter(draft, SAMPLE_SCHEMA, compression="zstd") as writer:
        for source, stems in sources.items():
            for piece in in_pieces(stems):
                writer.write_table(_table(source, piece))
    put_in_place(draft, target)


def read_samples(path: Path, source: str) -> Samples:
    """The samples of one source, such as `load` or `probe-heartbeat`, from the pack.

    Read some rows at a time into the arrays that are returned, which may not be written to: a column that
    holds one value takes no room. Raises OutOfBounds when the file would decode to more than a run has.
    """
    pages.check(path, SAMPLE_COLUMNS)
    # as numbers of words, whatever the file asks for: one long word in a million rows stays one word
    with pq.ParquetFile(path, read_dictionary=list(TEXTS)) as file:
        known = [name for name in SAMPLE_COLUMNS if name in file.schema_arrow.names]
        counts = [_rows_of(file, group, source) for group in range(file.num_row_groups)]
        columns = {name: Column(sum(counts), kind) for name, kind in SAMPLE_TYPES.items()}
        words = {"": 0}
        for group in np.flatnonzero(counts).tolist():
            for batch in file.iter_batches(BATCH_ROWS, [group], known):
                _take(batch, source, columns, words)
    uncertainty_ns = columns.pop("uncertainty_ns").whole()
    return Samples(
        **{name: column.whole() for name, column in columns.items()},
        names=tuple(words),
        uncertainty_ns=int(uncertainty_ns.max(initial=0)),
    )


def _rows_of(file: pq.ParquetFile, group: int, source: str) -> int:
    """How many rows of a group are of a source; what the footer says of it is not believed."""
    batches = file.iter_batches(BATCH_ROWS, [group], ["source"])
    return sum(int(np.count_nonzero(_is_of(batch, source))) for batch in batches)


def _take(batch: pa.RecordBatch, source: str, columns: dict[str, Column], words: dict[str, int]) -> None:
    """Add the rows of a source to the columns, and the words in them to the words."""
    is_asked = _is_of(batch, source)
    chosen = slice(None) if is_asked.all() else is_asked
    for name, column in columns.items():
        if name in TEXTS:
            column.add(_numbers(_plain(batch, name), words)[chosen])
        elif name in batch.schema.names:
            column.add(_plain(batch, name).to_numpy(zero_copy_only=False)[chosen])
        else:  # no sample has it in a pack that is older than the column
            column.add(np.zeros(np.count_nonzero(is_asked), dtype=column.kind))


def _is_of(batch: pa.RecordBatch, source: str) -> Flags:
    column = _plain(batch, "source")
    is_word = np.array([word == source for word in column.dictionary.to_pylist()] or [False])
    asked: Flags = is_word[column.indices.to_numpy()]
    return asked


def _plain(batch: pa.RecordBatch, name: str) -> Any:
    """A column of a batch. Raises OutOfBounds when a row has nothing there."""
    column = batch.column(name)
    if column.null_count:
        raise OutOfBounds(f"{name} has no value in {column.null_count} rows")
    return column


def _numbers(column: pa.DictionaryArray, words: dict[str, int]) -> npt.NDArray[np.uint32]:
    """A column of texts as numbers of `words`, which learns those that are new."""
    table = [words.setdefault(word, len(words)) for word in column.dictionary.to_pylist()]
    numbers: npt.NDArray[np.uint32] = np.array(table or [0], dtype=np.uint32)[column.indices.to_numpy()]
    return numbers


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
