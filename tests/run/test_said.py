"""A real run that people and an alarm talk to: what they said counts, and can be measured again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from click.testing import CliRunner

from gameday.cli.evidence import verify
from gameday.cli.people import say
from gameday.observe.ports import free_port
from tests.run.conftest import Service, action, drill
from tests.run.test_alarms import ALERT
from tests.run.test_drill import pause, resume

TOKEN = "0123456789abcdef-token"


def said(*words: str) -> dict[str, Any]:
    result = CliRunner().invoke(say, [*words, "--by", "ann", "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    heard: dict[str, Any] = json.loads(result.stdout)
    return heard


def test_a_run_hears_people_and_alarms_and_counts_from_the_declaration(
    service: Service, start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("GAMEDAY_LISTEN_TOKEN", TOKEN)
    asks = action("is it fenced?", "gameday.asking", "confirm", what="Is it fenced?", within="20s")
    experiment = drill(service, pause(service, pauses={"after": 0.8}), asks, resume(service))
    experiment["objectives"] = {**experiment["objectives"], "rto": "15s", "deadline": "20s"}
    experiment["objectives"]["rto-from"] = "declare"
    game = start(experiment, "--listen", f"127.0.0.1:{port}")
    game.until("alarms are received at")
    game.until("asked: Is it fenced? (yes, no)")
    alarm = {"alerts": [{**ALERT, "startsAt": ""}]}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"http://127.0.0.1:{port}/alarms"
    urlopen(Request(url, json.dumps(alarm).encode(), headers), timeout=10).close()
    game.until("alarm firing: OrdersDown")
    declared = said("declared", "the service hangs")
    assert said("answer", "yes")["event"] == "answered"
    code, record = game.end()
    assert (code, record["verdict"]) == (0, "passed"), record["reasons"]
    rto, moments = record["rto"], record["moments"]
    assert rto["from"] == "declare" and rto["starts"]["declare"][0] < rto["starts"]["impact"][0]
    assert moments["declare"] == declared["said_at"] and moments["inject"] < moments["detect"]
    assert [(each["what"], each["by"], each["asked"]) for each in record["said"]] == [
        ("declared", "ann", None),
        ("answered", "ann", "Is it fenced?"),
    ]
    assert [each["name"] for each in record["alarms"]] == ["OrdersDown"]
    assert {"detect", "declare"} <= set(record["response"])
    assert all(TOKEN.encode() not in path.read_bytes() for path in game.pack.rglob("*") if path.is_file())
    assert "the service hangs" in (game.pack / "report.html").read_text()
    verified = CliRunner().invoke(verify, [str(game.pack)])
    assert verified.exit_code == 0 and "measured again, the same" in verified.output, verified.output


def test_a_step_that_nobody_answers_fails_and_a_halt_ends_what_is_open(service: Service, start: Any) -> None:
    soon, late = (
        action(what, "gameday.asking", "confirm", what=what, within=within)
        for what, within in (("fenced?", "300ms"), ("promoted?", "20s"))
    )
    experiment = drill(service, pause(service), soon, late, **{"max-duration": "2500ms"})
    del experiment["slis"], experiment["objectives"]
    code, record = start(experiment).end()
    assert (code, record["verdict"]) == (3, "halted")
    assert "fenced?: nobody has answered within 300 ms" in record["steps"][1]["error"]
    assert {
        "'fenced?' was not answered: nobody has answered within 300 ms",
        "'promoted?' was not answered: the run was stopped before",
    } <= set(record["deviations"])
    assert [each["verified"] for each in record["undo"]] == [True]
