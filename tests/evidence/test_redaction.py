"""Secrets sent through every channel of a real run: none is in its pack, nor in the process list."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from gameday.evidence import keys
from gameday.evidence.pack import Pack
from gameday.evidence.shelf import packs
from gameday.evidence.verify import verify
from gameday.redact import REDACTED, Redactor
from tests.evidence.conftest import ROOT, KeyPair, frozen, play, serving
from tests.run.conftest import Service, action

ENVIRONMENT = {
    "LEAKY_TOKEN": "canary-environment-token",
    "LEAKY_API_KEY": "canary environment/api+key",
    "LEAKY_SECRET": "canary-environment-sécret",
    "LEAKY_PASSWORD": 'canary"environment\\password',
    "LEAKY_PRIVATE_KEY": "-----BEGIN PRIVATE KEY-----\ncanaryPrivateLine1\ncanaryPrivateLine2\n"
    "-----END PRIVATE KEY-----",
    "LEAKY_FOUR_TOKEN": "h~x7",
    "LEAKY_SEVEN_TOKEN": "k9~w2~p",
    "LEAKY_NUMBER_PASSWORD": "0048151623",
    "FROM_ENV": "canary-chaoslib-env",
    "LOCUST_PASSWORD": "canary-locust-password",
}
LITERAL, CONFIGURED, GIVEN = "canary-chaoslib-literal", "canary-configured", "canary-given-by-var"
ADDRESS, QUERY, HEADER = "canary-address-pw", "canary-query-token", "canary-header-token"
FILED = "canary-from-a-file"
# secrets that are no texts, short, folded, of several short lines, or end with a newline
SHAPES = """
    number: 90817263
    short: 47118
    fraction: 908.17263
    folded: >
      q~7w
      z~8v
    continued: "b~1 \\
      c~2"
    escaped: "e\\x7e5 f\\u007e6"
    lines: |
      u~1a
      u~2b
"""
SHAPED = ("90817263", "47118", "908.17263", "q~7w z~8v", "b~1 c~2", "e~5 f~6", "e\\x7e5", "u~1a", "u~2b")
CANARIES = [
    *(value for name, value in ENVIRONMENT.items() if name != "LEAKY_PRIVATE_KEY"),
    "canaryPrivateLine1",
    "canaryPrivateLine2",
    *(LITERAL, CONFIGURED, GIVEN, ADDRESS, QUERY, HEADER, FILED),
    *("canary-under-a-name", "canary-in-an-address", "canary-in-a-header-0123", "canary-in-a-query"),
    *("canaryinajwt0123456", "AKIACANARYCANARY0123", "canary-locust-query", "canary-in-an-inline-header"),
    "canary-of-a-command",
    base64.b64encode(LITERAL.encode()).decode().rstrip("="),
    quote(ENVIRONMENT["LEAKY_API_KEY"], safe=""),
    json.dumps(ENVIRONMENT["LEAKY_PASSWORD"])[1:-1],
    json.dumps(ENVIRONMENT["LEAKY_SECRET"])[1:-1],
    *("canary-in-a-title", "canary-as-an-option"),
    *("48151623", "71829304", *SHAPED),
]
LOCUSTFILE = """
import os, sys
from locust import FastHttpUser, constant, task

