"""The command as a user types it: what it says, its exit code, and that nothing is touched."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from gameday.evidence.record import schema as record_schema
from gameday.experiment.schema import schema
from gameday.observe.ports import free_port

ROOT = Path(__file__).parents[2]
PLAIN = "title: t\ndescription: d\nmethod: []\n"


def gameday(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gameday", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=60, check=False)


def test_help_teaches(tmp_path: Path) -> None:
    done = gameday("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "gameday demo" in done.stdout and "Exit codes" in done.stdout


def test_a_valid_file_is_called_valid(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(PLAIN)
    done = gameday("validate", "x.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "x.yaml: valid\n")


def test_validate_says_all_that_is_wrong_with_all_files(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(PLAIN)
    (tmp_path / "bad.yaml").write_text(PLAIN + "objectives: {rto: 5}\nservice: {}\n")
    done = gameday("validate", "good.yaml", "bad.yaml", "none.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "good.yaml: valid" in done.stdout
    assert "bad.yaml:4:19: objectives.rto: 5 is not a duration" in done.stderr
    assert "bad.yaml:5:1: service needs the key 'name'" in done.stderr
    assert "none.yaml: there is no such file" in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: t\n", "an experiment needs a description"),
        (PLAIN + "objectives: {rto: soon}\n", "'soon' is not a duration"),
        (PLAIN + "slis: [{name: a, source: laod, objective: 99%}]\n", "did you mean 'load'?"),
        (PLAIN + "load: {locustfile: missing.py, host: 'http://127.0.0.1'}\n", "there is no locustfile"),
        (
            PLAIN.replace(
                "[]", "[{type: action, name: a, provider: {type: python, module: no.such, func: f}}]"
            ),
            "x.yaml:3:10: Chaos Toolkit refuses it: could not find Python module 'no.such'",
        ),
    ],
)
def test_a_wrong_file_ends_with_2_and_touches_nothing(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    done = gameday("run", "x.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.yaml"]


def test_what_does_not_answer_ends_with_2_and_touches_nothing(tmp_path: Path) -> None:
    port = free_port()
    probe = (
        f"slis: [{{name: a, source: probe, objective: 99%, probe: {{http: 'http://127.0.0.1:{port}/'}}}}]\n"
    )
    ledger = f"ledger: {{postgresql: 'host=127.0.0.1 port={port} user=u'}}\n"
    (tmp_path / "x.yaml").write_text(PLAIN + probe + ledger)
    done = gameday("run", "x.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert (
        f"x.yaml:4:63: slis.0.probe.http: 127.0.0.1:{port} does not answer: Connection refused" in done.stderr
    )
    assert "x.yaml:5:22: ledger.postgresql: connection failed" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.yaml"]


def test_a_results_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(PLAIN)
    (tmp_path / "results").write_text("a file in the way")
    done = gameday("run", "x.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "'results' is a file" in done.stderr and "Traceback" not in done.stderr


def test_standard_output_ends_with_the_folder_and_holds_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(PLAIN)
    done = gameday("run", "x.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / done.stdout.strip() / "report.html").exists()
    record = json.loads((tmp_path / done.stdout.strip() / "record.json").read_text())
    jsonschema.validate(record, record_schema())
    assert record["verdict"] == "passed"


def test_the_report_can_be_made_again_from_the_pack(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(PLAIN)
    folder = tmp_path / gameday("run", "x.yaml", cwd=tmp_path).stdout.strip()
    done = gameday("report", "latest", cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / done.stdout.strip()).read_text() == (folder / "report.html").read_text()
    assert gameday("verify", "latest", cwd=tmp_path).returncode == 0, "the pack is as it was sealed"


def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = gameday("report", "2031", cwd=tmp_path)
    assert done.returncode == 2 and "there is no run '2031'" in done.stderr


def test_a_demo_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = gameday("demo", "failover-sink", cwd=tmp_path)
    assert done.returncode == 2 and "did you mean 'failover-sync'?" in done.stderr


def test_demo_list_shows_all(tmp_path: Path) -> None:
    done = gameday("demo", "--list", cwd=tmp_path)
    assert "failover-sync" in done.stdout and "failover-async" in done.stdout


def test_the_shipped_experiments_follow_the_schema() -> None:
    import yaml

    for path in (ROOT / "experiments").glob("*.yaml"):
        jsonschema.validate(yaml.safe_load(path.read_text()), schema())


def test_schema_prints_a_schema(tmp_path: Path) -> None:
    for arguments in ((), ("--record",)):
        made = json.loads(gameday("schema", *arguments, cwd=tmp_path).stdout)
        jsonschema.Draft202012Validator.check_schema(made)
