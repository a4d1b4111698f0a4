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
