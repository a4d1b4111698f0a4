"""What of an experiment is a name, so that no secret of the same value takes it out."""

from __future__ import annotations

from typing import Any

from gameday.experiment.names import names_of

PROVIDER = {"type": "python", "module": "m", "func": "f", "secrets": ["app"], "arguments": {"name": "value"}}
DOCUMENT: dict[str, Any] = {
    "title": "Orders dies",
    "description": "a text",
    "tags": ["tier-0"],
    "configuration": {"region": "eu", "db_password": "hunter-2", "address": {"type": "probe", "name": "x"}},
    "secrets": {"app": {"username": "somebody"}},
    "service": {"name": "orders", "owner": "team-orders"},
    "slis": [
        {"name": "orders ${region}", "source": "load", "match": "POST /${username}", "objective": "99.9%"},
        {"name": "${db_password}", "source": "probe", "probe": {"http": "http://db", "query": "a query"}},
    ],
    "halt": [{"when": "orders eu < 20%"}],
    "load": {"locustfile": "load/orders.py", "host": "http://127.0.0.1"},
    "steady-state-hypothesis": {"title": "all is well", "probes": [{"name": "seen", "type": "probe"}]},
    "method": [
        {
            "name": "kill",
            "type": "action",
            "role": "fault",
            "runbook": "runbooks/orders.md#kill",
            "provider": PROVIDER,
            "undo": {"name": "start", "provider": {"type": "process", "path": "pg_ctl"}},
        }
    ],
    "rollbacks": [{"ref": "kill"}],
}


def test_names_are_what_the_file_gives_where_it_names_something() -> None:
    names = set(names_of(DOCUMENT, {}))
    assert {"Orders dies", "tier-0", "orders", "team-orders", "99.9%", "load", "orders eu < 20%"} <= names
    assert {"load/orders.py", "all is well", "seen", "kill", "action", "fault", "start", "process"} <= names
    assert {"runbooks/orders.md#kill", "python", "m", "f", "app"} <= names


def test_texts_values_and_addresses_are_no_names() -> None:
    others = {"a text", "value", "somebody", "eu", "http://db", "a query", "http://127.0.0.1", "pg_ctl"}
    assert not others & set(names_of(DOCUMENT, {}))


def test_a_variable_in_a_name_is_filled_in_but_never_with_a_secret() -> None:
    names = set(names_of(DOCUMENT, {}))
    assert "orders eu" in names
    assert not {"hunter-2", "POST /somebody"} & names


def test_a_variable_that_is_given_counts() -> None:
    assert "orders us" in names_of(DOCUMENT, {"region": "us"})


def test_a_configuration_that_cannot_be_resolved_leaves_the_names_as_written() -> None:
    broken = {**DOCUMENT, "configuration": {"region": {"type": "env", "key": "NOT_SET_ANYWHERE"}}}
    assert "orders ${region}" in names_of(broken, {})
