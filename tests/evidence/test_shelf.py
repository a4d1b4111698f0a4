"""Where a run lies, and what it is called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gameday.errors import GamedayError
from gameday.evidence.shelf import create, find, packs

RUN_ID = r"\d{8}T\d{6}Z-the-orders-database-dies-[0-9a-f]{6}"


def test_runs_of_one_second_have_ids_of_their_own_also_in_other_folders(tmp_path: Path) -> None:
    made = [create(tmp_path / results, "The orders database dies") for results in "abab"]
    ids = [pack.run_id for pack in made]
    assert len(set(ids)) == 4
    assert all(re.fullmatch(RUN_ID, run_id) for run_id in ids), ids


def test_runs_sort_by_time_whatever_they_end_with(tmp_path: Path) -> None:
    for name in ("20261123T101503Z-a-000000", "20261123T101502Z-z-ffffff"):
        (tmp_path / name).mkdir()
    assert [pack.run_id[:16] for pack in packs(tmp_path)] == ["20261123T101502Z", "20261123T101503Z"]
    assert find(tmp_path, "latest").run_id == "20261123T101503Z-a-000000"


def test_a_run_without_an_end_of_its_own_is_still_found(tmp_path: Path) -> None:
    (tmp_path / "20261123T101502Z-the-orders-database-dies").mkdir()
    assert find(tmp_path, "20261123T10").folder.name == "20261123T101502Z-the-orders-database-dies"


def test_a_long_title_makes_an_id_of_64_characters(tmp_path: Path) -> None:
    assert len(create(tmp_path, "x" * 300).run_id) == 64


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    with pytest.raises(GamedayError, match="cannot write under"):
        create(tmp_path / "results", "x")
