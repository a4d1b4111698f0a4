"""On which terms an undo is played, and what it needs: what a fault may ask for, and what its log keeps."""

from __future__ import annotations

import json
import math
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gameday import redact
from gameday.errors import FaultError
from gameday.faults import context
from gameday.faults.protocol import Landed, Undo, fault, landed
from gameday.faults.throttled import ATTEMPTS, Throttled, is_throttled, patiently
from gameday.faults.undolog import UndoLog
from gameday.terms import Terms

SLOW = {"within_s": 600.0, "poll_s": 5.0, "settles": True}


def fail_back(name: str) -> str:
    return f"{name} is home"


def is_home(name: str) -> bool:
    return True


def test_an_undo_says_only_what_differs_so_that_lines_of_old_mean_the_same() -> None:
    assert Undo(fail_back, verify=is_home, name="db").as_call() == {
        "module": __name__,
        "func": "fail_back",
        "verify": "is_home",
        "arguments": {"name": "db"},
    }
    assert Terms.of({"module": "m"}) == Terms() == Terms(30.0, None, False)


def test_what_it_says_is_what_whoever_plays_it_reads() -> None:
    undo = Undo(fail_back, verify=is_home, within_s=600, poll_s=5, settles=True, name="db")
    assert SLOW.items() <= undo.as_call().items()
    assert Terms.of(json.loads(json.dumps(undo.as_call()))) == Terms(600.0, 5.0, True)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"within_s": 0}, "from 1 s to 4 h"),
        ({"within_s": 14_401}, "from 1 s to 4 h"),
        ({"within_s": math.nan}, "from 1 s to 4 h"),
        ({"within_s": "1m"}, "from 1 s to 4 h"),
        ({"within_s": True}, "from 1 s to 4 h"),
        ({"poll_s": 0.01}, "every 50 ms at the most"),
        ({"within_s": 10, "poll_s": 11}, "once within its time"),
        ({"settles": True}, "say how often"),
        ({"needs": ["A B"]}, "'A B' is no name"),
        ({"needs": ["kube/config"]}, "no absolute path"),
        ({"needs": ["X"] * 33}, "32 are the most"),
        ({"verify": None, "poll_s": 1.0}, "nothing does"),
    ],
)
def test_terms_that_nobody_could_keep_are_refused_before_the_fault_acts(
    asked: dict[str, Any], why: str
) -> None:
    with pytest.raises(FaultError, match=why):
        Undo(fail_back, **{"verify": is_home, "name": "db", **asked})


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ({"within_s": "soon"}, Terms()),
        ({"within_s": 1e300}, Terms()),
        ({"within_s": 0.5, "poll_s": 5}, Terms(30.0, 5.0)),
        ({"poll_s": 0}, Terms()),
        ({"poll_s": 31}, Terms()),
        ({"settles": True}, Terms()),
        ({"poll_s": 1, "settles": "yes"}, Terms(30.0, 1.0)),
    ],
)
def test_terms_of_a_line_that_make_no_sense_count_as_not_said(line: dict[str, Any], read: Terms) -> None:
    assert Terms.of(line) == read


