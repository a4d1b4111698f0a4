"""`gameday recover`: it undoes first, from any folder, and only what this user's gameday owes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from gameday import state
from gameday.cli import cli
from gameday.errors import GamedayError
from gameday.evidence import keep, shelf
from gameday.evidence.pack import Pack
from gameday.experiment.load import load
from gameday.faults.undolog import LOG_COPY_VARIABLE, LOG_VARIABLE, UndoLog
from gameday.measure.plan import plan_of
from gameday.processes import Identity
from gameday.run.claim import LockClaim, claim_on
from gameday.run.custody import Custody
from gameday.run.preflight import check_unfinished
from gameday.run.timeline import Timeline
from tests.run import steps

EXPERIMENT: dict[str, Any] = {
    "title": "orders lose their file",
    "description": "a file is overwritten",
    "service": {"name": "orders"},
    "slis": [
        {
            "name": "health",
            "source": "probe",
            "probe": {"http": "http://127.0.0.1:9/", "every": "50ms", "timeout": "500ms"},
            "objective": "99%",
            "window": "500ms",
        }
    ],
    "method": [],
}


@dataclass
class Cut:
    """A run whose runner and guardian are gone, while a file is broken."""

    work: Path
    results: Path
    custody: Custody

    @property
    def pack(self) -> Pack:
        return self.custody.pack

    @property
    def file(self) -> Path:
        return self.work / "file"

    def recover(self, *arguments: str) -> Result:
        """As a user types it, from another folder."""
        with contextlib.chdir(self.work.parent):
            return CliRunner().invoke(cli, ["recover", "--results", str(self.results), *arguments])

    def rolls_back(self) -> None:
        """Let the run have come so far that its rollbacks have to be played."""
        Timeline(self.pack.timeline).add("phase", name="method")


@pytest.fixture
def cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cut]:
    yield cut_off(tmp_path, monkeypatch, EXPERIMENT)


def cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, experiment: dict[str, Any], *variables: str
) -> Cut:
    work, results = tmp_path / "work", tmp_path / "results"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    file = work / "experiment.yaml"
    file.write_text(yaml.safe_dump(experiment))
    loaded = load(file, {})
    made = shelf.create(results, loaded.title)
    custody = Custody.begin(made, loaded, variables, None)
    keep.describe(made, loaded, plan_of(loaded.blocks))
    timeline = Timeline(made.timeline)
    timeline.tie_clocks()
    timeline.add("run", run_id=made.run_id, title=loaded.title)
    cut = Cut(work, results, custody)
    cut.file.write_text("as it was")
    monkeypatch.setenv(LOG_VARIABLE, str(custody.undo_log.path))
    monkeypatch.setenv(LOG_COPY_VARIABLE, str(custody.undo_log.copy))
    steps.overwrite(path="file", text="broken")
    assert cut.file.read_text() == "broken"
    return cut


def test_a_relative_path_is_undone_from_any_folder_and_the_run_is_sealed(cut: Cut) -> None:
    done = cut.recover()
    assert (done.exit_code, cut.file.read_text()) == (0, "as it was"), done.output
    assert "everything is put back" in done.output
    assert (cut.pack.folder / "seal.json").exists()
    assert not cut.custody.folder.exists()  # nothing is kept of what has ended
    assert "nothing to recover" in cut.recover().output


def test_an_undo_whose_working_folder_is_gone_is_still_owed(cut: Cut) -> None:
    cut.work.rename(cut.work.with_name("moved"))
    done = cut.recover()
    assert done.exit_code == 5
    assert "still owed: overwrite" in done.output
    record = json.loads(cut.pack.record.read_text())
    assert "is gone (No such file or directory); make it again" in json.dumps(record)
    cut.work.with_name("moved").rename(cut.work)
    assert (cut.recover().exit_code, cut.file.read_text()) == (0, "as it was")


@pytest.mark.parametrize("key", ["/no/such/key.pem", "awskms:alias/away"])
def test_a_key_that_cannot_sign_keeps_nothing_from_being_undone(
    cut: Cut, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    done = cut.recover("--key", key)
    assert (done.exit_code, cut.file.read_text()) == (5, "as it was"), done.output
    assert "everything is put back\n" in done.output and "it has no sealed record: " in done.output
    assert not Custody.of(cut.pack).is_foreign  # it is kept until it has one
    assert cut.recover().exit_code == 0  # once there is a key that can, or none is asked for


def test_an_unset_variable_of_the_settings_keeps_nothing_from_being_undone(cut: Cut) -> None:
    (cut.work.parent / "gameday.toml").write_text('[evidence]\nkey = "${NO_SUCH_VARIABLE}"\n')
    done = cut.recover()
    assert (done.exit_code, cut.file.read_text()) == (5, "as it was"), done.output
    assert "NO_SUCH_VARIABLE" in done.output


@pytest.mark.parametrize("odd", ["file", "undo", "plan", "dangling", "names"])
def test_an_odd_folder_beside_it_keeps_nothing_from_being_undone(cut: Cut, odd: str) -> None:
    folder = cut.results / "20200101T000000Z-odd-000000"
    match odd:
        case "file":
            folder.write_text("no folder")
        case "undo":
            folder.mkdir()
            (folder / "undo.jsonl").write_text('{"event": "owed", "id": [], "call": 7}\n\xff\n[1]\n')
        case "plan":
            folder.mkdir()
            for name in ("plan.json", "timeline.jsonl", "undo.jsonl"):
                (folder / name).mkdir()
        case "dangling":
            folder.symlink_to("nowhere")
        case "names":
            folder.mkdir()
            (folder / "timeline.jsonl").write_text('{"event": "run", "run_id": "../../../etc"}\n')
    done = cut.recover()
    assert cut.file.read_text() == "as it was"
    assert isinstance(done.exception, SystemExit | None), done.exception
    assert f"{cut.pack.run_id}: everything is put back" in done.output


def test_a_folder_that_was_moved_is_recovered_where_it_is(cut: Cut) -> None:
    moved = cut.pack.folder.rename(cut.results / "20300101T000000Z-moved-aaaaaa")
    assert (cut.recover().exit_code, cut.file.read_text()) == (0, "as it was")
    assert (moved / "seal.json").exists()


def test_a_copy_of_a_run_that_is_still_there_is_foreign(cut: Cut) -> None:
    copy = Pack(shutil.copytree(cut.pack.folder, cut.results / "20300101T000000Z-copy-aaaaaa"))
    assert Custody.of(copy).is_foreign
    done = cut.recover(str(copy.folder))
    assert (done.exit_code, cut.file.read_text()) == (5, "broken"), done.output
    assert not Custody.of(cut.pack).is_foreign


def test_a_folder_that_was_deleted_is_undone_all_the_same(cut: Cut) -> None:
    shutil.rmtree(cut.pack.folder)
    done = cut.recover()
    assert (done.exit_code, cut.file.read_text()) == (0, "as it was"), done.output
    assert "nothing to recover" in cut.recover().output


def test_a_copy_without_what_is_owed_does_not_pass_for_put_back(cut: Cut) -> None:
    cut.pack.undo_log.write_text("")  # whoever can write to results may forge the copy, not what counts
    assert (cut.recover().exit_code, cut.file.read_text()) == (0, "as it was")
    assert [entry.step for entry in UndoLog(cut.pack.undo_log).entries()] == [""]  # and it is whole again


def forged(results: Path, call: dict[str, Any]) -> Pack:
    """A folder that somebody has made who knows what gameday writes."""
    made = Pack(results / "20260101T000000Z-forged-123456")
    made.folder.mkdir(parents=True)
    for name, lines in {
        "timeline.jsonl": [{"event": "phase", "name": "method"}],
        "undo.jsonl": [
            {"id": "1", "event": "owed", "step": "\x1b[2Jall is well", "fault": "f", "call": call}
        ],
    }.items():
        (made.folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return made


def test_what_a_stranger_wrote_is_shown_and_not_played(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    call = {"module": "os", "func": "system", "verify": None, "arguments": {"command": f"touch {mark}"}}
    made = forged(tmp_path / "results", call)
    rollback = {"type": "action", "name": "r", "provider": {"type": "process", "path": f"touch {mark}"}}
    (made.folder / "experiment.yaml").write_text(yaml.safe_dump({**EXPERIMENT, "rollbacks": [rollback]}))
    sleeping = subprocess.Popen(["sleep", "60"], start_new_session=True)
    identity = Identity.of("engine", sleeping.pid)
    assert identity is not None
    (made.folder / "processes.jsonl").write_text(json.dumps(asdict(identity)))
    try:
        done = CliRunner().invoke(cli, ["recover", "--results", str(tmp_path / "results")])
        assert (done.exit_code, mark.exists(), sleeping.poll()) == (5, False, None)
    finally:
        sleeping.kill()
        sleeping.wait()
    assert "your gameday did not write this here" in done.output
    assert f'undo \\u001b[2Jall is well: os.system({{"command": "touch {mark}"}})' in done.output
    assert f"end process {sleeping.pid} and its group" in done.output
    assert "roll back: " in done.output and "--trust" in done.output
    assert "\x1b" not in done.output


def test_what_a_stranger_wrote_is_played_at_a_word(cut: Cut) -> None:
    shutil.rmtree(cut.custody.folder)  # as on another machine, or for another user
    assert (cut.recover().exit_code, cut.file.read_text()) == (5, "broken")
    assert (cut.recover("--trust").exit_code, cut.file.read_text()) == (0, "as it was")


def test_an_undo_log_of_an_older_gameday_is_still_played(
    cut: Cut, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(cut.custody.folder)
    lines = [json.loads(line) for line in cut.pack.undo_log.read_text().splitlines()]
    del lines[0]["call"]["cwd"]
    lines[0]["call"]["arguments"]["path"] = str(cut.file)
    undo = {"type": "process", "path": "touch", "arguments": [str(cut.work / "declared")]}
    declared = {"activity": {"type": "action", "name": "undo it", "provider": undo}}
    lines.append({"id": "2", "event": "owed", "step": "it", "fault": "it", "t_ns": 1, "call": declared})
    cut.pack.undo_log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = cut.recover("--trust")
    assert (done.exit_code, cut.file.read_text()) == (0, "as it was"), done.output
    assert (cut.work / "declared").exists()


def test_rollbacks_are_played_as_the_file_says_and_where_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = {"type": "process", "path": "sh", "arguments": ["-c", 'echo "$0" >said', "orders-db"]}
    rollback = {"type": "action", "name": "say it", "provider": provider}
    experiment = {
        **EXPERIMENT,
        "title": "orders-db dies",
        "secrets": {"db": {"password": "orders-db"}},
        "rollbacks": [rollback],
    }
    cut = cut_off(tmp_path, monkeypatch, experiment)
    cut.rolls_back()
    done = cut.recover()
    assert (done.exit_code, (cut.work / "said").read_text()) == (0, "orders-db\n"), done.output


def test_a_secret_of_the_command_line_is_known_to_a_recovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say = {"type": "process", "path": "echo", "arguments": ["${password}"]}
    experiment = {
        **EXPERIMENT,
        "configuration": {"password": "none"},
        "rollbacks": [{"type": "action", "name": "say it", "provider": say}],
    }
    cut = cut_off(tmp_path, monkeypatch, experiment, "password=correct-horse-battery")
    cut.rolls_back()
    assert cut.recover().exit_code == 0
    files = [path for path in cut.pack.folder.rglob("*") if path.is_file()]
    assert any(path.name == "journal.json" for path in files)
    assert not [path for path in files if b"correct-horse" in path.read_bytes()]


def test_a_rollback_that_fails_is_not_everything_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollback = {"type": "action", "name": "fail", "provider": {"type": "process", "path": "false"}}
    cut = cut_off(tmp_path, monkeypatch, {**EXPERIMENT, "rollbacks": [rollback]})
    cut.rolls_back()
    done = cut.recover()
    assert done.exit_code == 5
    assert "everything is put back" not in done.output
    assert "failed: rollback 'fail'" in done.output


def test_what_was_killed_between_its_record_and_its_seal_is_sealed(cut: Cut) -> None:
    assert cut.recover().exit_code == 0
    record = cut.pack.record.read_bytes()
    (cut.pack.folder / "seal.json").unlink()
    assert cut.recover("--trust").exit_code == 0
    assert (cut.pack.folder / "seal.json").exists()
    assert json.loads(cut.pack.record.read_bytes())["run_id"] == json.loads(record)["run_id"]


def test_a_run_that_has_ended_is_left_as_it_is(cut: Cut) -> None:
    assert cut.recover().exit_code == 0
    before = {path.name: path.read_bytes() for path in cut.pack.folder.iterdir() if path.is_file()}
    done = cut.recover(str(cut.pack.folder))
    assert done.exit_code == 0
    assert {path.name: path.read_bytes() for path in cut.pack.folder.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("where", ["its own results", "other results", "an absolute path"])
def test_no_drill_begins_on_a_service_that_is_owed_an_undo(cut: Cut, where: str, tmp_path: Path) -> None:
    file = cut.work / "experiment.yaml" if where == "an absolute path" else Path("experiment.yaml")
    results = tmp_path / "elsewhere" if where == "other results" else cut.results
    with pytest.raises(GamedayError, match=r"was cut off and owes 1 undo\(s\) on the same service"):
        check_unfinished(load(file, {}), results)


def claimed(file: str) -> LockClaim:
    claim = claim_on(load(Path(file), {}))
    assert isinstance(claim, LockClaim)
    return claim


def test_one_drill_at_a_time_on_a_service_whatever_its_results(cut: Cut) -> None:
    first, second = claimed("experiment.yaml"), claimed("experiment.yaml")
    first.take()
    first.sign(str(cut.pack.folder))
    with pytest.raises(
        GamedayError, match=f"'orders' is under way: .*{cut.pack.run_id}, process {os.getpid()}"
    ):
        second.take()
    first.let_go()
    second.take()
    second.let_go()


def test_a_service_is_claimed_however_it_is_spelled(cut: Cut) -> None:
    other = Path("other.yaml")
    other.write_text(yaml.safe_dump({**EXPERIMENT, "service": {"name": "ORDERS"}}))
    first, second = claimed("experiment.yaml"), claimed("other.yaml")
    first.take()
    with pytest.raises(GamedayError, match="is under way"):
        second.take()
    first.let_go()


def test_a_claim_lives_as_long_as_a_child_that_holds_it(cut: Cut) -> None:
    first, second = claimed("experiment.yaml"), claimed("experiment.yaml")
    first.take()
    assert first.lock.descriptor is not None
    child = subprocess.Popen(["sleep", "60"], pass_fds=(first.lock.descriptor,))
    first.let_go()
    try:
        with pytest.raises(GamedayError):
            second.take()
    finally:
        child.kill()
        child.wait()
    second.take()
    second.let_go()


def test_what_is_kept_of_a_run_is_this_users_alone(cut: Cut) -> None:
    assert cut.custody.folder.stat().st_mode & 0o077 == 0
    assert state.folder().stat().st_mode & 0o077 == 0


def test_a_folder_that_others_can_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(state.VARIABLE, str(tmp_path / "open"))
    state.folder().chmod(0o777)
    with pytest.raises(GamedayError, match="could be written by others"):
        state.folder("runs")


def test_a_folder_of_somebody_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    state.folder()
    monkeypatch.setattr("os.geteuid", lambda: 4242)
    with pytest.raises(GamedayError, match="must be yours alone"):
        state.folder("runs")


def test_no_fault_is_played_that_could_be_forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(state.VARIABLE, str(tmp_path / "file"))
    with pytest.raises(GamedayError, match="set XDG_STATE_HOME to a folder of yours"):
        state.folder("runs")


def test_the_undo_of_another_process_finds_both_logs(cut: Cut) -> None:
    program = "from gameday.faults.undolog import UndoLog as L; L.of_this_run().note('x', 'landed')"
    subprocess.run(
        [sys.executable, "-c", program], check=True, env={**os.environ, **cut.custody.environment()}
    )
    lines = [path.read_text().splitlines()[-1] for path in (cut.custody.undo_log.path, cut.pack.undo_log)]
    assert lines[0] == lines[1] and '"landed"' in lines[0]
