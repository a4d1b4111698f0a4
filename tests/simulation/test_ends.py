"""However a run ends, it ends: undone, recorded and sealed as far as that can be done, and told truly."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, TextIO
from unittest.mock import patch

import pytest

from gameday.evidence import columns
from gameday.experiment import lasts
from gameday.run import judge
from gameday.run.runner import Run
from gameday.run.view import View
from tests.simulation import service
from tests.simulation.experiments import EXPERIMENTS, step
from tests.simulation.world import World, world


class Gone(View):
    """A terminal that is no longer there."""

    def __enter__(self) -> View:
        raise OSError("Input/output error")

    def __exit__(self, *_: object) -> None:
        raise BrokenPipeError

    def event(self, entry: dict[str, Any]) -> None:
        raise BrokenPipeError

    def tick(self, now: Any) -> None:
        raise ValueError("I/O operation on closed file")

    def end(self, pack: Any, record: Any, sealed: Any) -> None:
        raise BrokenPipeError


def ends_well(made: World) -> None:
    made.check_the_end()
    assert made.wrong == []


def raises(*_: Any) -> None:
    raise RuntimeError("a defect")


def test_a_view_that_fails_at_everything_changes_nothing_of_the_run() -> None:
    with world("watched") as made:
        made.view = Gone()
        assert made.play().code == 0
        ends_well(made)


@pytest.mark.parametrize("name", ["plain", "limited"])
def test_what_is_owed_is_undone_before_the_rollbacks_are_played(name: str) -> None:
    rollbacks = {**EXPERIMENTS[name], "rollbacks": [step("fail back", "fail_back", "failback")]}
    with patch.dict(EXPERIMENTS, {f"{name} and back": rollbacks}), world(f"{name} and back") as made:
        made.play()
        ends_well(made)
        assert made.pack is not None
        events = made.pack.events()
        back = next(n for n, event in enumerate(events) if event.get("name") == "fail back")
        undone = [n for n, event in enumerate(events) if event["event"] == "undone"]
        assert undone and max(undone) < back


@pytest.mark.parametrize("point", ["engine: break a", "engine: broke a", "runner: tick", "undoing: undo a"])
def test_a_folder_that_is_renamed_in_mid_run_is_found_again(point: str) -> None:
    with world("plain") as made:
        made.when(point, "rename")
        runner = made.play()
        assert made.pack is not None and made.pack.folder.name.endswith("-moved")
        record = made.record()
        assert record is not None and (runner.code, record.verdict) == (3, "halted")
        ends_well(made)


@pytest.mark.parametrize("point", ["engine: break a", "engine: broke a", "undoing: undo a"])
def test_what_a_deleted_folder_owed_is_undone_all_the_same(point: str) -> None:
    with world("plain") as made:
        made.when(point, "delete")
        runner = made.play()
        assert (runner.code, made.pack, service.here.broken) == (5, None, {})
        made.check_processes()
        assert made.wrong == []


def test_a_report_that_cannot_be_made_costs_the_report_alone() -> None:
    with world("plain") as made, patch.object(judge.report, "write", raises):
        assert made.play().code == 0
        assert made.pack is not None and not made.pack.report.exists()
        assert "a defect" in (made.pack.logs / "gameday.log").read_text()
        ends_well(made)


def test_samples_that_parquet_cannot_hold_are_kept_and_measured_as_they_are() -> None:
    with world("watched") as made, patch.object(columns, "write_samples", raises):
        assert made.play().code == 0
        assert made.pack is not None and any(made.pack.raw.glob("*.samples"))
        ends_well(made)


def test_a_run_that_cannot_be_measured_is_undone_and_kept_for_a_recovery() -> None:
    with world("plain") as made:
        with patch.object(judge.assemble, "assemble", raises):
            assert made.play().code == 5
        assert (made.record(), service.here.broken) == (None, {})
        made.recover()
        ends_well(made)


def test_a_signature_that_fails_leaves_the_hashes() -> None:
    def fails(pack: Any, record: Any, sealing: Any) -> Any:
        return raises() if sealing is not judge.HASHES_ALONE else seal(pack, record, sealing)

    seal = judge.seal
    with world("plain") as made, patch.object(judge, "seal", fails):
        assert made.play().code == 0
        ends_well(made)


def test_a_defect_where_everything_is_put_back_ends_with_5_and_the_guardian_goes_on() -> None:
    with world("plain") as made:
        with patch.object(Run, "put_back", raises):
            assert made.play().code == 5
        assert service.here.broken == {}
        ends_well(made)


def test_a_run_whose_file_sets_no_limit_has_one() -> None:
    unlimited = {key: value for key, value in EXPERIMENTS["limited"].items() if key != "max-duration"}
    experiments = {"unlimited": unlimited}
    with (
        patch.dict(EXPERIMENTS, experiments),
        patch.object(lasts, "SPARE_S", 2.0),
        world("unlimited") as made,
    ):
        assert made.play().code == 3
        ends_well(made)


def test_an_error_with_half_a_character_costs_nothing() -> None:
    odd = {**EXPERIMENTS["plain"], "rollbacks": [step("odd", "raise_oddly")]}
    with patch.dict(EXPERIMENTS, {"odd": odd}), world("odd") as made:
        made.harden({"a": ["raises oddly"] * 40})
        assert made.play().code == 5
        record = made.record()
        assert record is not None
        assert any("�" in (step.error or "") for step in record.steps)
        assert any("�" in undo.detail for undo in record.undo)
        made.heal()
        made.recover()
        ends_well(made)


def test_what_is_printed_after_the_seal_changes_nothing_that_is_sealed() -> None:
    with ExitStack() as stack, world("plain") as made:

        def print_on(pack: Any) -> None:
            (pack.logs / ".engine.log").write_text("half a copy, of somebody who was killed")
            still_open.append(stack.enter_context((pack.logs / "engine.log").open("w")))
            print("before", file=still_open[0], flush=True)

        still_open: list[TextIO] = []
        with patch.object(judge.report, "write", print_on):
            assert made.play().code == 0
        print("after", file=still_open[0], flush=True)
        assert made.pack is not None
        assert [path.read_text() for path in made.pack.logs.iterdir()] == ["before\n"]
        ends_well(made)