def test_what_it_needs_is_kept_as_it_is_and_a_secret_is_only_named(
    tmp_path: Path, undo_log: UndoLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text("")
    monkeypatch.setattr(redact, "_here", redact.Redactor(["hunter2-hunter2"]))
    monkeypatch.setenv("AWS_PROFILE", "staging")
    monkeypatch.setenv("KUBECONFIG", f"{config}:{tmp_path}/nowhere")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-the-ring")
    monkeypatch.setenv("ENDPOINT", "https://ann:pw1234@db/")
    monkeypatch.setenv("PLAIN", "hunter2-hunter2")
    monkeypatch.setenv("APP_CREDENTIALS", str(config))
    (tmp_path / "hunter2-hunter2").write_text("")
    monkeypatch.setenv("NAMED", str(tmp_path / "hunter2-hunter2"))
    monkeypatch.delenv("AWS_REGION", raising=False)
    secrets = ("AWS_SESSION_TOKEN", "ENDPOINT", "PLAIN", "NAMED")

    @fault
    def take() -> Generator[Undo, None, Landed]:
        needs = ("AWS_PROFILE", "AWS_REGION", "KUBECONFIG", "APP_CREDENTIALS", *secrets, "/etc/hosts")
        yield Undo(fail_back, needs=needs, name="db")
        return landed(True, "")

    take()
    (entry,) = undo_log.owed()
    assert entry.call["context"] == {
        "variables": {
            "AWS_PROFILE": "staging",
            "AWS_REGION": None,
            "KUBECONFIG": f"{config}:{tmp_path}/nowhere",
            "APP_CREDENTIALS": str(config),
        },
        "secrets": list(secrets),
        "files": ["/etc/hosts", str(config), str(config)],
    }
    assert not any(word in undo_log.path.read_text() for word in ("ring", "pw1234", "hunter2"))


def test_what_it_needs_is_as_it_was_and_what_was_not_set_is_not(tmp_path: Path) -> None:
    call = context.found(["AWS_PROFILE", "AWS_REGION"], {"AWS_PROFILE": "staging"})
    somebody_elses = {"AWS_PROFILE": "production", "AWS_REGION": "eu-central-1", "HOME": "/root"}
    context.restore(call, somebody_elses)
    assert somebody_elses == {"AWS_PROFILE": "staging", "HOME": "/root"}


def test_what_is_missing_is_told_by_name(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("")
    environment = {"KUBECONFIG": str(config), "TOKEN": "of the ring"}
    call = context.found(["KUBECONFIG", "TOKEN"], environment)
    assert context.missing(call, environment) == []
    config.unlink()
    assert context.missing(call, {"TOKEN": ""}) == ["the variable TOKEN", f"the file {config}"]


@pytest.mark.parametrize(
    "odd", [{"context": 7}, {"context": {"variables": [], "secrets": "A", "files": [7]}}, {}, {"context": {}}]
)
def test_a_context_that_is_none_needs_nothing(odd: dict[str, Any]) -> None:
    environment = {"HOME": "/root"}
    context.restore(odd, environment)
    assert context.missing(odd, environment) == [] and environment == {"HOME": "/root"}
    context.restore({"context": {"variables": {"A": 7, "B": "\0", "C=D": "e", "": None}}}, environment)
    assert environment == {"HOME": "/root"}


class Status(Exception):
    status = 429


class Refused(Exception):
    is_throttled = False


class Answered(Exception):
    response = SimpleNamespace(status_code=429)


@pytest.mark.parametrize(
    ("error", "later"),
    [
        (Throttled("later"), True),
        (Status("no"), True),
        (Answered("no"), True),
        (RuntimeError("An error occurred (ThrottlingException) when calling Reboot: Rate exceeded"), True),
        (Refused("Rate exceeded"), False),
        (OSError("Connection refused"), False),
    ],
)
def test_who_is_told_to_come_back_later(error: Exception, later: bool) -> None:
    assert is_throttled(error) is later


def test_what_led_to_an_error_may_have_said_so() -> None:
    try:
        try:
            raise Status
        except Status as first:
            raise RuntimeError("it failed") from first
    except RuntimeError as error:
        assert is_throttled(error)


class Clock:
    """A clock that goes on by pausing."""

    now_ns = 0

    def __init__(self) -> None:
        self.paused: list[float] = []

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        self.now_ns += round(seconds * 1e9)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("gameday.clock.pause", made.pause)
    monkeypatch.setattr("gameday.clock.now_ns", lambda: made.now_ns)
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    return made


def called(times: int, error: Exception, until_s: float = 1000.0) -> int:
    """How often something was called that fails so often; -1 when it failed for good."""
    calls = iter(range(1, 100))

    def do() -> int:
        call = next(calls)
        if call <= times:
            raise error
        return call

    try:
        return patiently(do, round(until_s * 1e9))
    except type(error):
        return -next(calls) + 1


def test_who_is_told_to_come_back_later_waits_ever_longer(time: Clock) -> None:
    assert called(7, Throttled("later")) == 8
    assert time.paused == [1, 2, 4, 8, 16, 30, 30]


def test_and_comes_back_so_often_and_no_more(time: Clock) -> None:
    assert called(99, Throttled("later")) == -ATTEMPTS


def test_and_not_when_its_time_will_be_over(time: Clock) -> None:
    assert called(99, Throttled("later"), until_s=5) == -3
    assert time.paused == [1, 2]


def test_any_other_error_is_raised_at_once(time: Clock) -> None:
    assert called(99, OSError("refused")) == -1
