"""A run that keeps its undo log and its claim elsewhere: runner, guardian and recovery are no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gameday.faults.logbook import opened
from gameday.run.claim import Claimed
from tests.contracts.others import Lease, offered
from tests.simulation import service
from tests.simulation.service import here
from tests.simulation.test_runs import VERDICTS
from tests.simulation.world import World, world


@contextmanager
def elsewhere(name: str, seed: int = 0) -> Iterator[World]:
    """A machine whose runs keep nothing but their evidence on it."""
    with offered(), world(name, seed) as made:
        kept = made.results.parent / "elsewhere"
        made.books, made.claims = f"objects:{kept}/books", f"lease:{kept}/claims"
        yield made


def ends_well(made: World) -> None:
    made.check_the_end()
    assert made.wrong == []


@pytest.mark.parametrize("name", ["plain", "whole", "declared", "halting"])
def test_a_run_that_nothing_befalls_ends_as_it_should(name: str) -> None:
    with elsewhere(name) as made:
        runner = made.play()
        made.check_the_run(runner)
        record = made.record()
        assert record is not None and (runner.code, record.verdict) == VERDICTS[name], record
        ends_well(made)
        assert made.pack is not None and record.undo
        lines = opened(f"{made.books}/{made.pack.run_id}").lines()
        assert made.pack.undo_log.read_bytes() == b"".join(line + b"\n" for line in lines)


@pytest.mark.parametrize("what", ["kill runner", "kill runner and guardian", "power cut", "SIGINT"])
def test_a_run_that_is_cut_off_is_made_good(what: str) -> None:
    for point in range(20, 180, 23):
        with elsewhere("plain") as made:
            made.at(point, what)
            made.check_the_run(made.play())
            made.recover()
            ends_well(made)


@pytest.mark.parametrize(("name", "what"), [("plain", "kill runner"), ("slow", "SIGINT")])
def test_a_claim_that_runs_out_is_kept_by_whoever_works_on_the_run(
    monkeypatch: pytest.MonkeyPatch, name: str, what: str
) -> None:
    monkeypatch.setattr(Lease, "lasts_s", 10.0)  # and an undo that hangs lasts for 30
    monkeypatch.setattr(service, "HOME_WITHIN_S", 15.0)
    refused: list[str] = []

    with elsewhere(name) as made:
        made.harden({"a": ["hangs"] * 2})
        made.when("undoing: undo", what)
        takes = here.takes

        def takes_and_somebody_tries(what: str, seconds: float) -> None:
            takes(what, seconds)
            if here.broken and made.claims is not None:
                (kept,) = (made.results.parent / "elsewhere" / "claims").iterdir()
                with pytest.raises(Claimed):
                    Lease(made.claims, kept.name).take()
                refused.append(what)

        here.takes = takes_and_somebody_tries
        made.play()
        assert "undo a" in refused and here.broken == {}
        ends_well(made)


@pytest.mark.parametrize("kept", ["elsewhere/claims", "state/gameday/claims"])
def test_a_claim_that_is_lost_halts_the_run_and_everything_is_undone(kept: str) -> None:
    with elsewhere("plain") as made:
        made.claims = made.claims if kept.startswith("elsewhere") else None

        def lose() -> None:
            for path in (made.results.parent / kept).iterdir():
                path.unlink()

        made.machine.when.append(("engine: broke a", lose))
        runner = made.play()
        record = made.record()
        assert record is not None and (runner.code, record.verdict) == (3, "halted"), record
        assert any("the claim on" in reason for reason in record.reasons)
        assert [what for what, arguments in here.acts if arguments["part"] != "a"] == []
        ends_well(made)
