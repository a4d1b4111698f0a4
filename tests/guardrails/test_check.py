"""Guardrails as the command knows them: what they forbid, by name and place, and that nothing is touched."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from gameday.errors import GamedayError, InvalidInput
from gameday.experiment.load import load
from gameday.experiment.rules import ErrorBudget
from gameday.guardrails import approvals, budget
from gameday.guardrails.check import Permit, check
from gameday.observe.ports import free_port
from tests.faults.parts import need

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def victim(here: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that an experiment could freeze."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (here / "victim.pid").write_text(str(process.pid))
    yield process
    process.kill()
    process.wait()


def action(name: str, **provider: Any) -> dict[str, Any]:
    return {"type": "action", "name": name, "provider": provider}


def freeze(**arguments: Any) -> dict[str, Any]:
    return action(
        "freeze", type="python", module="gameday.faults.process", func="pause", arguments=arguments
    ) | {"role": "fault"}


def command(name: str = "a command", **more: Any) -> dict[str, Any]:
    return action(name, type="process", path="true") | more


def permit(here: Path, guardrails: dict[str, Any], *method: dict[str, Any], **blocks: Any) -> Permit:
    """What the guardrails of an experiment say at noon."""
    document = {"title": "t", "description": "d", "method": list(method), "guardrails": guardrails, **blocks}
    (here / "x.yaml").write_text(yaml.safe_dump(document))
    return check(load(here / "x.yaml"), NOON)


def said(found: Permit) -> list[str]:
    return [problem.message for problem in found.problems]


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_what_is_not_among_the_targets_is_forbidden(here: Path, victim: subprocess.Popen[bytes]) -> None:
    rules = {"targets": {"hosts": ["*.staging.example"]}}
    found = permit(here, rules, freeze(pidfile="victim.pid"))
    assert said(found) == [
        "guardrails.targets: 'freeze' touches localhost, which is not among the allowed targets"
    ]
    assert found.problems[0].line > 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.0/8", "local*"])
def test_this_host_is_allowed_by_name_pattern_and_network(
    host: str, here: Path, victim: subprocess.Popen[bytes]
) -> None:
    assert said(permit(here, {"targets": {"hosts": [host]}}, freeze(pidfile="victim.pid"))) == []


@pytest.mark.parametrize(
    ("host", "allowed"), [("10.1.2.3", True), ("10.2.0.1", False), ("db7.staging.example", True)]
)
def test_another_host_is_known_by_its_ssh_address(host: str, allowed: bool, here: Path) -> None:
    rules = {"targets": {"hosts": ["10.1.0.0/16", "*.staging.example"]}}
    found = permit(here, rules, freeze(name="web", host=f"ssh://ops@{host}:2222"))
    assert (said(found) == []) is allowed


def test_the_load_and_the_ledger_touch_a_host_too(here: Path) -> None:
    (here / "users.py").write_text("")
    found = permit(
        here,
        {"targets": {"hosts": ["staging.example"]}},
        load={"locustfile": "users.py", "host": "http://live.example:8080"},
        ledger={"postgresql": "host=db.live.example dbname=orders"},
    )
    assert [message.split("'")[1] + message.split("touches")[1].split(",")[0] for message in said(found)] == [
        "load live.example",
        "ledger db.live.example",
    ]


def test_what_a_command_touches_must_be_said(here: Path) -> None:
    rules = {"targets": {"hosts": ["localhost"]}}
    (message,) = said(permit(here, rules, command()))
    assert "what a command touches is not known; say it in the activity's targets:" in message
    assert said(permit(here, rules, command(targets={"hosts": ["localhost"]}))) == []
    (message,) = said(permit(here, rules, command(targets={"hosts": ["db1"]})))
    assert "touches db1" in message


def test_declared_clusters_and_accounts_are_checked(here: Path) -> None:
    rules = {
        "targets": {
            "kubernetes": [{"context": "kind-*", "namespaces": ["orders"]}],
            "aws": [{"account": "123456789012", "regions": ["eu-*"]}],
        }
    }
    inside = {
        "kubernetes": [{"context": "kind-a", "namespaces": ["orders"]}],
        "aws": [{"account": "123456789012", "regions": ["eu-west-1"]}],
    }
    assert said(permit(here, rules, command(targets=inside))) == []
    outside = {
        "kubernetes": [{"context": "live", "namespaces": ["orders"]}],
        "aws": [{"account": "123456789012", "regions": ["us-east-1"]}],
    }
    first, second = said(permit(here, rules, command(targets=outside)))
    assert "live/orders" in first and "aws 123456789012/us-east-1" in second


def test_the_blast_radius_counts_targets_once_and_shares_of_what_is_found(
    here: Path, victim: subprocess.Popen[bytes]
) -> None:
    twice = [freeze(pidfile="victim.pid"), freeze(pid=victim.pid)]
    assert said(permit(here, {"blast-radius": {"count": 1}}, *twice)) == []
    some = command(targets={"hosts": ["localhost"], "count": 2, "of": 5})
    assert said(permit(here, {"blast-radius": {"count": 3, "share": "40%"}}, *twice, some)) == []
    count, share = (
        "guardrails.blast-radius: 3 targets would be hit; 2 is the most",
        "hits 2 of 5 targets; 39% is the most",
    )
    found = said(permit(here, {"blast-radius": {"count": 2, "share": "39%"}}, *twice, some))
    assert share in found[0] and found[1] == count


def test_a_target_that_is_not_there_leaves_the_blast_radius_unknown(here: Path) -> None:
    (message,) = said(permit(here, {"blast-radius": {"count": 9}}, freeze(pidfile="nobody.pid")))
    assert "no pidfile nobody.pid" in message and "neither is the blast radius" in message


def test_looking_touches_nothing(here: Path, victim: subprocess.Popen[bytes]) -> None:
    found = permit(here, {"blast-radius": {"count": 1}}, freeze(pidfile="victim.pid"))
    assert found.touches is not None
    (touch,) = found.touches
    assert touch.targets[0].startswith(f"process {victim.pid} (python")
    assert touch.undo == "SIGCONT, if the process is still the one that was frozen."
    assert state(victim.pid) != "T"
    assert sorted(path.name for path in here.iterdir()) == ["victim.pid", "x.yaml"]


@pytest.mark.parametrize(
    ("blocks", "allowed"),
    [
        ({"environment": "staging", "service": {"name": "o", "tier": 0}}, True),
        ({"environment": "Production", "service": {"name": "o", "tier": 0}}, False),
        ({"service": {"name": "o", "tier": 0}}, False),
        ({"service": {"name": "o", "tier": 3}}, True),
        ({"service": {"name": "o"}}, False),
        ({}, False),
    ],
)
def test_a_tier_that_may_only_run_outside_production(
    blocks: dict[str, Any], allowed: bool, here: Path
) -> None:
    assert (said(permit(here, {"outside-production": [0, 1]}, **blocks)) == []) is allowed


def test_the_stricter_of_file_and_organisation_wins(here: Path, victim: subprocess.Popen[bytes]) -> None:
    (here / "gameday.toml").write_text("[guardrails.targets]\nhosts = ['db*']\n")
    found = permit(here, {"targets": {"hosts": ["localhost"]}}, freeze(pidfile="victim.pid"))
    assert [str(problem).partition(": ")[0] for problem in found.problems] == ["gameday.toml:1:1"]
    (here / "gameday.toml").write_text("[guardrails.targets]\nhosts = ['*']\n")
    found = permit(here, {"targets": {"hosts": ["db*"]}}, freeze(pidfile="victim.pid"))
    assert [problem.path for problem in found.problems] == [str(here / "x.yaml")]


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            "[guardrails]\ntargts = 1\n",
            "gameday.toml:2:1: unknown key 'targts' in guardrails; did you mean 'targets'?",
        ),
        ("[gardrails]\n", "gameday.toml:1:1: unknown table 'gardrails'; did you mean 'guardrails'?"),
        ("[guardrails\n", "gameday.toml:1:12: cannot be read"),
        (
            "[[guardrails.forbidden]]\nfrom = 09:00:00\nuntil = 2026-12-24\n",
            "gameday.toml:1:1: guardrails.forbidden.0: from and until are both times of day",
        ),
        (
            "[[guardrails.forbidden]]\nfrom = 09:00:00\n\nuntil = 10:00:00\nzone = 'Mars'\n",
            "gameday.toml:5:1: guardrails.forbidden.0.zone: 'Mars' is not a time zone",
        ),
        (
            "[guardrails.error-budget]\nprometheus = 'http://${NO_SUCH_HOST}'\n",
            "gameday.toml: the environment has no 'NO_SUCH_HOST'; set it",
        ),
    ],
)
def test_an_organisations_file_that_is_wrong_says_where(
    toml: str, message: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(here))  # so that the file is the user's own
    (here / "gameday.toml").write_text(toml)
    with pytest.raises(InvalidInput) as error:
        permit(here, {})
    assert str(error.value).startswith(message)


def test_approvals_need_others_than_the_author_for_this_very_file(here: Path) -> None:
    rules = {"approvals": {"count": 2, "valid-for": "24h"}}

    def missing(when: datetime) -> list[str]:
        found = check(load(here / "x.yaml"), when)
        return said(found)

    permit(here, rules, author=["Mia@example.org"])
    now = datetime.now(UTC)
    for name in ("mia@example.org", "ann@example.org", "ANN@example.org"):
        approvals.approve(load(here / "x.yaml"), name)
    (message,) = missing(now + timedelta(minutes=1))
    assert "2 must approve this very file within 24 h, the author not counted; 1 did" in message
    approvals.approve(load(here / "x.yaml"), "bob@example.org")
    assert missing(now + timedelta(minutes=1)) == []
    assert "0 did" in missing(now + timedelta(hours=25))[0], "approvals expire"
    (here / "x.yaml").write_text((here / "x.yaml").read_text() + "# changed\n")
    assert "0 did" in missing(now + timedelta(minutes=1))[0], "approvals end with a change"


def test_approvals_are_for_the_values_given_and_from_those_asked(here: Path) -> None:
    rules = {"approvals": {"count": 1, "from": ["ann@example.org"]}}
    permit(here, rules, author=["mia"])
    soon = datetime.now(UTC) + timedelta(minutes=1)
    approvals.approve(load(here / "x.yaml", {"where": "staging"}), "ann@example.org")
    approvals.approve(load(here / "x.yaml", {"where": "live"}), "eve@example.org")
    assert said(check(load(here / "x.yaml", {"where": "staging"}), soon)) == []
    assert "of ann@example.org must approve" in said(check(load(here / "x.yaml", {"where": "live"}), soon))[0]
    assert "live" not in approvals.beside(here / "x.yaml").read_text(), "no value is written down"


def test_without_an_author_nobodys_approval_counts(here: Path) -> None:
    permit(here, {"approvals": {"count": 1}})
    approvals.approve(load(here / "x.yaml"), "ann")
    soon = datetime.now(UTC) + timedelta(minutes=1)
    assert "who wrote the file is not known" in said(check(load(here / "x.yaml"), soon))[0]


def test_the_author_is_who_committed_the_file_last_and_who_changed_it_since(here: Path) -> None:
    need("git")
    git = ["git", "-c", "user.name=Mia", "-c", "user.email=mia@example.org"]
    for words in (["init", "-q"], ["add", "x.yaml"], ["commit", "-q", "-m", "one"]):
        if words[0] == "add":
            permit(here, {"approvals": {"count": 1}})
        subprocess.run([*git, *words], cwd=here, check=True)
    assert approvals.authors(load(here / "x.yaml")) == {"mia", "mia@example.org"}
    subprocess.run(["git", "config", "user.email", "eve@example.org"], cwd=here, check=True)
    (here / "x.yaml").write_text((here / "x.yaml").read_text() + "# eve was here\n")
    assert "eve@example.org" in approvals.authors(load(here / "x.yaml"))


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prometheus that scrapes nothing."""
    need("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "prometheus.yml").write_text("global: {}\n")
    port = free_port()
    process = subprocess.Popen(
        [
            str(shutil.which("prometheus")),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    rule = ErrorBudget.model_validate({"prometheus": address, "query": "vector(1)", "at-least": "1%"})
    for _ in range(100):
        try:
            budget.left(rule)
            break
        except GamedayError:
            time.sleep(0.1)
    yield address
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("vector(0.25)", None),
        ("scalar(vector(0.9))", None),
        ("vector(0.2499)", "24.99% of the error budget is left; 25% is needed"),
        ("vector(0)", "0% of the error budget is left"),
        ("no_such_series", "the error budget is not known: the query gives 0 series, not one"),
        ("vector(0) / vector(0)", "the query gives NaN, not a number"),
        ("sum(", "refuses the query"),
    ],
)
def test_the_error_budget_is_asked_of_prometheus(
    query: str, message: str | None, here: Path, prometheus: str
) -> None:
    rules = {"error-budget": {"prometheus": prometheus, "query": query, "at-least": "25%"}}
    found = said(permit(here, rules))
    assert (found == []) if message is None else (message in found[0])


def test_a_prometheus_that_does_not_answer_is_no_permission(here: Path) -> None:
    rules = {
        "error-budget": {"prometheus": f"http://127.0.0.1:{free_port()}", "query": "1", "at-least": "1%"}
    }
    assert "the error budget is not known" in said(permit(here, rules))[0]


def gameday(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "gameday", *arguments]
    return subprocess.run(line, capture_output=True, text=True, cwd=cwd, timeout=60, check=False)


def test_a_forbidden_run_touches_nothing_and_ends_with_2(here: Path, victim: subprocess.Popen[bytes]) -> None:
    permit(here, {"targets": {"hosts": ["db1"]}}, freeze(pidfile="victim.pid"))
    done = gameday("run", "x.yaml", cwd=here)
    assert done.returncode == 2
    assert "guardrails.targets: 'freeze' touches localhost" in done.stderr and "Traceback" not in done.stderr
    assert not (here / "results").exists() and state(victim.pid) != "T"


def test_plan_shows_targets_undo_and_rules_and_a_permitted_run_records_them(
    here: Path, victim: subprocess.Popen[bytes]
) -> None:
    rules = {"targets": {"hosts": ["localhost"]}, "approvals": {"count": 1}}
    permit(here, rules, freeze(pidfile="victim.pid"), author=["mia"])
    done = gameday("plan", "x.yaml", cwd=here)
    assert done.returncode == 2
    assert f"process {victim.pid} (python" in done.stdout and "SIGCONT" in done.stdout
    assert "✗ x.yaml" in done.stdout and "gameday approve x.yaml" in done.stdout
    assert gameday("approve", "x.yaml", "--by", "ann", cwd=here).returncode == 0
    done = gameday("plan", "x.yaml", cwd=here)
    assert (done.returncode, "✗" in done.stdout) == (0, False)
    done = gameday("run", "x.yaml", "--plain", cwd=here)
    events = (Path(here / done.stdout.strip()) / "timeline.jsonl").read_text().splitlines()
    permitted = next(entry for entry in map(json.loads, events) if entry["event"] == "permitted")
    assert [approval["by"] for approval in permitted["approvals"]] == ["ann"]
    assert len(permitted["guardrails"]) == 2
