"""What every claim keeps, whoever keeps it: one drill at a time, and nobody breaks anything without it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gameday.errors import GamedayError
from gameday.run import claim as claims
from gameday.run.claim import Claim, Claimed, LockClaim, Renewal, Unclaimed, claim_on, held, taken_over
from tests.contracts.others import Lease, offered

NS_PER_S = 1_000_000_000
SINCE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.fixture(params=["lock", "lease"])
def on(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Claim]]:
    """Makes a claim on a service."""
    with offered():
        if request.param == "lock":
            yield LockClaim.on
        else:
            yield lambda what: Lease(f"lease:{tmp_path}", what)


def test_one_at_a_time_has_it_and_the_next_one_is_told_who_and_since_when(on: Callable[[str], Claim]) -> None:
    first = on("service 'orders'")
    first.take()
    first.sign("results/20261124-orders")
    with pytest.raises(Claimed) as refused:
        on("service 'ORDERS'").take()
    assert "results/20261124-orders" in refused.value.by and SINCE.fullmatch(refused.value.since)
    assert f"is under way: {refused.value.by}, since {refused.value.since}; wait" in str(refused.value)
    on("service 'stock'").take()


def test_one_that_has_only_just_been_taken_is_not_said_to_be_another_runs(on: Callable[[str], Claim]) -> None:
    before = on("orders")
    before.take()
    before.sign("an-old-run")
    before.let_go()
    now = on("orders")
    now.take()
    with pytest.raises(Claimed) as refused:
        on("orders").take()
    assert "an-old-run" not in str(refused.value)


def test_once_it_is_let_go_it_can_be_taken(on: Callable[[str], Claim]) -> None:
    first, second = on("orders"), on("orders")
    first.take()
    first.let_go()
    second.take()
    first.let_go()  # of what it does not hold any more
    second.renew()


def test_it_is_renewed_for_as_long_as_it_is_held(on: Callable[[str], Claim]) -> None:
    claim = on("orders")
    claim.take()
    claim.sign("run")
    for _ in range(3):
        claim.renew()
    with pytest.raises(Claimed, match="run"):
        on("orders").take()


def lose(claim: Any) -> None:
    """Somebody removes what keeps it, and another drill takes it."""
    path = claim.lock.path if isinstance(claim, LockClaim) else claim.path
    path.rename(path.with_name("moved"))
    other = type(claim).on(claim.what) if isinstance(claim, LockClaim) else Lease(claim.where, claim.what)
    other.take()


def test_one_that_is_lost_says_so(on: Callable[[str], Claim]) -> None:
    claim = on("orders")
    claim.take()
    lose(claim)
    with pytest.raises(Unclaimed, match="the claim on orders is lost"):
        claim.renew()


def test_another_process_of_the_run_holds_it_too(on: Callable[[str], Claim]) -> None:
    claim = on("orders")
    claim.take()
    other = held(json.loads(json.dumps(claim.shared())))
    other.renew()
    lose(claim)
    with pytest.raises(Unclaimed):
        other.renew()


def test_a_guardian_keeps_it_and_lets_go_of_it_and_a_lost_one_stops_nothing(
    on: Callable[[str], Claim],
) -> None:
    claim = on("orders")
    claim.take()
    with taken_over(claim.shared()) as keep_it:
        keep_it()
        lose(claim)
        keep_it()


def test_a_keeper_that_nobody_offers_stops_no_guardian() -> None:
    with taken_over({"keeper": "nobody"}) as keep_it:
        keep_it()


def test_what_happens_while_a_guardian_keeps_it_is_not_swallowed(on: Callable[[str], Claim]) -> None:
    claim = on("orders")
    claim.take()
    with pytest.raises(GamedayError, match="of the recovery"), taken_over(claim.shared()):
        raise GamedayError("of the recovery")


class Counting:
    renew_every_s = 10.0
    renewed = 0
    error: Exception | None = None

    def renew(self) -> None:
        self.renewed += 1
        if self.error is not None:
            raise self.error


def test_a_run_renews_it_as_often_as_its_keeper_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = Counting()
    renewal = Renewal(claim)  # type: ignore[arg-type]
    counts = []
    for now_s in (0, 1, 9.9, 10, 19, 20, 50, 51):
        monkeypatch.setattr("gameday.clock.now_ns", lambda now_s=now_s: round(now_s * NS_PER_S))
        renewal.when_due()
        counts.append(claim.renewed)
    assert counts == [1, 1, 1, 2, 2, 3, 4, 4]


def test_a_keeper_that_fails_is_told_as_a_claim_that_is_lost() -> None:
    claim = Counting()
    claim.error = ConnectionError("no route")
    with pytest.raises(Unclaimed, match="cannot be renewed: ConnectionError: no route"):
        Renewal(claim).when_due()  # type: ignore[arg-type]


class Experiment:
    class blocks:  # noqa: N801 - as an experiment has them
        service = None

    path = Path("drill.yaml")


def test_an_address_names_who_keeps_it(tmp_path: Path) -> None:
    with offered():
        assert isinstance(claim_on(Experiment()), LockClaim)  # type: ignore[arg-type]
        assert isinstance(claim_on(Experiment(), f"lease:{tmp_path}"), Lease)  # type: ignore[arg-type]
        for where, why in (
            ("nobody:x", "nobody keeps claims by the name of nobody"),
            ("x", "cannot be kept"),
        ):
            with pytest.raises(GamedayError, match=why):
                claim_on(Experiment(), where)  # type: ignore[arg-type]


def test_the_kernels_claim_is_not_lost_when_nobody_can_sign_it(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = LockClaim.on("orders")

    def fails(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(claims.Path, "write_text", fails)
    claim.take()
    claim.renew()
    with pytest.raises(Claimed):
        LockClaim.on("orders").take()
