"""Parquet that decodes to far more than its bytes explain is refused before anything of it is decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gameday.evidence import columns, pages
from gameday.evidence.bounds import OutOfBounds
from gameday.evidence.columns import LEDGER_COLUMNS, SAMPLE_COLUMNS, SAMPLE_SCHEMA
from tests.evidence.foreign import ANOTHER, EXAMPLE

LEDGER = pa.schema(
    [
        *((name, pa.int64()) for name in ("sequence", "sent_ns", "done_ns")),
        *(("outcome", pa.uint8()), ("found", pa.uint8()), ("copies", pa.uint16())),
    ]
)


def written(path: Path, rows: int, schema: pa.Schema = LEDGER, **options: Any) -> Path:
    """A file of rows that are all alike, which takes next to nothing."""
    arrays = []
    for field in schema:
        word = pa.types.is_string(field.type) or pa.types.is_dictionary(field.type)
        arrays.append(pa.repeat(pa.scalar("load" if word else 0).cast(field.type), rows))
    pq.write_table(pa.table(arrays, schema=schema), path, **{"compression": "zstd", **options})
    return path


def samples_with(path: Path, **changed: pa.Array) -> Path:
    """Samples of which some columns are others."""
    rows = len(next(iter(changed.values())))
    given = {
        field.name: pa.repeat(pa.scalar("load" if index < 3 else 0).cast(field.type), rows)
        for index, field in enumerate(SAMPLE_SCHEMA)
    }
    pq.write_table(pa.table({**given, **changed}), path, compression="zstd", store_schema=False)
    return path


@pytest.mark.parametrize("pack", [EXAMPLE, ANOTHER])
def test_what_runs_have_written_is_read(pack: Path) -> None:
    pages.check(pack / "samples.parquet", SAMPLE_COLUMNS)
    pages.check(pack / "ledger.parquet", LEDGER_COLUMNS)
    assert len(columns.read_samples(pack / "samples.parquet", "load")) > 1000
    assert len(columns.read_ledger(pack / "ledger.parquet")) > 1000


def test_a_recorder_that_has_seen_nothing_has_columns_without_pages(tmp_path: Path) -> None:
    empty = written(tmp_path / "samples.parquet", 0, SAMPLE_SCHEMA)
    with pq.ParquetWriter(tmp_path / "two.parquet", SAMPLE_SCHEMA) as writer:
        for _ in range(2):
            writer.write_table(pq.read_table(empty))
    for path in (empty, tmp_path / "two.parquet"):
        pages.check(path, SAMPLE_COLUMNS)
        assert len(columns.read_samples(path, "load")) == 0


@pytest.mark.parametrize(
    "options", [{}, {"data_page_version": "2.0"}, {"use_dictionary": False}, {"compression": "none"}]
)
def test_however_it_is_written_the_pages_are_those_of_the_footer(
    options: dict[str, Any], tmp_path: Path
) -> None:
    path = written(tmp_path / "ledger.parquet", 30_000, row_group_size=10_000, **options)
    pages.check(path, LEDGER_COLUMNS)
    footer = pq.read_metadata(path)
    told = 0
    for group in map(footer.row_group, range(3)):
        told += sum(group.column(place).total_uncompressed_size for place in range(6))
    with path.open("rb") as file:
        decoded = sum(pages._decoded(path, file, footer, LEDGER_COLUMNS, path.stat().st_size))
    # the footer counts the headers too
    assert 0 < told - decoded < 100 * 3 * 6 * 2


def test_more_rows_than_the_bytes_explain_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "ledger.parquet", 2_000_000)
    with pytest.raises(OutOfBounds, match="2000000 rows"):
        columns.read_ledger(path)
    pages.check(written(tmp_path / "few.parquet", 900_000), LEDGER_COLUMNS)


def test_one_long_word_in_many_rows_stays_one_word(tmp_path: Path) -> None:
    rows = 100_000
    word = pa.DictionaryArray.from_arrays(np.zeros(rows, dtype=np.int32), pa.array(["x" * 1_000_000]))
    path = samples_with(tmp_path / "samples.parquet", error=word)
    before = pa.total_allocated_bytes()
    read = columns.read_samples(path, "load")
    assert len(read) == rows and pa.total_allocated_bytes() - before < 200_000_000
    assert len(read.names) == 3


def test_words_that_share_their_beginning_are_refused(tmp_path: Path) -> None:
    """Encoded as what they do not share with the one before, a few bytes each."""
    table = pa.table({"error": ["x" * 10_000 + str(number) for number in range(1000)]})
    pq.write_table(table, tmp_path / "x.parquet", use_dictionary=False, column_encoding="DELTA_BYTE_ARRAY")
    with pytest.raises(OutOfBounds, match="of a kind that no run writes"):
        pages.check(tmp_path / "x.parquet", {"error": "BYTE_ARRAY"})


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (pa.array([[1] * 1000] * 100), "is not a plain column"),
        (pa.array([{"a": 1}] * 100), "is not a plain column"),
        (pa.array(["x"] * 100), "is BYTE_ARRAY, not INT64 a row"),
        (pa.array([1.0] * 100), "is DOUBLE, not INT64 a row"),
    ],
)
def test_a_column_of_another_kind_is_refused(column: pa.Array, says: str, tmp_path: Path) -> None:
    path = samples_with(tmp_path / "samples.parquet", sent_ns=column)
    with pytest.raises(OutOfBounds, match=says):
        columns.read_samples(path, "load")


def test_a_further_column_is_not_decoded(tmp_path: Path) -> None:
    path = samples_with(tmp_path / "samples.parquet", more=pa.array([["x" * 1000] * 100] * 100))
    assert len(columns.read_samples(path, "load")) == 100


def test_a_page_that_would_become_more_is_refused_whatever_the_footer_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "ledger.parquet", 3_000, use_dictionary=False, compression="none")
    at = pq.read_metadata(path).row_group(0).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    header, _ = pages.read_header(bytes(data[at:]))
    assert (header[1], header[2], header[5][1]) == (pages.DATA_PAGE, 24_007, 3_000)
    monkeypatch.setattr(pages, "DECODED_AT_LEAST", 500_000)
    monkeypatch.setattr(pages, "DECODED_TIMES", 1)
    pages.check(path, LEDGER_COLUMNS)
    assert data[at + 2 : at + 6] == b"\x15\x8e\xf7\x02"  # 24,007 as a number of Thrift
    data[at + 3 : at + 6] = b"\xfe\xff\x7f"  # 1,048,575
    path.write_bytes(data)
    with pytest.raises(OutOfBounds, match="would decode to far more"):
        pages.check(path, LEDGER_COLUMNS)


def test_pages_that_are_not_where_the_footer_says_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "ledger.parquet", 3_000, use_dictionary=False, compression="none")
    at = pq.read_metadata(path).row_group(0).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    for place, byte in ((at, 0), (at + 8, 0x10), (at + 1, 0x08)):
        spoilt = bytes(data[:place]) + bytes([byte]) + bytes(data[place + 1 :])
        path.write_bytes(spoilt)
        with pytest.raises(OutOfBounds):
            pages.check(path, LEDGER_COLUMNS)


def test_headers_are_read_as_thrift_writes_them() -> None:
    # 1: 0, 2: 2^31 - 1, 3: 5, 5: {1: 3, 2: 0}
    header = b"\x15\x00\x15\xfe\xff\xff\xff\x0f\x15\x0a\x2c\x15\x06\x15\x00\x00\x00"
    assert pages.read_header(header + b"more") == ({1: 0, 2: 2**31 - 1, 3: 5, 5: {1: 3, 2: 0}}, len(header))
    for wrong in (b"", b"\x15", b"\x15\xff" + b"\xff" * 20, b"\x1c" * 40, b"\x19\x00\x00", b"\x18\x7f"):
        with pytest.raises((IndexError, ValueError)):
            pages.read_header(wrong)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"\xff\xff\xff\x7f" + b"PAR1", b"x" * 100])
def test_what_is_no_parquet_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    path.write_bytes(data)
    with pytest.raises(OutOfBounds, match="is no Parquet file"):
        columns.read_samples(path, "load")
