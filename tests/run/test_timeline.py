"""The run clock goes on whoever writes the timeline, whatever somebody does to UTC."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from gameday.chain import first_broken
from gameday.clock import Tie
from gameday.evidence import assemble
from gameday.files import read_lines
from gameday.measure.history import History, from_timeline
from gameday.run.timeline import Timeline
from tests.evidence import example

S = 1_000_000_000
HOUR_NS = 3600 * S
UTC_NS = 1_795_428_902 * S


@dataclass
class Clocks:
    """The two clocks of a host, set by hand."""

    monotonic_ns: int = 5000 * S
    utc_ns: int = UTC_NS

    def pass_by(self, seconds: float, utc_steps_ns: int = 0) -> None:
        self.monotonic_ns += round(seconds * S)
        self.utc_ns += round(seconds * S) + utc_steps_ns

    def read(self) -> Tie:
        return Tie(self.monotonic_ns, self.utc_ns)


def begun(path: Path, clocks: Clocks) -> Timeline:
    """A run that reached its method, and whose runner is gone."""
    timeline = Timeline(path, clocks.read)
    timeline.tie_clocks()
    timeline.add("phase", name="baseline")
    clocks.pass_by(10)
    timeline.add("phase", name="method")
    clocks.pass_by(20)
    timeline.add("step-ended", name="freeze", status="succeeded")
    return timeline


def finish(timeline: Timeline, clocks: Clocks) -> History:
    """What the guardian, or a recovery, adds."""
    timeline.add("phase", name="undo")
    clocks.pass_by(2)
    timeline.tie_clocks()
    return from_timeline(read_lines(timeline.path))


def lengths_s(history: History) -> dict[str, float]:
    return {name: (end - start) / S for name, (start, end) in history.phases.items()}


def after_a_reboot(path: Path, clocks: Clocks, away_s: float, utc_steps_ns: int = 0) -> Timeline:
    timeline = begun(path, clocks)
    path.write_text(path.read_text().replace(timeline.boot, "the boot before"))
    clocks.pass_by(away_s, utc_steps_ns)
    clocks.monotonic_ns = 30 * S
    return Timeline.resumed(path, clocks.read)


@pytest.mark.parametrize("step_ns", [-HOUR_NS, HOUR_NS])
def test_within_a_boot_a_step_of_utc_changes_no_length_and_shows_as_drift(
    tmp_path: Path, step_ns: int
) -> None:
    clocks = Clocks()
    path = begun(tmp_path / "timeline.jsonl", clocks).path
    clocks.pass_by(5, step_ns)
    history = finish(Timeline.resumed(path, clocks.read), clocks)
    assert lengths_s(history) == {"baseline": 10, "method": 25, "undo": 2}
    assert history.started.drift_ns(history.ended) == step_ns


def test_moments_are_told_by_the_first_tie_of_the_run(tmp_path: Path) -> None:
    clocks = Clocks()
    path = begun(tmp_path / "timeline.jsonl", clocks).path
    clocks.pass_by(5, HOUR_NS)
    Timeline.resumed(path, clocks.read).add("phase", name="undo")
    *_, last = read_lines(path)
    assert (last["t_ns"], last["at"]) == (5035 * S, Tie(5000 * S, UTC_NS).utc(5035 * S))


def test_after_a_reboot_utc_says_how_late_it_is_and_the_drift_is_not_known(tmp_path: Path) -> None:
    clocks = Clocks()
    timeline = after_a_reboot(tmp_path / "timeline.jsonl", clocks, away_s=90)
    history = finish(timeline, clocks)
    assert lengths_s(history) == {"baseline": 10, "method": 110, "undo": 2}
    assert history.started.drift_ns(history.ended) is None
    assert history.ended.monotonic_ns == (5030 + 90 + 2) * S


def test_after_a_reboot_a_later_step_of_utc_changes_no_length(tmp_path: Path) -> None:
    clocks = Clocks()
    timeline = after_a_reboot(tmp_path / "timeline.jsonl", clocks, away_s=90)
    clocks.pass_by(1, -HOUR_NS)
    assert lengths_s(finish(timeline, clocks)) == {"baseline": 10, "method": 111, "undo": 2}


def test_after_a_reboot_an_engine_of_this_boot_tells_moments_of_the_run(tmp_path: Path) -> None:
    clocks = Clocks()
    timeline = after_a_reboot(tmp_path / "timeline.jsonl", clocks, away_s=90)
    timeline.add("step-started", t_ns=clocks.monotonic_ns + 3 * S, name="roll back")
    *_, last = read_lines(timeline.path)
    assert last["t_ns"] == (5030 + 90 + 3) * S


def test_after_a_reboot_whose_clock_is_behind_nothing_happens_before_what_has_happened(
    tmp_path: Path,
) -> None:
    clocks = Clocks()
    timeline = after_a_reboot(tmp_path / "timeline.jsonl", clocks, away_s=90, utc_steps_ns=-HOUR_NS)
    assert lengths_s(finish(timeline, clocks)) == {"baseline": 10, "method": 20, "undo": 2}


def test_a_timeline_that_names_no_boot_goes_on_by_utc(tmp_path: Path) -> None:
    clocks = Clocks()
    timeline = begun(tmp_path / "timeline.jsonl", clocks)
    timeline.path.write_text(timeline.path.read_text().replace(f', "boot": "{timeline.boot}"', ""))
    clocks.pass_by(5, HOUR_NS)
    *_, last = _added(Timeline.resumed(timeline.path, clocks.read))
    assert last["t_ns"] == 5035 * S + HOUR_NS


def _added(timeline: Timeline) -> list[dict[str, Any]]:
    timeline.add("aborted", reason="x")
    return list(read_lines(timeline.path))


def test_a_timeline_of_one_clock_reading_has_no_known_drift(tmp_path: Path) -> None:
    history = from_timeline(read_lines(begun(tmp_path / "timeline.jsonl", Clocks()).path))
    assert history.started.drift_ns(history.ended) is None


def test_the_record_of_a_run_that_was_finished_after_a_reboot_says_no_drift(tmp_path: Path) -> None:
    pack = example.failover(tmp_path, slis=False, load=False, ledger=False)
    before, last = pack.timeline.read_text().rsplit('"monotonic_ns"', 1)
    pack.timeline.write_text(f'{before}"boot": "another", "monotonic_ns"{last}')
    assert assemble.assemble(pack).clock["utc_drift_seconds"] is None


def test_what_a_full_disk_did_not_take_is_recorded_once_there_is_room(tmp_path: Path) -> None:
    def is_torn(path: Path, entry: dict[str, Any]) -> None:
        with path.open("ab") as file:
            file.write(b'{"t_ns": 1, "eve')
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "timeline.jsonl"
    timeline = Timeline(path, Clocks().read)
    timeline.add("run")
    with patch("gameday.chain.append_line", is_torn):
        timeline.add("halted", reason="the disk is full")
        timeline.add("phase", name="undo")
    assert timeline.trouble is not None and "No space left" in timeline.trouble
    timeline.add("clock")
    assert [event["event"] for event in read_lines(path)] == ["run", "halted", "phase", "clock"]
    assert first_broken(path.read_bytes()) is None


def test_a_listener_that_fails_changes_nothing_of_what_is_recorded(tmp_path: Path) -> None:
    def fails(entry: dict[str, Any]) -> None:
        raise BrokenPipeError

    heard: list[str] = []
    timeline = Timeline(tmp_path / "timeline.jsonl")
    timeline.listeners += [fails, lambda entry: heard.append(entry["event"])]
    timeline.add("run")
    timeline.add("halted", reason="it was asked to")
    assert [event["event"] for event in read_lines(timeline.path)] == heard == ["run", "halted"]
