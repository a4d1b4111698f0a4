"""A secret is taken out of text; keys, names and words stay, whatever value a secret has."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gameday import redact
from gameday.experiment.names import names_of
from gameday.experiment.positions import parse
from gameday.faults.undolog import UndoLog
from gameday.files import read_lines
from gameday.redact import REDACTED, Redactor
from gameday.run import logs
from gameday.samples import SampleWriter

EXAMPLE = Path(__file__).parents[1] / "results/example"
EVENTS = [
    {"t_ns": 1, "at": "2026-11-23T18:54:23.370431Z", "event": "clock", "boot": "of-this-host", "utc_ns": 2},
    # the link of its chain is added to an event that is clean already
    *({k: v for k, v in event.items() if k != "chain"} for event in read_lines(EXAMPLE / "timeline.jsonl")),
    *read_lines(EXAMPLE / "undo.jsonl"),
    {"event": "step-started", "id": "490efeedbead", "name": "twice"},
    {"event": "waiting", "why": "recovery"},
]
WORDS = sorted(set(re.findall(r"[A-Za-z][A-Za-z_-]{3,}|2026-11-23|20261123T\w+", json.dumps(EVENTS))))
TEXTS = ("proof", "error", "detail", "reason", "call", "where", "targets")


@pytest.fixture
def knows() -> Iterator[Any]:
    """Make this process know secrets and names for as long as a test lasts."""
    before = redact.here()
    yield lambda secrets, names=(): redact.learn(secrets, names)
    redact._here = before


@pytest.mark.parametrize("word", WORDS)
def test_whatever_word_is_a_secret_events_lose_nothing_but_what_was_said(word: str) -> None:
    for event in EVENTS:
        assert without_texts(Redactor([word]).event(event)) == without_texts(event)


def without_texts(event: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in TEXTS}


def test_what_a_fault_aimed_at_is_text_and_stays_as_many() -> None:
    event = {
        "event": "step-ended",
        "where": ["orders-db7", "localhost"],
        "targets": ["the tables of orders-db7", "two"],
    }
    assert Redactor(["orders-db7"]).event(event) == {
        **event,
        "where": [REDACTED, "localhost"],
        "targets": [f"the tables of {REDACTED}", "two"],
    }


def test_what_an_event_says_is_text() -> None:
    redactor = Redactor(["orders"], ["orders"])
    event = {"event": "step-ended", "name": "orders", "proof": "orders is gone", "error": "orders"}
    assert redactor.event(event) == {**event, "proof": f"{REDACTED} is gone", "error": REDACTED}


def test_a_text_that_equals_a_name_is_the_name_and_a_longer_one_is_text() -> None:
    redactor = Redactor(["orders"], ["orders", "POST /orders"])
    assert redactor.data(["orders", "POST /orders", "GET /orders"]) == [
        "orders",
        "POST /orders",
        f"GET /{REDACTED}",
    ]


def test_what_an_activity_said_is_text_even_where_it_equals_a_name() -> None:
    redactor = Redactor(["orders"], ["orders"])
    run = {"activity": {"name": "orders"}, "output": {"user": "orders", "all": ["orders"]}}
    assert redactor.data(run) == {
        "activity": {"name": "orders"},
        "output": {"user": REDACTED, "all": [REDACTED]},
    }


def test_declared_secrets_are_taken_out_even_where_one_equals_a_name() -> None:
    redactor = Redactor(["orders"], ["orders"])
    where = {"type": "env", "key": "ORDERS"}
    document = {
        "secrets": {"app": {"username": "orders", "pin": 7, "from": where}},
        "method": [{"provider": {"secrets": ["orders"]}}],
    }
    assert redactor.data(document) == {
        "secrets": {"app": {"username": REDACTED, "pin": REDACTED, "from": where}},
        "method": [{"provider": {"secrets": ["orders"]}}],
    }


def test_keys_stay_but_an_address_among_them() -> None:
    redactor = Redactor(["status", "hunter-2"])
    data = {"status": 1, "the status": 2, "http://app:hunter-2@db": 3}
    assert redactor.data(data) == {"status": 1, f"the {REDACTED}": 2, f"http://app:{REDACTED}@db": 3}


def test_a_secret_that_an_activity_uses_as_a_key_does_not_stay() -> None:
    redactor = Redactor(["hunter-2", "status"])
    assert redactor.data({"output": {"hunter-2": 1, "status": 2}}) == {"output": {REDACTED: 1, "status": 2}}


def test_what_looks_like_a_secret_is_taken_out_of_names_too() -> None:
    redactor = Redactor([], ["GET /login?token=abc"])
    assert redactor.name("GET /login?token=abc") == f"GET /login?token={REDACTED}"


def test_blanks_are_no_secret() -> None:
    assert Redactor(["      "]).text("a      b") == "a      b"


def test_what_a_process_knows_reaches_its_children_as_one_thing(knows: Any) -> None:
    knows(["hunter-2"], ["orders"])
    knows(["orders"], [])
    known = json.loads(json.dumps(redact.known()))
    assert Redactor(**known).name("orders") == "orders"
    assert Redactor(**known).text("by hunter-2") == f"by {REDACTED}"


def test_the_filter_of_logs_takes_what_a_process_knows(knows: Any, tmp_path: Path) -> None:
    knows(["orders"], ["orders"])
    with logs.writer(tmp_path / "x.log") as descriptor:
        os.write(descriptor, b"orders\nother\n")
    logs.finish()
    assert (tmp_path / "x.log").read_text() == f"{REDACTED}\nother\n"


def test_a_recorder_writes_the_name_that_an_sli_matches(knows: Any, tmp_path: Path) -> None:
    knows(["orders", "number"], ["POST /orders"])
    writer = SampleWriter(tmp_path, "load")
    for series in ("POST /orders", "GET /orders/1"):
        writer.write(1, 2, 3, series=series, ok=True)
    writer.close()
    assert list(read_lines(tmp_path / "load.names")) == [
        {"number": 1, "name": "POST /orders"},
        {"number": 2, "name": f"GET /{REDACTED}/1"},
    ]


def test_the_undo_log_keeps_the_names_of_its_steps(knows: Any, tmp_path: Path) -> None:
    knows(["orders", "undone"])
    log = UndoLog(tmp_path / "undo.jsonl")
    log.note(log.owe("orders", "pause", {"func": "thaw"}), "undone", "orders runs again")
    (entry,) = log.entries()
    assert (entry.step, entry.events, entry.detail) == (
        "orders",
        ("owed", "undone"),
        f"{REDACTED} runs again",
    )


def test_the_names_of_the_example_are_those_that_its_evidence_is_found_by() -> None:
    document, _ = parse("x.yaml", (EXAMPLE / "experiment.yaml").read_text())
    names = names_of(document, {})
    plan = json.loads((EXAMPLE / "plan.json").read_text())
    for sli in plan["slis"]:
        assert {sli["name"], sli["source"], sli["match"] or "write"} <= set(names)
    steps = {event["name"] for event in read_lines(EXAMPLE / "timeline.jsonl") if "kind" in event}
    assert {*steps, plan["experiment"]["title"], plan["service"]["name"]} <= set(names)
