"""Sources of samples behind one protocol, and those that somebody else offers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gameday import hosts
from gameday.errors import InvalidInput
from gameday.experiment import plugged, sources
from gameday.experiment.load import load
from gameday.experiment.model import Blocks
from gameday.experiment.observers import Probe
from gameday.measure.plan import plan_of
from gameday.observe.preflight import unreachable
from gameday.observe.sources import reached, recorders
from gameday.observe.sources.probe import PER_PROCESS_PER_S, shared
from tests.observe.plugin import installed, site

__all__ = ["installed", "site"]  # fixtures
LOAD = {"locustfile": "x.py", "host": "http://shop.example"}


def asks(source: str = "orders", **more: Any) -> dict[str, Any]:
    usual = {"name": "ours", "source": source, "objective": "100%", "every": "50ms"}
    return {**usual, "options": {"url": "http://127.0.0.1:1/health"}, **more}


def blocks(*slis: dict[str, Any], **more: Any) -> Blocks:
    return Blocks.model_validate({"slis": list(slis), **more})


def probe(name: str, every: str = "20ms", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "source": "probe",
        "objective": "100%",
        "probe": {"http": "http://a.example", "every": every, **more},
    }


def lag(**more: Any) -> dict[str, Any]:
    usual = {"name": "lag", "source": "prometheus", "query": "lag", "good": "value < 2", "objective": "99%"}
    return {**usual, **more}


def said(file: Path, text: dict[str, Any]) -> str:
    """What is wrong with an experiment."""
    file.write_text(yaml.safe_dump({"title": "t", "description": "d", "method": [], **text}))
    with pytest.raises(InvalidInput) as error:
        load(file)
    return str(error.value)


# what the core asks of each


def test_each_source_says_what_it_would_reach_and_who_records() -> None:
    made = blocks(
        probe("front page"),
        {"name": "all", "source": "load", "objective": "99%"},
        lag(),
        load=LOAD,
        ledger={"redis": "redis://db.example"},
        prometheus={"url": "http://prom.example:9090"},
    )
    told = {(each.step, each.does, *map(str, each.where())) for each in reached(made)}
    assert told == {
        ("front page", "50 probes/s", "a.example"),
        ("lag", "a query each 2 s", "prom.example"),
        ("load", "1 users", "shop.example"),
        ("ledger", "50 writes/s", "db.example"),
    }
    assert [(each.name, each.module, each.reads_back) for each in recorders(made)] == [
        ("prober", "gameday.observe.prober", False),
        ("prometheus", "gameday.observe.prometheus", False),
        ("ledger", "gameday.observe.ledger", True),
    ]


def test_a_probe_that_writes_says_so() -> None:
    told = [each.does for each in reached(blocks(probe("a", method="POST", body={"a": 1})))]
    assert told == ["50 POSTs/s, each of which may write"]


def test_a_plan_states_how_the_samples_of_each_source_are_judged() -> None:
    made = blocks(
        lag(good="value >= 2.5"),
        probe("a"),
        prometheus={"url": "http://p", "every": "4s", "stale-after": "30s"},
    )
    told, asked = plan_of(made).as_json()["slis"]
    assert (told["is_first_hand"], told["may_be_clock"], told["knows_own_delays"]) == (False, False, False)
    assert (told["comparison"], told["limit"], told["lag"], told["period"]) == (">=", 2.5, 30, 4)
    assert (asked["is_first_hand"], asked["may_be_clock"], asked["knows_own_delays"]) == (True, True, True)


def test_only_what_asks_the_service_itself_may_be_a_clock() -> None:
    with pytest.raises(ValueError, match="may be a clock"):
        sources.About("x", is_first_hand=False, may_be_clock=True, knows_own_delays=True)


def test_an_rto_needs_a_clock(tmp_path: Path) -> None:
    told = said(
        tmp_path / "a.yaml", {"slis": [lag()], "prometheus": {"url": "http://p"}, "objectives": {"rto": "9s"}}
    )
    assert "an rto is measured by a probe" in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ({"slis": [{**asks("prometheus"), "query": "x", "good": "value < 1"}]}, "takes no every"),
        ({"slis": [lag()]}, "source: prometheus needs a block prometheus: in this file"),
        ({"slis": [{**probe("a"), "query": "x"}]}, "takes no query; it goes with source: prometheus"),
        ({"slis": [{**probe("a"), "good": "value < 1"}]}, "gives no values"),
        ({"slis": [asks("ordrs")]}, "unknown source 'ordrs'"),
        (
            {"slis": [lag()], "prometheus": {"url": "http://p", "every": "3s"}},
            "may hold less than two readings",
        ),
    ],
)
def test_what_does_not_go_together_is_told(tmp_path: Path, text: dict[str, Any], words: str) -> None:
    assert words in said(tmp_path / "a.yaml", text)


# the prober, over processes


@pytest.mark.parametrize(
    ("periods", "counts"),
    [
        (["20ms"] * 4, [4]),
        (["1ms"], [1]),
        (["1ms"] * 5, [1] * 5),
        (["5ms"] * 5, [5]),
        (["5ms"] * 6, [3, 3]),
        (["1ms", "2ms", "2ms"], [1, 2]),
        (["1ms"] * 20, [2] * 4 + [1] * 12),
    ],
)
def test_probes_are_shared_among_as_many_processes_as_they_need(
    periods: list[str], counts: list[int]
) -> None:
    made = {str(n): Probe.model_validate({"tcp": "a:1", "every": each}) for n, each in enumerate(periods)}
    parts = shared(made)
    assert PER_PROCESS_PER_S == 1000
    assert [len(part) for part in parts] == counts
    assert sorted(name for part in parts for name in part) == sorted(made)


def test_more_probes_than_one_process_sends_have_several() -> None:
    made = blocks(probe("a", "1ms"), probe("b", "1ms"), probe("c", "20ms"))
    told = {each.name: sorted(each.orders["probes"]) for each in recorders(made)}
    assert told == {"prober": ["probe-1-a"], "prober-2": ["probe-2-b"], "prober-3": ["probe-3-c"]}


# somebody else's


def test_a_plug_in_describes_itself(installed: Path) -> None:
    orders, depth = sources.about("orders"), sources.about("depth")
    assert (orders.may_be_clock, orders.is_first_hand, orders.knows_own_delays) == (True, True, True)
    assert (depth.may_be_clock, depth.is_first_hand, depth.judges, depth.lag_s) == (False, False, "value", 2)


@pytest.mark.parametrize(
    ("key", "words"),
    [("odd", "cannot be what it says of itself"), ("gone", "AttributeError"), ("nobody", "unknown source")],
)
def test_a_plug_in_that_cannot_be_used_is_told_with_its_place(
    installed: Path, tmp_path: Path, key: str, words: str
) -> None:
    told = said(tmp_path / "a.yaml", {"slis": [asks(key)]})
    assert words in told and "a.yaml:9:11" in told


@pytest.mark.parametrize(
    ("key", "words"), [("silent", "has not answered for 1 s"), ("ends", "exit code 3"), ("trips", "it is")]
)
def test_where_a_plug_in_goes_that_does_not_say_is_unknown(
    installed: Path, monkeypatch: pytest.MonkeyPatch, key: str, words: str
) -> None:
    made = blocks(asks(key))
    monkeypatch.setattr(plugged, "ANSWER_WITHIN_S", 1.0)
    (watched,) = reached(made)
    with pytest.raises(hosts.Unclear, match=words):
        watched.where()


def test_a_plug_in_is_asked_before_the_run(installed: Path) -> None:
    assert unreachable(blocks(asks())) == []
    (told,) = unreachable(blocks(asks(options={"url": "http://x/"})))
    assert told == (("slis", 0, "options"), "ask for /health")
