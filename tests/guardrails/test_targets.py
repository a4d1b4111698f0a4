"""Attacks on `targets:`: everything that would reach another host is refused, before anything is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gameday.experiment.load import load
from gameday.guardrails import check as checking
from gameday.guardrails.look import look
from gameday.guardrails.observers import observers
from gameday.places import Place
from gameday.scopes import Scope
from tests.guardrails import others

THIS = {"targets": {"hosts": ["localhost"]}}
OTHERS = "tests.guardrails.others"
Document = dict[str, Any]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in; looking is done in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        checking,
        "touches",
        lambda made, scopes: [*observers(made.blocks), *look(made.document, dict(made.variables), scopes)],
    )
    others.asked.clear()
    return tmp_path


def said(document: Document, rules: Document = THIS, **variables: Any) -> list[str]:
    """What the guardrails say against an experiment, without the rule's name."""
    whole = {"title": "t", "description": "d", "method": [], "guardrails": rules, **document}
    Path("x.yaml").write_text(yaml.safe_dump(whole))
    permit = checking.check(load(Path("x.yaml"), variables))
    return [problem.message.partition(": ")[2] for problem in permit.problems]


def http(url: str, **more: Any) -> Document:
    return {"type": "http", "url": url, **more}


def python(func: str, module: str = OTHERS, **arguments: Any) -> Document:
    return {"type": "python", "module": module, "func": func, "arguments": arguments}


def command(path: str = "true") -> Document:
    return {"type": "process", "path": path}


def step(provider: Document, **more: Any) -> Document:
    return {"type": "action", "name": "it", "provider": provider, **more}


def method(provider: Document, **more: Any) -> Document:
    return {"method": [step(provider, **more)]}


def probe(**probe: Any) -> Document:
    return {"slis": [{"name": "seen", "source": "probe", "objective": "100%", "probe": probe}]}


AT_HOME = {"hosts": ["localhost"]}
CELLS = {"places": [{"kind": "etcd", "name": "orders-*", "parts": ["le*"]}]}
BASE = {"base": {"type": "probe", "name": "find", "provider": command(), "targets": AT_HOME}}
TOKEN = {"secrets": {"s": {"base": "http://prod.example"}}}
OUTSIDE = "touches prod.example, which is not among the allowed targets"
UNKNOWN = "is not known"
LATER = "${base} is known only when it is called"
UNCLEAR = "it is no plain address"

