"""Recorded rows as columns: what was written is what is read, in the order of the schedule."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from gameday.measure.samples import (
    LOST,
    ROW_TYPE,
    Samples,
    from_rows,
    merge,
    read,
    read_all,
    read_clock,
    read_names,
)
from gameday.samples import SampleWriter
from tests.measure.histories import MS, at, samples


def written(folder: Path, name: str, *due: int, series: str = "GET /") -> Path:
    writer = SampleWriter(folder, name)
    for at_ns in due:
        writer.write(
            at_ns, at_ns + 1, at_ns + 2, series=series, ok=at_ns % 2 == 0, status=200, error="", value=0.5
        )
    writer.close()
    return folder / name


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    writer = SampleWriter(tmp_path, "probe")
    writer.write(10, 11, 12, series="GET /", ok=True, status=200)
    writer.write(20, 21, 29, series="POST /", ok=False, timed_out=True, error="timeout", value=1.5)
    writer.close()
    found = read(tmp_path / "probe")
    assert (found.scheduled_ns.tolist(), found.sent_ns.tolist(), found.done_ns.tolist()) == (
        [10, 20],
        [11, 21],
        [12, 29],
    )
    assert (found.ok.tolist(), found.timed_out.tolist()) == ([True, False], [False, True])
    assert found.skipped.tolist() == [False, False]
    assert [found.names[number] for number in found.series] == ["GET /", "POST /"]
    assert [found.names[number] for number in found.error] == ["", "timeout"]
    assert found.status.tolist() == [200, 0] and math.isnan(found.value[0]) and found.value[1] == 1.5
    assert (len(found), found.latency_ns.tolist()) == (2, [2, 9])


def test_a_flag_says_what_was_not_sent() -> None:
    assert samples("+ST-").skipped.tolist() == [False, True, False, False]


def test_a_torn_last_row_is_left_out(tmp_path: Path) -> None:
    stem = written(tmp_path, "probe", 2, 4)
    with stem.with_name("probe.samples").open("ab") as file:
        file.write(b"\x01" * 39)
    assert read(stem).scheduled_ns.tolist() == [2, 4]


def test_rows_are_put_in_the_order_of_their_schedule(tmp_path: Path) -> None:
    found = read(written(tmp_path, "probe", 6, 2, 4))
    assert (found.scheduled_ns.tolist(), found.done_ns.tolist()) == ([2, 4, 6], [4, 6, 8])


def test_rows_of_one_moment_keep_the_order_in_which_they_were_written() -> None:
    rows = np.zeros(100, dtype=ROW_TYPE)  # few would be kept in order by any way to sort
    rows["scheduled_ns"], rows["status"] = [5, 1] * 50, range(100)
    in_order = [*range(1, 100, 2), *range(0, 100, 2)]
    assert from_rows(rows).status.tolist() == in_order
    assert from_rows(rows[:2]).status.tolist() == [1, 0]
    parts = [from_rows(rows[:70]), from_rows(rows[70:])]
    assert merge(parts).status.tolist() == in_order


def test_a_measured_clock_moves_the_times_onto_the_run_clock(tmp_path: Path) -> None:
    stem = written(tmp_path, "load", 10)
    stem.with_name("load.clock").write_text(json.dumps({"offset_ns": 100, "uncertainty_ns": 7}))
    found = read(stem)
    assert (found.scheduled_ns[0], found.sent_ns[0], found.done_ns[0]) == (110, 111, 112)
    assert found.uncertainty_ns == 7


def test_without_a_clock_file_it_is_the_clock_of_this_host(tmp_path: Path) -> None:
    stem = written(tmp_path, "load", 10)
    assert (read_clock(stem), read(stem).uncertainty_ns) == ({}, 0)


def test_names_have_numbers_and_torn_lines_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "load.names").write_text('{"number": 2, "name": "b"}\n{"number": 1, "na')
    assert read_names(tmp_path / "load") == ("", "", "b")
    assert read_names(tmp_path / "nobody") == ("",)
    (tmp_path / "load.names").write_text('{"number": 2, "na\n{"number": 1, "name": "a"}\n')
    assert read_names(tmp_path / "load") == ("", "a")


def test_a_name_that_a_power_cut_took_is_told_as_lost(tmp_path: Path) -> None:
    rows = np.zeros(1, dtype=ROW_TYPE)
    (tmp_path / "load.names").write_text('{"number": 1, "name": "GET /"}\n')
    for series, error, lost in ((3, 1, 2), (1, 2, 1), (1, 0, 0)):
        rows["series"], rows["error"] = series, error
        (tmp_path / "load.samples").write_bytes(rows.tobytes())
        assert read(tmp_path / "load").names == ("", "GET /", *[LOST] * lost)


def test_a_file_without_rows_has_no_samples(tmp_path: Path) -> None:
    (tmp_path / "load.samples").touch()
    found = read(tmp_path / "load")
    assert (len(found), found.names) == (0, ("",))


def test_every_file_of_a_source_is_read_and_no_other(tmp_path: Path) -> None:
    written(tmp_path, "load.12", 4, 8)
    written(tmp_path, "load.7", 6)
    written(tmp_path, "loader", 2)
    assert read_all(tmp_path, "load").scheduled_ns.tolist() == [4, 6, 8]
    assert len(read_all(tmp_path, "ledger")) == 0


def test_several_files_have_one_set_of_names(tmp_path: Path) -> None:
    parts = [
        read(written(tmp_path, "load.1", 4, series="a")),
        read(written(tmp_path, "load.2", 2, series="b")),
    ]
    merged = merge(parts)
    assert [merged.names[number] for number in merged.series] == ["b", "a"]
    assert merged.names == ("", "a", "b")
    assert (merged.series.dtype, merged.error.dtype) == (np.uint32, np.uint32)
    parts = [replace(samples("-"), error=np.array([1], dtype=np.uint32), names=("", of)) for of in "ab"]
    assert merge(parts).error.tolist() == [1, 2]


def test_the_widest_uncertainty_counts() -> None:
    one, other = replace(samples("+"), uncertainty_ns=3), replace(samples("+"), uncertainty_ns=9)
    assert merge([one, other]).uncertainty_ns == 9
    assert merge([one]) is one


def test_a_series_is_chosen_by_its_name() -> None:
    both = replace(samples("+-+"), series=np.array([1, 2, 1], dtype=np.uint32), names=("", "a", "b"))
    assert both.named("a").scheduled_ns.tolist() == [at(0), at(0.2)]
    assert len(both.named("c")) == 0


def test_no_samples_have_no_length() -> None:
    assert len(Samples.none()) == 0 and Samples.none().names == ("",)


def test_latency_counts_from_the_schedule() -> None:
    assert samples("+", delays_ms={0: 5}).latency_ns.tolist() == [7 * MS]
