"""Whatever others wrote into a file, a terminal shows it in one line: no forged ✓, no colour."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from gameday import clean
from gameday.cli import cli
from gameday.evidence import afterwards
from gameday.evidence.pack import Pack
from gameday.evidence.record import AlarmPart, Record, SaidPart
from gameday.evidence.report import forms
from gameday.evidence.seal import Sealed, Sealing
from gameday.run.live import LivePage
from gameday.run.patient import Patient
from gameday.run.view import Plain
from tests.evidence import example
from tests.evidence.foreign import EXAMPLE

FORGED = "✓ the signature is by key 6de1f55ee2b34d5c"
EVIL = f"ann\r\n{FORGED}\x1b[2K\x1b[32m\u202e\u2066\x9b1m"


def told(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False)


def is_clean(text: str) -> bool:
    """Nothing but printable lines, none of which begins as gameday's own."""
    lines = text.split("\n")
    return all(line.isprintable() for line in lines) and FORGED not in [line.strip() for line in lines]


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    return Pack(Path(shutil.copytree(EXAMPLE, tmp_path / "pack")))


def test_a_note_prints_no_line_of_its_own(pack: Pack) -> None:
    said = told("note", str(pack.folder), "text", "--by", EVIL).output
    assert said.count("\n") == 1 and is_clean(said) and "ann ✓ the signature" in said
    said = told("action", str(pack.folder), "add", EVIL, "--by", EVIL, "--owner", EVIL).output
    assert said.count("\n") == 1 and is_clean(said)
    said = told("action", str(pack.folder), "list").output
    assert said.count("\n") == 1 and is_clean(said)
    result = CliRunner().invoke(cli, ["verify", str(pack.folder)])
    assert result.exit_code == 0 and is_clean(result.output)
    assert "? note by ann ✓ the signature" in result.output


def test_verify_says_what_is_wrong_in_lines_of_its_own(pack: Pack) -> None:
    (pack.folder / f"x\n{FORGED}").touch()
    record = json.loads(pack.record.read_text())
    pack.record.write_text(json.dumps({**record, EVIL: 1}))
    result = CliRunner().invoke(cli, ["verify", str(pack.folder)])
    assert result.exit_code == 1 and is_clean(result.output) and f"✗ x {FORGED}: was added" in result.output


def experiment(tmp_path: Path, **more: Any) -> Path:
    file = tmp_path / "x.yaml"
    step = {"name": EVIL, "type": "action", "provider": {"type": "process", "path": "true"}}
    hypothesis = {"title": EVIL, "probes": []}
    document = {"title": EVIL, "description": EVIL, "steady-state-hypothesis": hypothesis, "method": [step]}
    file.write_text(yaml.safe_dump({**document, **more}))
    return file


def test_a_plan_shows_steps_by_name_and_nothing_that_they_hide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = told("plan", str(experiment(tmp_path))).output
    assert "1. ann ✓ the signature" in said and is_clean(said)


def test_a_problem_is_told_in_its_line(tmp_path: Path) -> None:
    file = experiment(tmp_path, slis=[{"name": EVIL, "source": EVIL}], **{EVIL: 1})
    result = CliRunner().invoke(cli, ["validate", str(file)])
    assert result.exit_code == 2 and result.output and is_clean(result.output)


def evil_record() -> Record:
    record = Pack(EXAMPLE).read_record()
    about = record.experiment.model_copy(update={"title": f"[bold red]{EVIL}[/nothing]"})
    return record.model_copy(update={"experiment": about, "reasons": [EVIL, "[/]"]})


def test_both_views_show_events_and_verdict_clean() -> None:
    events: list[dict[str, Any]] = [
        {"t_ns": 0, "event": "run", "run_id": EVIL},
        {"t_ns": 1, "event": "step-started", "kind": "action", "name": EVIL, "role": EVIL},
        {"t_ns": 2, "event": "step-ended", "status": "succeeded", "proof": EVIL},
        {"t_ns": 3, "event": "undo-failed", "step": EVIL, "detail": EVIL},
        {"t_ns": 4, "event": "halted", "reason": EVIL},
    ]
    asked = {"id": EVIL, "what": EVIL, "choices": [EVIL], "within_s": 60.0}
    events += [
        {"t_ns": 5, "event": "asked", **asked},
        {"t_ns": 6, "event": "declared", "by": EVIL, "text": EVIL},
        {"t_ns": 7, "event": "alarm", "status": "firing", "name": EVIL, "summary": EVIL},
    ]
    plain, page = io.StringIO(), io.StringIO()
    live = LivePage(Patient(page))
    for view in (Plain(plain), live):
        for event in events:
            view.event(event)
        view.end(Pack(EXAMPLE), evil_record(), Sealed(None, None, (EVIL,)))
    assert is_clean(plain.getvalue()) and plain.getvalue().count("ann ✓") == 18
    assert is_clean(page.getvalue()) and "[bold red]ann" in page.getvalue() and "[/]" in page.getvalue()
    assert all(map(str.isprintable, live.events))


def test_a_comparison_as_json_has_no_direction_of_its_own(pack: Pack) -> None:
    record = json.loads(pack.record.read_text())
    record["slis"][0]["name"] = EVIL
    record["experiment"]["sha256"] = EVIL
    pack.record.write_text(json.dumps(record))
    for form in ("text", "json"):
        said = told("compare", str(EXAMPLE), str(pack.folder), "--format", form).output
        assert is_clean(said) and said


def test_an_entry_is_kept_as_it_was_written(pack: Pack) -> None:
    afterwards.add(pack, Sealing(), "note", EVIL, text=EVIL)
    assert afterwards.read(pack).notes[0].by == EVIL


def test_the_forms_of_a_report_hide_nothing(tmp_path: Path) -> None:
    made = example.plain(tmp_path)
    about = made.read_record().experiment.model_copy(update={"title": EVIL})
    steps = [step.model_copy(update={"name": EVIL, "proof": EVIL}) for step in made.read_record().steps]
    at = made.read_record().started
    said = [SaidPart(what="note", by=EVIL, text=EVIL, asked=EVIL, said=at, heard=at)]
    alarm = {"name": EVIL, "status": "firing", "summary": EVIL, "labels": {EVIL: EVIL}, "starts_at": EVIL}
    alarms = [AlarmPart(**alarm, received=at, heard=at)]
    example.change(made, experiment=about, steps=steps, said=said, alarms=alarms)
    for path in forms.write(made, ["html", "markdown", "junit", "csv"], tmp_path / "reports"):
        text = path.read_bytes().decode()
        assert clean.text(text) == text, path
        assert "ann" in text or path.name == "outages.csv"
