"""Samples come back from Parquet as they were, whatever the pieces in which they are written and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gameday.evidence import columns
from gameday.evidence.bounds import OutOfBounds
from gameday.evidence.column import Column
from gameday.measure.samples import COLUMNS, Samples, read_all
from gameday.samples import SampleWriter

WORDS = ("", "GET /", "POST /orders", "timeout", "refused")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two sources of rows that differ in every column; one whose rows are alike."""
    (tmp_path / "raw").mkdir()
    chance = np.random.default_rng(7)
    for name in ("load.1", "load.2", "probe-a", "probe-b"):
        writer = SampleWriter(tmp_path / "raw", name)
        for due_ns in range(50):
            word = WORDS[0 if name == "probe-b" else int(chance.integers(len(WORDS)))]
            ok = name == "probe-b" or bool(chance.integers(2))
            sent_ns = due_ns * 10 + int(chance.integers(30))
            value = float("nan") if name == "probe-b" else float(chance.integers(3))
            kind = {"series": word, "error": word[::-1], "ok": ok, "value": value}
            skipped = name != "probe-b" and bool(chance.integers(2))
            writer.write(sent_ns, sent_ns + 1, sent_ns + 5, status=len(word), skipped=skipped, **kind)  # type: ignore[arg-type]
        writer.close()
    return tmp_path / "raw"


def said(samples: Samples) -> list[list[object]]:
    """Every column, names in the place of their numbers."""
    told = [getattr(samples, name).tolist() for name in COLUMNS if name not in ("series", "error", "value")]
    names = [[samples.names[number] for number in column] for column in (samples.series, samples.error)]
    return [*told, *names, [repr(value) for value in samples.value.tolist()], [samples.uncertainty_ns]]


@pytest.mark.parametrize(("piece", "batch"), [(1 << 20, 1 << 17), (7, 3), (3, 7), (64, 1)])
def test_what_is_read_is_what_was_recorded(
    piece: int, batch: int, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = columns.in_pieces
    monkeypatch.setattr(columns, "in_pieces", lambda stems: pieces(stems, piece))
    monkeypatch.setattr(columns, "BATCH_ROWS", batch)
    columns.write_samples(raw, tmp_path / "x.parquet")
    for source in ("load", "probe-a", "probe-b"):
        found = columns.read_samples(tmp_path / "x.parquet", source)
        assert said(found) == said(read_all(raw, source))
        kinds = {name: getattr(found, name).dtype for name in COLUMNS}
        assert kinds == {name: getattr(Samples.none(), name).dtype for name in COLUMNS}
    assert len(columns.read_samples(tmp_path / "x.parquet", "nobody")) == 0


def test_sources_that_share_a_group_are_told_apart(raw: Path, tmp_path: Path) -> None:
    """Another tool may have written the rows in any order."""
    columns.write_samples(raw, tmp_path / "x.parquet")
    table = pq.read_table(tmp_path / "x.parquet").sort_by("scheduled_ns")
    pq.write_table(table, tmp_path / "y.parquet", row_group_size=37)
    for source in ("load", "probe-a"):
        found = columns.read_samples(tmp_path / "y.parquet", source)
        assert sorted(zip(*said(found)[:-1], strict=True)) == sorted(
            zip(*said(read_all(raw, source))[:-1], strict=True)
        )


@pytest.mark.parametrize("name", ["source", "error", "sent_ns", "ok", "value"])
def test_a_row_without_a_value_is_refused(name: str, raw: Path, tmp_path: Path) -> None:
    columns.write_samples(raw, tmp_path / "x.parquet")
    table = pq.read_table(tmp_path / "x.parquet")
    values = table[name].to_pylist()[:-1]
    at = table.column_names.index(name)
    table = table.set_column(at, name, pa.array([*values, None], table.schema.field(name).type))
    pq.write_table(table, tmp_path / "y.parquet")
    with pytest.raises(OutOfBounds, match=f"{name} has no value in 1 rows"):
        columns.read_samples(tmp_path / "y.parquet", "probe-b")


def test_a_column_of_one_value_takes_no_room() -> None:
    column = Column(1_000_000, np.float64)
    for _ in range(2):
        column.add(np.full(500_000, np.nan))
    assert column.whole().strides == (0,) and np.isnan(column.whole()).all()
    with pytest.raises(ValueError, match="more than the 1000000"):
        column.add(np.array([np.nan]))


@pytest.mark.parametrize("values", [[1, 1, 2, 2], [2, 1, 1, 1], [1, 1, 1, 2], [0, 1, 0, 0], [1, 2, 1, 2]])
def test_a_column_holds_what_it_was_given(values: list[int]) -> None:
    for cut in range(5):
        column = Column(4, np.uint16)
        for part in (values[:cut], values[cut:]):
            column.add(np.array(part, dtype=np.int64))
        assert (column.whole().tolist(), column.whole().dtype) == (values, np.uint16)
    assert Column(0, np.uint16).whole().tolist() == []


def test_zeros_of_both_signs_are_not_one_value() -> None:
    column = Column(2, np.float64)
    column.add(np.array([0.0, -0.0]))
    assert np.signbit(column.whole()).tolist() == [False, True]