ATTACKS: dict[str, tuple[Document, str]] = {
    "a name that begins like loopback": (
        method(http("http://127.prod.example/")),
        "touches 127.prod.example, which is not",
    ),
    "a name that ends an allowed one": (method(http("http://localhost.prod.example/")), "which is not among"),
    "a backslash that clients read differently": (
        method(http("http://prod.example\\@localhost/")),
        UNCLEAR,
    ),
    "two users in one address": (method(http("http://a@prod.example@localhost/")), UNCLEAR),
    "a number for an address": (method(http("http://167772161/")), "neither a host's name nor its address"),
    "no address at all": (method(http("/health")), UNCLEAR),
    "a variable from a probe": ({"configuration": BASE, **method(http("${base}/x"))}, LATER),
    "a port from a probe": ({"configuration": BASE, **method(http("http://localhost:${base}/x"))}, LATER),
    "a variable without braces": ({"configuration": BASE, **method(http("http://$base@localhost/"))}, LATER),
    "a variable from a secret": ({**TOKEN, **method(http("${base}/x"))}, OUTSIDE),
    "an HTTP call that declares another host": (
        method(http("http://prod.example/"), targets=AT_HOME),
        OUTSIDE,
    ),
    "an HTTP call that declares another host too": (
        method(http("http://localhost/"), targets={"hosts": ["prod.example"]}),
        OUTSIDE,
    ),
    "a fault on another host that declares this one": (
        method(python("pause", "gameday.faults.process", pid=1, host="ssh://prod.example"), targets=AT_HOME),
        OUTSIDE,
    ),
    "a fault on a host from a probe": (
        {
            "configuration": BASE,
            **method(python("pause", "gameday.faults.process", pid=1, host="ssh://${base}")),
        },
        LATER,
    ),
    "a DSN with a piece from a probe": (
        {
            "configuration": BASE,
            **method(
                python("promote", "gameday.faults.postgresql", dsn="host=localhost dbname=${base}"),
            ),
        },
        LATER,
    ),
    "a fault on two servers by one DSN": (
        method(python("promote", "gameday.faults.postgresql", dsn="host=localhost,prod.example")),
        OUTSIDE,
    ),
    "a fault on a server whose address is not its name": (
        method(
            python("promote", "gameday.faults.postgresql", dsn="host=localhost hostaddr=10.0.0.1 dbname=x")
        ),
        "touches 10.0.0.1, which is not",
    ),
    "a step that polls a page elsewhere": (
        method(
            python(
                "repoint",
                "gameday.lab.steps",
                routing_file="r",
                dsn="host=localhost",
                health_url="http://prod.example/",
            )
        ),
        OUTSIDE,
    ),
    "a partition that tries to connect": (
        method(python("partition", "gameday.faults.network", to=["10.0.0.1/32"], ports=[80])),
        "touches 10.0.0.1, which is not",
    ),
    "a restart command": (
        method(python("kill", "gameday.faults.process", name="none", restart=["ssh", "prod"])),
        "the targets of 'undo of it' are not known: what a command touches",
    ),
    "a probe in the method": (
        {"method": [{"type": "probe", "name": "it", "provider": http("http://prod.example/")}]},
        OUTSIDE,
    ),
    "a probe by a command": ({"method": [{"type": "probe", "name": "it", "provider": command()}]}, UNKNOWN),
    "a probe of the hypothesis": (
        {
            "steady-state-hypothesis": {
                "title": "h",
                "probes": [
                    {
                        "type": "probe",
                        "name": "it",
                        "tolerance": 200,
                        "provider": http("http://prod.example/"),
                    }
                ],
            }
        },
        OUTSIDE,
    ),
    "a tolerance": (
        {
            "steady-state-hypothesis": {
                "title": "h",
                "probes": [
                    {
                        "type": "probe",
                        "name": "it",
                        "provider": http("http://localhost/"),
                        "tolerance": {"type": "probe", "name": "j", "provider": http("http://prod.example/")},
                    }
                ],
            }
        },
        OUTSIDE,
    ),
    "a probe in the configuration": (
        {"configuration": {"base": {"type": "probe", "name": "f", "provider": http("http://prod.example/")}}},
        OUTSIDE,
    ),
    "a rollback": ({"rollbacks": [step(http("http://prod.example/"))]}, OUTSIDE),
    "a rollback that refers to a step": (
        {"rollbacks": [{"ref": "it"}], **method(http("http://prod.example/"))},
        OUTSIDE,
    ),
    "an undo": (
        method(http("http://localhost/"), undo={"provider": http("http://prod.example/")}),
        "'undo of it' " + OUTSIDE,
    ),
    "an undo by a command": (
        method(http("http://localhost/"), undo={"provider": command()}),
        "'undo of it' are not known",
    ),
    "a control of the experiment": (
        {"controls": [{"name": "c", "provider": python("c")}]},
        "'control c' are not known: what a control touches",
    ),
    "a control of a step": (
        method(http("http://localhost/"), controls=[{"name": "c", "provider": python("c")}]),
        "what a control touches",
    ),
    "a control of the hypothesis": (
        {"steady-state-hypothesis": {"title": "h", "controls": [{"name": "c", "provider": python("c")}]}},
        "what a control touches",
    ),
    "somebody's fault without a host": (
        method(python("somewhere")),
        f"on which host {OTHERS}.somewhere acts is not known; say it in the activity's targets:",
    ),
    "somebody's fault on another host": (method(python("on", host="prod.example")), OUTSIDE),
    "somebody's fault that aims, on another host": (
        method(python("some", host="ssh://prod.example")),
        OUTSIDE,
    ),
    "somebody's fault that aims, on a host from a probe": (
        {"configuration": BASE, **method(python("some", host="ssh://${base}"))},
        LATER,
    ),
    "a fault in a system of another kind": (
        method(python("lock", name="prod")),
        "touches etcd prod/left, which is not among the allowed targets",
    ),
    "a fault in a part of a system that is not allowed": (
        {**method(python("lock", name="orders-1", side="right")), "guardrails": {"targets": CELLS}},
        "touches etcd orders-1/right, which is not",
    ),
    "somebody's function": (method(python("call", where="localhost")), "touches is not known"),
    "targets that cannot be read": (
        {"controls": [{"name": "c", "provider": python("c"), "targets": {"host": "localhost"}}]},
        "its targets: cannot be read",
    ),
    "an SLI's page": (probe(http="http://prod.example/"), "'seen' " + OUTSIDE),
    "an SLI's page with a backslash": (probe(http="http://prod.example\\@localhost/"), UNCLEAR),
    "an SLI's port": (probe(tcp="prod.example:80"), OUTSIDE),
    "an SLI's server": (probe(sql="host=localhost,prod.example"), OUTSIDE),
    "an SLI's service file": (probe(sql="service=prod"), "its service may name any host"),
    "the page that a ledger reads back": (
        {"ledger": {"http": {"url": "http://localhost/", "get": "http://prod.example/{key}"}}},
        OUTSIDE,
    ),
    "a ledger's Redis": ({"ledger": {"redis": "redis://prod.example/"}}, OUTSIDE),
    "a ledger's Redis that is not clear": ({"ledger": {"redis": "redis://a\\@prod.example/"}}, UNCLEAR),
    "a ledger's own store": ({"ledger": {"store": "kafka"}}, "where the store 'kafka' writes is not known"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_would_reach_another_host_is_refused(attack: str) -> None:
    document, words = ATTACKS[attack]
    found = said(document)
    assert any(words in message for message in found), found
    assert others.asked == [], "nothing was asked there"


GOOD: dict[str, Document] = {
    "a page here": method(http("http://localhost:8080/x")),
    "a path from a probe": {"configuration": BASE, **method(http("http://127.0.0.1/${base}"))},
    "an address from a probe whose host is declared": {
        "configuration": BASE,
        **method(http("${base}/x"), targets=AT_HOME),
    },
    "a secret in the password": {
        "secrets": {"s": {"word": "geheim-1"}},
        **method(http("http://u:${word}@localhost/")),
    },
    "a server here": method(python("promote", "gameday.faults.postgresql", dsn="host=/run/postgresql")),
    "a declared command": method(command(), targets=AT_HOME),
    "a declared undo": method(command(), targets=AT_HOME, undo={"provider": command()}),
    "an undo of its own": method(http("http://localhost/"), undo={"provider": command(), "targets": AT_HOME}),
    "a declared control": {"controls": [{"name": "c", "provider": python("c"), "targets": AT_HOME}]},
    "somebody's declared fault": method(python("somewhere"), targets=AT_HOME),
    "somebody's fault here": method(python("on", host="localhost")),
    "somebody's fault that aims": method(python("some")),
    "a fault in a system of another kind": {
        **method(python("lock", name="orders-1", key="${base}")),
        "configuration": {"base": {**BASE["base"], "targets": CELLS}},
        "guardrails": {"targets": CELLS},
    },
    "a command that declares where in such a system": {
        **method(command(), targets={"places": [{"kind": "etcd", "name": "orders-2", "parts": ["left"]}]}),
        "guardrails": {"targets": CELLS},
    },
    "a step of the lab": method(python("rejoin", "gameday.lab.steps", lab="/x", node="primary")),
    "a partition that tries nothing": method(python("partition", "gameday.faults.network", to=["10.0.0.1"])),
    "an SLI here": probe(tcp="[::1]:80"),
    "a ledger here": {"ledger": {"http": "http://localhost/orders"}},
}


@pytest.mark.parametrize("case", GOOD)
def test_what_stays_here_is_allowed(case: str) -> None:
    assert said(GOOD[case]) == []


def test_a_fault_is_not_looked_for_where_nothing_may_be_touched() -> None:
    said(method(python("on", host="prod.example")), {"blast-radius": {"count": 9}, **THIS})
    said(method(python("somewhere")), {"blast-radius": {"count": 9}, **THIS})
    assert others.asked == []
    said(method(python("on", host="localhost")), {"blast-radius": {"count": 9}, **THIS})
    assert others.asked == ["localhost"]


def test_a_fault_that_aims_says_how_many_it_hits_and_of_how_many() -> None:
    three = method(python("some", count=3))
    assert said(three, {"blast-radius": {"count": 3, "share": "34%"}}) == []
    assert said(three, {"blast-radius": {"count": 2}}) == ["3 targets would be hit; 2 is the most"]
    assert said(three, {"blast-radius": {"share": "33%"}}) == ["'it' hits 3 of 9 targets; 33% is the most"]


def test_a_fault_that_aims_is_not_looked_for_where_nothing_may_be_touched() -> None:
    said(method(python("some", host="prod.example")))
    said(method(python("lock", name="prod")))
    assert others.asked == []
    said(method(python("some", host="localhost")))
    assert others.asked == ["localhost"]


def test_what_the_plan_saw_is_what_a_step_may_break() -> None:
    whole = {"title": "t", "description": "d", "guardrails": {"blast-radius": {"count": 9}}}
    steps = [step(python("some", count=3)), {**step(python("some", count=1)), "name": "one"}]
    Path("x.yaml").write_text(yaml.safe_dump({**whole, "method": steps}))
    assert checking.check(load(Path("x.yaml"))).most == {"it": 3}
    Path("x.yaml").write_text(yaml.safe_dump({**whole, "method": steps, "guardrails": THIS}))
    assert checking.check(load(Path("x.yaml"))).most is None


def test_a_kind_that_has_a_key_of_its_own_is_written_there() -> None:
    for kind, key in (("host", "hosts"), ("kubernetes", "kubernetes"), ("aws", "aws")):
        with pytest.raises(ValueError, match=f"a place of kind {kind} is written under {key}"):
            Scope.model_validate({"places": [{"kind": kind, "name": "*"}]})


def test_a_place_without_a_part_is_allowed_by_name_alone() -> None:
    scope = Scope.model_validate({"places": [{"kind": "etcd", "name": "orders"}]})
    assert [scope.allows(Place("etcd", "orders", part)) for part in ("", "left")] == [True, False]
    assert not scope.allows(Place("vault", "orders")) and not scope.allows(Place("host", "orders"))
    assert not Scope(hosts=["*"]).allows(Place("host", "2130706433")), "an address that is not clear"
    assert Scope(hosts=["localhost"]).allows(Place("host", "127.0.0.1"))


@pytest.mark.parametrize("func", ["five", "two"])
def test_a_fault_that_may_break_several_is_not_one_target(func: str) -> None:
    rules = {"blast-radius": {"count": 5}}
    (message,) = said(method(python(func)), rules)
    assert "it may break more than one, so neither is the blast radius" in message
    assert said(method(python(func), targets={"hosts": ["localhost"], "count": 5}), rules) == []
    (message,) = said(method(python(func), targets={"hosts": ["localhost"], "count": 6}), rules)
    assert message == "6 targets would be hit; 5 is the most"


def test_what_a_call_declares_to_hit_counts_though_its_host_is_looked_up() -> None:
    five = method(http("http://localhost/kill-five"), targets={"hosts": ["localhost"], "count": 5})
    assert said(five, {"blast-radius": {"count": 4}}) == ["5 targets would be hit; 4 is the most"]


def test_a_probe_hits_nothing() -> None:
    found = {"method": [{"type": "probe", "name": "it", "provider": http("http://localhost/")}]}
    assert said(found, {"blast-radius": {"count": 0}}) == []


def test_a_secret_is_not_shown_where_it_names_the_host() -> None:
    secret = {"secrets": {"s": {"base": "http://tango-7.example"}}}
    (message,) = said({**secret, **method(http("${base}/x"), name="ask http://tango-7.example")})
    assert "http://tango-7.example" not in message and "[redacted]" in message


def test_a_vault_is_a_host_too() -> None:
    vault = {
        "configuration": {"vault_addr": "https://vault.prod.example"},
        "secrets": {"s": {"token": {"type": "vault", "path": "x"}}},
    }
    assert said(vault) == ["'the vault' touches vault.prod.example, which is not among the allowed targets"]
