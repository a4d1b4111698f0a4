"""Raw files read in pieces are what they are when they are read whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gameday.measure.pieces import in_pieces
from gameday.measure.samples import COLUMNS, LOST, ROW_TYPE, Samples, merge, read


def written(folder: Path, name: str, *due: int, named: str = "a", offset_ns: int = 0) -> Path:
    """A file of rows that are due then, in this order; the last named number has lost its name."""
    rows = np.zeros(len(due), dtype=ROW_TYPE)
    rows["scheduled_ns"], rows["done_ns"], rows["status"] = due, range(len(due)), range(len(due))
    rows["series"], rows["error"] = 1, 2
    rows.tofile(folder / f"{name}.samples")
    with (folder / f"{name}.samples").open("ab") as file:
        file.write(b"torn")
    (folder / f"{name}.names").write_text(json.dumps({"number": 1, "name": named}) + "\n")
    clock = {"offset_ns": offset_ns, "uncertainty_ns": abs(offset_ns)}
    (folder / f"{name}.clock").write_text(json.dumps(clock))
    return folder / name


def same(whole: Samples, pieces: list[Samples]) -> None:
    assert {piece.names for piece in pieces} == {whole.names}
    assert {piece.uncertainty_ns for piece in pieces} == {whole.uncertainty_ns}
    for name in COLUMNS:
        found = np.concatenate([getattr(piece, name) for piece in pieces])
        np.testing.assert_array_equal(found, getattr(whole, name), strict=True)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 100])
def test_in_pieces_it_is_what_it_is_as_a_whole(rows: int, tmp_path: Path) -> None:
    chance = np.random.default_rng(rows)
    stems = [
        written(tmp_path, "load.1", *chance.integers(0, 9, 11).tolist()),
        written(tmp_path, "load.2", *range(7), named="b", offset_ns=3),
        written(tmp_path, "load.3", named="c"),
    ]
    for chosen in (stems, stems[:1], stems[1:2], stems[1:], stems[2:]):
        whole = merge([read(stem) for stem in chosen])
        pieces = list(in_pieces(chosen, rows))
        same(whole, pieces)
        assert [len(piece) for piece in pieces[:-1]] == [rows] * (len(pieces) - 1)
    assert (LOST in whole.names, len(whole)) == (False, 0)


def test_without_rows_there_is_one_piece_without_any(tmp_path: Path) -> None:
    (piece,) = in_pieces([written(tmp_path, "probe-a")])
    assert (len(piece), piece.names) == (0, ("", "a"))


def test_rows_of_one_moment_keep_their_order_over_the_edge_of_a_piece(tmp_path: Path) -> None:
    stems = [written(tmp_path, "load.1", 5, 5, 5, 1), written(tmp_path, "load.2", 5, 1)]
    found = [status for piece in in_pieces(stems, 2) for status in piece.status.tolist()]
    assert found == [3, 1, 0, 1, 2, 0]
