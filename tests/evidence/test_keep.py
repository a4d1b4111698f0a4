"""What a run leaves of its recorders' files, whenever its judge is killed."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from gameday.evidence import columns, keep
from gameday.evidence.pack import Pack
from gameday.samples import SampleWriter


def test_samples_half_removed_are_not_taken_for_all_of_them(tmp_path: Path) -> None:
    pack = Pack(tmp_path)
    pack.raw.mkdir()
    for name in ("load", "probe-health"):
        recorder = SampleWriter(pack.raw, name)
        recorder.write(1, 2, 3, series="GET /", ok=True)
        recorder.close()

    def killed_halfway(folder: Path) -> None:
        (folder / "load.samples").unlink()
        raise SystemExit

    with patch("gameday.evidence.keep.shutil.rmtree", killed_halfway), pytest.raises(SystemExit):
        keep.samples(pack)
    keep.samples(pack)
    for name in ("load", "probe-health"):
        assert list(columns.read_samples(pack.samples, name).done_ns) == [3]
    assert [path.name for path in tmp_path.iterdir()] == ["samples.parquet"]


def test_samples_are_kept_when_a_power_cut_took_their_names(tmp_path: Path) -> None:
    pack = Pack(tmp_path)
    pack.raw.mkdir()
    recorder = SampleWriter(pack.raw, "load")
    for number in range(3):
        recorder.write(number, number, number, series=f"GET /{number}", ok=False, error=f"error {number}")
    recorder.close()
    names = pack.raw / "load.names"
    names.write_bytes(b"".join(names.read_bytes().splitlines(keepends=True)[:2]))
    keep.samples(pack)
    kept = columns.read_samples(pack.samples, "load")
    assert [kept.names[number] for number in kept.series] == ["GET /0", "(lost)", "(lost)"]
    assert [kept.names[number] for number in kept.error] == ["error 0", "(lost)", "(lost)"]


def test_a_kill_switch_does_not_outlive_its_run_and_nor_does_a_draft(tmp_path: Path) -> None:
    for name in (".halt", ".record.json.123", ".lock", "record.json"):
        (tmp_path / name).write_text("x")
    keep.sweep(Pack(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "record.json"]