class Customer(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def look(self):
        self.client.get("/health?token=canary-locust-query")
        self.client.get("/health", name="/" + os.environ["LOCUST_PASSWORD"])
        print(os.environ["LOCUST_PASSWORD"], file=sys.stderr)
        raise ValueError(os.environ["LEAKY_TOKEN"])
"""


def experiment(url: str) -> dict[str, Any]:
    """Leaks wherever an experiment can."""
    address = url.replace("http://", "http://app:${address_password}@")
    probe = {
        "http": f"{address}/health?token=${{query_token}}",
        "headers": {"X-Token": "${header_token}"},
        "every": "20ms",
        "timeout": "500ms",
        "expect": "any",
    }
    leaky = "tests.evidence.leaky"
    secrets = ["app", "other", "shapes"]

    def step(name: str, func: str, **arguments: Any) -> dict[str, Any]:
        made = action(name, leaky, func, **arguments)
        made["provider"]["secrets"] = secrets
        return made

    command = {
        "type": "process",
        "path": "echo",
        "arguments": ["${literal}", "--password", "canary-of-a-command"],
    }
    call = {
        "type": "http",
        "url": f"{url}/health?api_key=${{literal}}",
        "headers": {"Authorization": "Bearer canary-in-an-inline-header"},
    }
    return {
        "title": "A leaky drill with password=canary-in-a-title",
        "description": "d",
        "configuration": {
            "db_password": CONFIGURED,
            "given_password": {"type": "env", "key": "NOT_SET", "default": "x"},
            "typed": {"type": "env", "key": "LEAKY_NUMBER_PASSWORD", "env_var_type": "int"},
        },
        "secrets": {
            "app": {
                "literal": LITERAL,
                "from_env": {"type": "env", "key": "FROM_ENV"},
                "address_password": ADDRESS,
                "query_token": QUERY,
                "header_token": HEADER,
            },
            "other": {"filed": {"type": "file", "path": "secret.txt"}},
            "shapes": "SHAPES",
        },
        "objectives": {"sustain": "500ms", "baseline": "500ms", "after-check": "200ms"},
        "slis": [{"name": "health", "source": "probe", "probe": probe, "objective": "100%", "window": "1s"}],
        "load": {"locustfile": "users.py", "host": url, "users": 1, "spawn-rate": 5},
        "controls": [{"name": "spy", "provider": {"type": "python", "module": leaky}}],
        "steady-state-hypothesis": {
            "title": "s",
            "probes": [
                {
                    **step("see", "prints", told="${literal}"),
                    "type": "probe",
                    "tolerance": {"type": "regex", "pattern": "returned"},
                }
            ],
        },
        "method": [
            step("print", "prints", told="${literal}"),
            step("print what a file said", "prints", told="${filed}"),
            step("print the configuration", "prints", told="${db_password}"),
            step("print what was given", "prints", told="${given_password}"),
            step("give", "gives", told="${literal}"),
            step(
                "shapes", "shapes", told={name: f"${{{name}}}" for name in (*yaml.safe_load(SHAPES), "typed")}
            ),
            {"type": "action", "name": "command", "provider": {**command, "secrets": secrets}},
            {"type": "probe", "name": "call", "provider": {**call, "secrets": secrets}},
            {**step("break", "breaks", path="broken"), "role": "fault"},
            step("owe a secret", "owes_a_secret", told="${from_env}"),
            step("raise", "raises", told="${from_env}"),
            step("raise from", "raises_from", told="${literal}"),
        ],
        "rollbacks": [step("raise again", "raises", told="${literal}")],
    }


class ProcessList:
    """Looks at a process and its children for as long as it lasts: their command lines and environments."""

    def __init__(self, pid: int) -> None:
        self.seen: set[str] = set()
        self.environments: dict[str, str] = {}
        self.process = psutil.Process(pid)
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self) -> None:
        while self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE:
            try:
                children = self.process.children(recursive=True)
                for each in [self.process, *children]:
                    line = " ".join(each.cmdline())
                    self.seen.add(line)
                    if children:  # it has begun
                        self.environments[line] = Path(f"/proc/{each.pid}/environ").read_text(
                            errors="replace"
                        )
            except (psutil.Error, OSError):
                pass
            time.sleep(0.01)


@pytest.fixture(scope="module")
def leaked(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> Iterator[tuple[Pack, ProcessList]]:
    """The pack of a leaky run, and the processes that were seen while it lasted."""
    folder = tmp_path_factory.mktemp("leaky")
    (folder / "users.py").write_text(LOCUSTFILE)
    (folder / "secret.txt").write_text(FILED)
    with serving(folder) as service:
        text = yaml.safe_dump(experiment(service.url), sort_keys=False)
        (folder / "x.yaml").write_text(text.replace(" SHAPES\n", SHAPES))
        command = [
            sys.executable,
            "-m",
            "gameday",
            "run",
            "x.yaml",
            "--plain",
        ]
        command += ["--var", f"given_password={GIVEN}"]
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                **ENVIRONMENT,
                "PYTHONPATH": str(ROOT),
                "GAMEDAY_SIGNING_KEY": key_pair.private.read_text(),
                "GAMEDAY_SIGNING_KEY_PASSWORD": "",
            },
        )
        listed = ProcessList(process.pid)
        _, said = process.communicate(timeout=120)
        listed.thread.join(10)
    assert packs(folder / "results"), said
    (folder / "said").write_text(said)
    yield packs(folder / "results")[-1], listed
    shutil.rmtree(folder)


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Everything in a pack, also what is compressed."""
    for path in folder.rglob("*"):
        if path.suffix == ".parquet":
            table = parquet.read_table(path)
            yield path.name, f"{table.schema} {table.schema.metadata}"
            for name, column in zip(table.column_names, table.columns, strict=True):
                yield (
                    f"{path.name}:{name}",
                    str(column.unique().to_pylist()) if "string" in str(column.type) else "",
                )
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes().decode(errors="replace")


def test_no_canary_is_in_any_file_of_the_pack(leaked: tuple[Pack, ProcessList]) -> None:
    pack, _ = leaked
    assert len(set(CANARIES)) >= 30
    found = [(name, canary) for name, text in texts(pack.folder) for canary in CANARIES if canary in text]
    assert found == []
    everything = "".join(text for _, text in texts(pack.folder))
    assert "canary" not in everything.lower().replace("canary_", ""), "not even a piece of one"


def test_every_channel_was_used(leaked: tuple[Pack, ProcessList]) -> None:
    pack, _ = leaked
    names = ["logs/engine.log", "logs/locust.log", "journal.json", "timeline.jsonl", "experiment.yaml"]
    for name in names:
        assert REDACTED in (pack.folder / name).read_text(), name
    steps = {step.name: step for step in pack.read_record().steps}
    assert steps["break"].proof == f"proof {REDACTED}"
    assert steps["shapes"].status == "succeeded"
    assert steps["raise"].error == f"RuntimeError: cannot log in with {REDACTED}"
    assert any(undo.detail == f"undone with {REDACTED}" for undo in pack.read_record().undo)
    assert "half a line at the end" in (pack.logs / "engine.log").read_text()
    series = {part.series for part in pack.read_record().latency}
    assert f"GET /{REDACTED}" in series and f"GET /health?token={REDACTED}" in series


def test_what_people_see_has_no_canary_either(leaked: tuple[Pack, ProcessList]) -> None:
    pack, _ = leaked
    said = (pack.folder.parents[1] / "said").read_text()
    assert "the undo of this action would put a secret on disk" in said
    assert not [canary for canary in CANARIES if canary in said]


def test_an_action_whose_undo_would_hold_a_secret_is_not_played(leaked: tuple[Pack, ProcessList]) -> None:
    pack, _ = leaked
    assert not (pack.folder.parents[1] / "acted").exists()


def test_the_process_list_shows_only_what_the_file_itself_puts_there(
    leaked: tuple[Pack, ProcessList],
) -> None:
    seen = leaked[1].seen
    assert any("gameday.observe.prober" in line for line in seen)
    mine = [line for line in seen if "gameday" in line or "locust" in line]
    given = f"given_password={GIVEN}"  # typed on the command line by whoever ran it
    assert not [(line, c) for line in mine for c in CANARIES if c in line.replace(given, "")]


def test_no_process_of_the_run_was_started_with_the_signing_key(
    leaked: tuple[Pack, ProcessList], key_pair: KeyPair
) -> None:
    started_with = leaked[1].environments
    for name in ("gameday run", "engine", "prober", "locust", "undoing", "guardian", "filter.py"):
        assert any(name in line for line in started_with), name
    key = key_pair.private.read_text().splitlines()[1]
    found = [line for line, text in started_with.items() if key in text or "GAMEDAY_SIGNING" in text]
    assert found == []
    assert not [
        line for line, text in started_with.items() if "HANDED_OVER" in text and "gameday run" not in line
    ]


def test_a_redacted_pack_verifies(leaked: tuple[Pack, ProcessList], key_pair: KeyPair) -> None:
    assert verify(leaked[0], keys.public_key(key_pair.public)).findings == []


@given(st.text(min_size=8), st.text(), st.text())
def test_a_known_secret_never_survives_in_any_spelling(secret: str, before: str, after: str) -> None:
    redactor = Redactor([secret])
    if not redactor.secrets:
        return
    for spelling in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]):
        if len(spelling) >= 4:
            assert spelling not in redactor.text(f"{before}\x00{spelling}\x00{after}").replace(
                REDACTED, "\x00"
            )


