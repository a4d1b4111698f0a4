"""What the simulation has found, each by itself: a run, where something befalls it, what must hold."""

from __future__ import annotations

import pytest

from tests.simulation.world import World, world


def seen(
    name: str,
    *mishaps: tuple[str, str],
    then: tuple[tuple[str, str], ...] = (),
    stubborn: dict[str, list[str]] | None = None,
) -> str:
    """The verdict on a run that something befalls, each at a point named by its process and what it does.

    then: what befalls a recovery. stubborn: what becomes of the first undos on a part.
    """
    with world(name) as made:
        made.harden(stubborn or {})
        for place, what in mishaps:
            made.when(place, what)
        made.check_the_run(made.play())
        made.heal()
        for place, what in then:
            made.when(place, what)
            made.recover()
        made.recover()
        made.check_the_end()
        assert made.wrong == []
        assert made.machine.when == [], "it did not come to that"
        return word(made)


def word(made: World) -> str:
    """The verdict."""
    record = made.record()
    return "none" if record is None else record.verdict


def test_a_run_that_lost_everybody_between_its_record_and_its_seal_is_finished() -> None:
    assert seen("plain", ("runner: fsync .manifest.json", "kill runner and guardian")) == "aborted"


def test_what_was_half_written_is_not_sealed_with_the_rest() -> None:
    seen("plain", ("runner: fsync .seal.json", "kill runner and guardian"))


def test_a_recovery_killed_after_its_record_leaves_no_seal_of_the_old_one() -> None:
    stubborn = {"a": ["raises"] * 8}
    cut = ("recover: fsync .manifest.json", "kill recover")
    assert seen("declared", then=(cut,), stubborn=stubborn) == "aborted"


def test_a_run_that_has_come_to_its_end_is_left_as_it_is() -> None:
    with world("plain") as made:
        made.when("runner: releases the guardian", "kill runner")
        made.play()
        assert made.pack is not None
        files = made.pack.digests()
        made.recover(made.pack)
        assert (word(made), made.pack.digests()) == ("passed", files)
        made.check_the_end()
        assert made.wrong == []


def test_a_run_that_cannot_be_described_does_not_begin() -> None:
    with world("plain") as made:
        made.when("runner: fsync .plan.json", "disk full for good")
        runner = made.play()
        made.check_the_run(runner)
        assert (runner.code, [each.name for each in made.machine.processes]) == (2, ["runner"])
        assert made.wrong == []


@pytest.mark.parametrize("place", ["runner: starts guardian", "runner: starts engine"])
def test_a_run_of_which_the_disk_took_next_to_nothing_is_recorded_once_it_takes_more(place: str) -> None:
    assert seen("plain", (place, "disk full for good")) == "aborted"


def test_an_undo_that_outlived_its_runner_does_not_undo_again_what_the_guardian_has_undone() -> None:
    cut = ("undoing: undo a", "kill runner")
    assert seen("plain", cut, stubborn={"a": ["hangs"]}) == "aborted"
