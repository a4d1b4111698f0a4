"""Calendars, budgets and approvals that are not what they should be: no permission, and no waiting."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gameday.errors import GamedayError
from gameday.experiment.load import load
from gameday.experiment.rules import ErrorBudget, Window
from gameday.guardrails import approvals, budget, covered, windows
from gameday.guardrails.windows import overlap

EVENT = (
    "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260101T000000Z\nDTSTART:19700101T000000Z\nDURATION:PT1S\n{}END:VEVENT\n"
)
CALENDAR = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//t//EN\n{}END:VCALENDAR\n"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FREEZE = Window.model_validate({"calendar": "freeze.ics"})


def why(folder: Path) -> str:
    with pytest.raises(GamedayError) as error:
        overlap(FREEZE, NOW, timedelta(0), folder)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CALENDAR.format(EVENT.format("RRULE:FREQ=SECONDLY\n")), "there are too many events to look through"),
        ("garbage", "cannot be read"),
        (CALENDAR.format(EVENT.format("RRULE:FREQ=NEVER\n")), "cannot be read"),
        ("\0" * 6_000_000, "it is larger than 5,000,000 bytes"),
    ],
)
def test_a_calendar_that_nobody_can_read_forbids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.setattr(windows, "COMPUTES_S", 1)
    (tmp_path / "freeze.ics").write_text(text)
    assert message in why(tmp_path)


def test_a_calendar_that_is_no_file_forbids(tmp_path: Path) -> None:
    assert "there is no such file" in why(tmp_path)
    os.mkfifo(tmp_path / "freeze.ics")
    assert "it is a pipe, not a file" in why(tmp_path)


class Answers(http.server.BaseHTTPRequestHandler):
    body = b""

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def prometheus() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"status": "success"}', "an answer that is not one of Prometheus"),
        ('{"status": "success", "data": {"resultType": "vector", "result": [1]}}', "not one of Prometheus"),
        (
            '{"status": "success", "data": {"resultType": "scalar", "result": [0, "x"]}}',
            "not one of Prometheus",
        ),
        ('{"status": "success", "data": [1]}', "not one of Prometheus"),
        ('{"status": "error", "error": "' + "x" * 1000 + '"}', "refuses the query"),
        ("[]", "refuses the query: no reason given"),
        ("[1]", "gave no answer"),
        ("[" * 100_000, "gave no answer"),
        ("x" * 1_000_001, "its answer is larger than 1,000,000 bytes"),
    ],
)
def test_an_answer_that_is_none_is_no_permission(
    prometheus: str, monkeypatch: pytest.MonkeyPatch, body: str, message: str
) -> None:
    monkeypatch.setattr(Answers, "body", body.encode())
    rule = ErrorBudget.model_validate({"prometheus": prometheus, "query": "x", "at-least": "1%"})
    with pytest.raises(GamedayError, match=message) as error:
        budget.left(rule)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    "word", ["/", "..", "~nobody/x.py", "x" * 300, "a/b", "/dev/zero", "a.py" * 100, "-m"]
)
@pytest.mark.parametrize("arguments", [None, 5, [], ["-m", "/"], {"-m": None}])
def test_what_an_approval_would_cover_is_found_whatever_a_step_names(
    tmp_path: Path, word: str, arguments: Any
) -> None:
    path = tmp_path / "x.json"
    providers = [
        {"type": "python", "module": word},
        {"type": "process", "path": word, "arguments": arguments},
    ]
    method = [{"name": "a", "type": "action", "provider": provider} for provider in providers]
    path.write_text(json.dumps({"title": "t", "description": "d", "method": method}))
    assert covered.files_of(load(path)) == set()


def test_approvals_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("title: t\ndescription: d\nmethod: []\n")
    experiment, beside = load(path), approvals.beside(path)
    beside.write_bytes(b'\xff\n{"by": 1}\n[]\n' + b"[" * 100_000 + b'\n{"by": "a", "at": "x"}\n')
    assert approvals.given(experiment) == []
    beside.unlink()
    os.mkfifo(beside)
    with pytest.raises(GamedayError, match="cannot be read: it is a pipe"):
        approvals.given(experiment)
    beside.unlink()
    beside.mkdir()
    with pytest.raises(GamedayError, match="cannot write"):
        approvals.approve(experiment, "ann")