@given(st.text(alphabet=st.characters(whitelist_categories=["Ll", "Nd"], whitelist_characters=" .,-")))
def test_text_without_secrets_is_left_alone(text: str) -> None:
    redactor = Redactor(["some-secret-value"])
    once = redactor.text(text)
    assert redactor.text(once) == once
    words = (
        "pass",
        "secret",
        "token",
        "key",
        "credential",
        "signature",
        "session",
        "bearer",
        "basic",
        "digest",
    )
    if not any(word in text for word in (*words, "some-secret")):
        assert once == text


def test_a_plain_word_is_taken_out_of_texts_but_is_no_proof_of_a_secret() -> None:
    redactor = Redactor(["postgres", "postgres-2026"])
    assert redactor.text("user postgres") == f"user {REDACTED}"
    assert not redactor.holds_known("/var/lib/postgres/data")
    assert redactor.holds_known("--with postgres-2026")


WORDS = ("orders", "status", "baseline", "phase", "write", "name", "passed", "fault", "probe", "match")
SHOP = """
from locust import FastHttpUser, constant, task

class Customer(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def order(self):
        self.client.post("/orders", json={"id": "x", "payload": "y"})
"""


def shop(service: Service) -> dict[str, Any]:
    """A drill in which names of the file and words of gameday are the values of secrets."""
    probe = {"http": f"{service.url}/health", "every": "20ms", "timeout": "500ms"}
    sli: dict[str, Any] = {"objective": "50%", "window": "1s"}
    freeze, thaw = frozen(service, 0.5)
    says = {
        "type": "process",
        "path": "echo",
        "arguments": ["the", "${word}", "are", "back"],
        "secrets": ["app"],
    }
    return {
        "title": "The orders drill",
        "description": "d",
        "service": {"name": "orders"},
        "secrets": {"app": {"word": WORDS[0], **{f"secret{n}": word for n, word in enumerate(WORDS)}}},
        "objectives": {"rto": "10s", "sustain": "1s", "baseline": "1s", "after-check": "500ms"},
        "slis": [
            {"name": "orders", "source": "probe", "probe": probe, **sli},
            {"name": "baseline", "source": "load", "match": "POST /orders", **sli},
            {"name": "write", "source": "ledger", **sli},
        ],
        "load": {"locustfile": "users.py", "host": service.url, "users": 2, "spawn-rate": 5},
        "ledger": {"http": f"{service.url}/orders", "rate": "50/s"},
        "halt": [{"when": "orders < 1%", "for": "30s"}],
        "method": [
            {**freeze, "name": "phase"},
            {**thaw, "name": "status"},
            {"type": "action", "name": "name", "provider": says},
        ],
        "rollbacks": [{"type": "action", "name": "passed", "provider": says}],
    }


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> tuple[dict[str, Any], Pack]:
    """An experiment whose secrets are words, and the pack of its run."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "users.py").write_text(SHOP)
    with serving(folder) as service:
        experiment = shop(service)
        return experiment, play(folder, experiment, key_pair.private)


def test_a_run_whose_secrets_are_names_and_words_is_measured_in_full(
    named: tuple[dict[str, Any], Pack], key_pair: KeyPair
) -> None:
    record = named[1].read_record()
    assert record.verdict == "passed", record.reasons
    assert [(sli.name, sli.samples > 20) for sli in record.slis] == [
        (name, True) for name in ("orders", "baseline", "write")
    ]
    assert record.rpo is not None and record.rpo.acknowledged > 20
    assert {"POST /orders", "write"} <= {part.series for part in record.latency}
    assert [step.name for step in record.steps] == ["phase", "status", "name", "passed"]
    assert [(undo.step, undo.verified) for undo in record.undo] == [("phase", True)]
    assert record.service is not None and record.service.name == "orders"
    assert REDACTED not in record.as_json()
    assert verify(named[1], keys.public_key(key_pair.public)).findings == []


def test_what_was_said_in_such_a_run_is_text(named: tuple[dict[str, Any], Pack]) -> None:
    journal = named[1].read_journal()
    assert journal["status"] == "completed"
    said = [run["output"]["stdout"].strip() for run in (*journal["run"][2:], *journal["rollbacks"])]
    assert said == [f"the {REDACTED} are back"] * 2


def test_the_copy_of_such_a_file_reads_as_the_file_does(named: tuple[dict[str, Any], Pack]) -> None:
    experiment, pack = named
    copy = yaml.safe_load((pack.folder / "experiment.yaml").read_text())
    assert set(copy.pop("secrets")["app"].values()) == {REDACTED}
    address, host = copy["ledger"].pop("http"), copy["load"].pop("host")
    assert (address, host) == (f"{host}/{REDACTED}", experiment["load"]["host"])
    wanted = {key: item for key, item in experiment.items() if key != "secrets"}
    wanted["ledger"], wanted["load"] = {"rate": "50/s"}, {**wanted["load"]}
    del wanted["load"]["host"]
    assert copy == wanted
