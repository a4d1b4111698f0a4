"""A gameday.toml of somebody else sends nothing anywhere before the user has said yes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from gameday.cli import cli
from gameday.errors import InvalidInput
from gameday.experiment.load import load
from gameday.guardrails import check as checking
from gameday.guardrails import foreign
from gameday.guardrails.check import Permit, check
from gameday.guardrails.foreign import Consent
from gameday.guardrails.organisation import evidence_settings, wanted
from gameday.run import preflight

RULES = """
[guardrails.error-budget]
prometheus = "{address}"
query = "up"
at-least = "1%"
headers = {{Authorization = "Bearer ${{ORDERS_TOKEN}}"}}
"""
BUDGET = {
    "prometheus": "http://127.0.0.1:9/",
    "query": "up",
    "at-least": "1%",
    "headers": {"Authorization": "${token}"},
}


class Prometheus:
    """What somebody's Prometheus got; it redirects to itself when told to."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.status = 200
        seen = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                seen.got.append(str(self.headers["Authorization"]))
                self.send_response(seen.status)
                self.send_header("Location", seen.address)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    made = Prometheus()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is neither the user's home nor in the user's repository."""
    monkeypatch.setenv("ORDERS_TOKEN", "geheim-4711")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(foreign, "consent", Consent())
    for name in ("home", "elsewhere", "repository/.git", "repository/drills"):
        (tmp_path / name).mkdir(parents=True)
    write(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def write(folder: Path, **more: Any) -> None:
    document = {"title": "t", "description": "d", "method": [], **more}
    (folder / "x.yaml").write_text(yaml.safe_dump(document))


def checked() -> Permit:
    return check(load(Path("x.yaml")))


def test_a_foreign_file_sends_no_secret_before_it_is_trusted(here: Path, prometheus: Prometheus) -> None:
    rules = here / "elsewhere" / "gameday.toml"
    rules.write_text(RULES.format(address=prometheus.address))
    words = (
        f"{rules}: lies outside your home and the repository that you are in, and it wants ORDERS_TOKEN of "
        f"your environment and sends to localhost; read it, then say --trust-file {rules}"
    )
    with pytest.raises(InvalidInput) as error:
        checked()
    assert str(error.value) == words and prometheus.got == []
    foreign.consent.trust(Path("gameday.toml"))
    assert "the error budget is not known" in checked().problems[0].message
    assert prometheus.got == ["Bearer geheim-4711"]


@pytest.mark.parametrize(("answer", "sent"), [(True, 1), (False, 0)])
def test_somebody_at_a_terminal_is_asked(answer: bool, sent: int, here: Path, prometheus: Prometheus) -> None:
    questions: list[str] = []
    (here / "elsewhere" / "gameday.toml").write_text(RULES.format(address=prometheus.address))
    foreign.consent.ask = lambda question: questions.append(question) is None and answer
    if answer:
        checked()
    else:
        with pytest.raises(InvalidInput):
            checked()
    assert len(prometheus.got) == sent and len(questions) == 1
    assert "wants ORDERS_TOKEN of your environment" in questions[0] and "geheim" not in questions[0]


def test_plan_refuses_and_trusts_at_the_command_line(
    here: Path, prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("start_validation", "check_activities"):  # of chaoslib, in a process of its own
        monkeypatch.setattr(preflight, name, lambda *_: None)
    monkeypatch.setattr(checking, "touches", lambda *_: [])
    (here / "elsewhere" / "gameday.toml").write_text(RULES.format(address=prometheus.address))
    done = CliRunner().invoke(cli, ["plan", "x.yaml"])
    assert isinstance(done.exception, InvalidInput) and prometheus.got == []
    CliRunner().invoke(cli, ["plan", "x.yaml", "--trust-file", "gameday.toml"])
    assert prometheus.got == ["Bearer geheim-4711"]


def test_a_prometheus_takes_no_secret_along_a_redirect(here: Path, prometheus: Prometheus) -> None:
    (here / "elsewhere" / "gameday.toml").write_text(RULES.format(address=prometheus.address))
    foreign.consent.trust(Path("gameday.toml"))
    prometheus.status = 307
    assert "it redirects; write the address that it redirects to" in checked().problems[0].message
    assert len(prometheus.got) == 1


def test_a_time_stamp_authority_is_an_address_too(here: Path) -> None:
    text = '[evidence]\ntime-stamp = "https://tsa.example/${ORDERS_TOKEN}"\n'
    (here / "elsewhere" / "gameday.toml").write_text(text)
    with pytest.raises(InvalidInput, match=r"wants ORDERS_TOKEN of your .* and sends to tsa\.example"):
        evidence_settings(None)


def test_a_foreign_file_that_only_forbids_is_followed_unasked(here: Path) -> None:
    (here / "elsewhere" / "gameday.toml").write_text("[guardrails]\noutside-production = [0]\n")
    assert [problem.path for problem in checked().problems] == ["gameday.toml"]


def test_an_experiment_from_elsewhere_sends_no_secret_either(here: Path) -> None:
    secrets = {"s": {"token": {"type": "env", "key": "ORDERS_TOKEN"}}}
    write(here / "elsewhere", guardrails={"error-budget": BUDGET}, secrets=secrets)
    with pytest.raises(InvalidInput, match=r"sends values of its configuration to its Prom.* --trust-file"):
        checked()
    write(here / "home", guardrails={"error-budget": BUDGET}, secrets=secrets)
    os.chdir(here / "home")
    assert "the error budget is not known" in checked().problems[0].message


OWN = {
    "home": None,
    "repository": None,
    "repository/drills": None,
    ".": "lies outside your home and the repository that you are in",
    "elsewhere": "lies outside your home and the repository that you are in",
}


@pytest.mark.parametrize("folder", OWN)
def test_whose_a_file_is_is_told_by_where_it_lies(
    folder: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here / "repository" / "drills")
    file = here / folder / "gameday.toml"
    file.write_text("")
    assert foreign.foreign(file) == OWN[folder]


def test_a_file_that_others_can_write_is_foreign_wherever_it_lies(here: Path) -> None:
    file = here / "home" / "gameday.toml"
    file.write_text("")
    file.chmod(0o666)
    assert foreign.foreign(file) == "can be written by every user"
    file.chmod(0o664)
    assert foreign.foreign(file) is None
    file.parent.chmod(0o777)
    assert foreign.foreign(file) == "lies in a folder that every user can write to"
    file.parent.chmod(0o1777)
    assert foreign.foreign(file) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_foreign_and_so_is_a_link_to_it(here: Path) -> None:
    file, link = here / "home" / "theirs.toml", here / "home" / "gameday.toml"
    file.write_text("")
    link.symlink_to(file)
    os.chown(file, 12345, -1)
    assert foreign.foreign(file) == foreign.foreign(link) == "belongs to another user"
    os.chown(file, 0, -1)
    os.chown(link, 12345, -1, follow_symlinks=False)
    assert foreign.foreign(link) == "belongs to another user"
    os.chown(link, 0, -1, follow_symlinks=False)
    os.chown(file.parent, 12345, -1)
    assert foreign.foreign(link) == "lies in a folder that belongs to another user"


def test_a_link_out_of_the_home_is_where_it_leads(here: Path) -> None:
    (here / "elsewhere" / "gameday.toml").write_text("")
    link = here / "home" / "gameday.toml"
    link.symlink_to(here / "elsewhere" / "gameday.toml")
    assert foreign.foreign(link) == OWN["elsewhere"]


def test_what_is_wanted_is_said_without_what_a_hostile_address_holds() -> None:
    hostile = {"guardrails": {"error-budget": {"prometheus": "http://x/\x1b[2J\n✓ all is well"}}}
    assert wanted(hostile) == "sends to an address that is not clear"
    assert wanted({"guardrails": []}) == wanted({}) == ""
