"""What a run is measured against, from the blocks of an experiment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gameday.experiment.model import Blocks
from gameday.experiment.sli import recorders
from gameday.measure.plan import Plan, plan_of
from gameday.measure.rules import RULES
from gameday.measure.sli import Goodness
from tests.measure.histories import MS


def blocks(**more: Any) -> Blocks:
    return Blocks.model_validate(more)


def probe(name: str, **more: Any) -> dict[str, Any]:
    usual = {"source": "probe", "objective": "99.9%", "probe": {"tcp": "localhost:80", "every": "50ms"}}
    return {"name": name, **usual, **more}


def test_recorders_have_numbers_since_names_may_look_alike() -> None:
    made = blocks(slis=[probe("注文"), probe("支払"), probe("Orders (EU)"), probe("orders-eu")])
    names = recorders(made.slis)
    assert names == ["probe-1-x", "probe-2-x", "probe-3-orders-eu", "probe-4-orders-eu"]
    slis = plan_of(made).slis
    assert [sli.recorder for sli in slis] == names
    assert [sli.name for sli in slis] == ["注文", "支払", "Orders (EU)", "orders-eu"]


def test_a_load_has_one_recorder_for_all_its_slis() -> None:
    load = {"locustfile": "x.py", "host": "http://localhost"}
    made = blocks(slis=[{"name": n, "source": "load", "objective": "99%"} for n in "ab"], load=load)
    assert [sli.recorder for sli in plan_of(made).slis] == ["load", "load"]
    assert [sli.period for sli in plan_of(made).slis] == [None, None]


def test_an_sli_of_the_load_may_be_one_request() -> None:
    load = {"locustfile": "x.py", "host": "http://localhost"}
    named = {"name": "a", "source": "load", "objective": "99%", "match": "POST /orders"}
    sli = plan_of(blocks(slis=[named], load=load)).slis[0]
    assert sli.match == "POST /orders"
    assert sli.goodness == Goodness("POST /orders", within_ns=None, is_probed=False)


@pytest.mark.parametrize(
    ("text", "within_ns"), [("latency < 300ms", 300 * MS - 1), ("latency <= 300ms", 300 * MS)]
)
def test_less_than_and_at_most_are_two_limits(text: str, within_ns: int) -> None:
    sli = plan_of(blocks(slis=[probe("a", good=text)])).slis[0]
    assert sli.goodness.within_ns == within_ns
    assert Plan.from_json(
        {"slis": [plan_of(blocks(slis=[probe("a", good=text)])).as_json()["slis"][0]]}
    ).slis == (sli,)


def test_the_durations_of_an_sli_are_kept() -> None:
    sli = plan_of(blocks(slis=[probe("a", window="2s", match=None)])).slis[0]
    assert (sli.window_ns, sli.period_ns) == (2000 * MS, 50 * MS)
    assert (sli.goodness.within_ns, sli.goodness.is_probed, sli.goodness.match) == (None, True, None)


def test_the_period_of_the_ledger_is_that_of_its_writes() -> None:
    made = blocks(
        slis=[{"name": "a", "source": "ledger", "objective": "99%"}],
        ledger={"redis": "redis://x", "rate": "40/s"},
    )
    plan = plan_of(made)
    assert (plan.slis[0].period, plan.write_period, plan.write_period_ns) == (0.025, 0.025, 25 * MS)
    assert plan.slis[0].goodness.is_probed is False
    watched = blocks(slis=[probe("a")], ledger={"redis": "redis://x", "rate": "40/s"})
    assert plan_of(watched).slis[0].period == 0.05


def test_without_a_ledger_there_is_no_write_period() -> None:
    assert plan_of(blocks()).write_period_ns is None


def test_the_objectives_are_kept() -> None:
    plan = plan_of(
        blocks(objectives={"rto": "3s", "rpo": "1s", "rto-from": "inject", "sustain": "2s", "deadline": "9s"})
    )
    assert (plan.rto, plan.rpo, plan.rto_from, plan.sustain, plan.deadline) == (3, 1, "inject", 2, 9)
    assert (plan.sustain_ns, plan.deadline_ns) == (2000 * MS, 9000 * MS)


def test_only_what_is_watched_has_a_baseline_and_an_after_check() -> None:
    goals = {"baseline": "4s", "after-check": "3s"}
    bare, watched = plan_of(blocks(objectives=goals)), plan_of(blocks(objectives=goals, slis=[probe("a")]))
    assert (bare.baseline, bare.after_check, bare.is_watched) == (0, 0, False)
    assert (watched.baseline, watched.after_check, watched.is_watched) == (4, 3, True)


def test_a_load_or_a_ledger_alone_is_watched() -> None:
    load = {
        "locustfile": "x.py",
        "host": "http://x",
        "users": 7,
        "spawn-rate": 2,
        "warm-up": "3s",
        "processes": 2,
    }
    plan = plan_of(blocks(load=load))
    assert (plan.users, plan.spawn_rate, plan.warm_up, plan.processes, plan.is_watched) == (7, 2, 3, 2, True)
    assert replace(plan, users=1).is_watched is True
    for alone in ({"load": load}, {"ledger": {"redis": "redis://x"}}):
        plan = plan_of(blocks(objectives={"baseline": "4s", "after-check": "3s"}, **alone))
        assert (plan.baseline, plan.after_check, plan.is_watched) == (4, 3, True)
    assert (plan_of(blocks()).users, plan_of(blocks()).processes) == (0, 1)


def test_the_service_is_kept() -> None:
    assert plan_of(blocks(service={"name": "orders", "tier": 0})).service == {
        "name": "orders",
        "tier": 0,
        "owner": None,
    }


def test_a_plan_states_its_rules_and_one_without_has_the_first() -> None:
    plan = plan_of(blocks(slis=[probe("a")]))
    assert plan.rules == RULES
    assert Plan.from_json({**plan.as_json(), "environment": {}}) == plan
    old = {key: value for key, value in plan.as_json().items() if key != "rules"}
    assert Plan.from_json(old).rules == 1


def test_the_objective_is_exact() -> None:
    sli = plan_of(blocks(slis=[probe("a", objective="99.99999999%")])).slis[0]
    assert sli.objective == "99.99999999%"
    assert (1 - sli.share) * 10**10 == 1
