"""gameday as a part of another program: several runs in a process, and nothing of the process changed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

import gameday
from gameday import hosts, redact
from gameday.run import hooks as hooking
from gameday.run.hooks import News, told
from gameday.run.runner import Run

ROOT = Path(__file__).parents[2]
SECRETS = {"a": "first-s3cr3t-4711", "b": "second-s3cr3t-0815"}


def written(folder: Path, name: str, *words: str, **blocks: Any) -> Path:
    """An experiment that prints these words, which must not hold what only the other run knows."""
    provider = {"type": "process", "path": "echo", "arguments": list(words)}
    document = {
        "title": f"{name} is greeted",
        "description": "d",
        "service": {"name": f"service-{name}"},
        "method": [{"type": "action", "name": "greet", "provider": provider}],
        **blocks,
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def secretive(folder: Path, name: str) -> Path:
    """It has a secret of its own, and says the other one's, which is no secret to it."""
    other = SECRETS["b" if name == "a" else "a"]
    return written(folder, name, "${token}", other, "${who}", secrets={"of": {"token": SECRETS[name]}},
                   configuration={"who": "nobody"})  # fmt: skip


def contents(folder: Path) -> str:
    return "\n".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())


def state() -> tuple[Any, ...]:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    return dict(os.environ), Path.cwd(), handlers, redact.known(), hosts.told(), sys.path[:]


def play(folder: Path, name: str) -> gameday.Outcome:
    experiment = gameday.load(secretive(folder, name), {"who": f"world {name}"})
    return gameday.run(experiment, results=folder / "results")


def test_two_runs_one_after_the_other_and_two_at_once_off_the_main_thread(tmp_path: Path) -> None:
    before = state()
    first = play(tmp_path, "a")
    assert state() == before
    with ThreadPoolExecutor(2) as pool:
        second, third = pool.map(lambda name: play(tmp_path, name), "ab")
    assert state() == before
    for outcome, name in ((first, "a"), (second, "a"), (third, "b")):
        assert (outcome.verdict, outcome.exit_code) == ("passed", 0)
        other = "b" if name == "a" else "a"
        text = contents(outcome.folder)
        assert SECRETS[name] not in text
        # it is no secret of this run's, so nothing is taken out for it
        assert SECRETS[other] in (outcome.folder / "journal.json").read_text()
        assert f"world {name}" in (outcome.folder / "journal.json").read_text()
        assert gameday.verify(outcome.folder).findings == []
    assert len({first.folder, second.folder, third.folder}) == 3


def test_it_is_halted_from_another_thread_and_all_is_undone(tmp_path: Path) -> None:
    mark = tmp_path / "broken"
    undo = {"provider": {"type": "process", "path": "rm", "arguments": [str(mark)]}}
    touch = {"type": "process", "path": "touch", "arguments": [str(mark)]}
    method = [{"type": "action", "name": "break", "provider": touch, "undo": undo, "pauses": {"after": 60}}]
    stop = gameday.Stop()

    def heard(entry: dict[str, Any]) -> None:
        if entry["event"] == "step-ended":
            assert mark.exists()
            threading.Thread(target=stop, args=("enough of this",)).start()

    path = written(tmp_path, "a", method=method)
    outcome = gameday.run(path, results=tmp_path / "results", stop=stop, on_event=heard)
    assert (outcome.verdict, outcome.exit_code) == ("halted", 3)
    assert "enough of this" in outcome.record.reasons[0] and not mark.exists()


def test_when_gameday_itself_fails_the_guardian_puts_back_and_the_process_lives_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no put_back today")

    monkeypatch.setattr(Run, "put_back", fail)
    with pytest.raises(gameday.NotRecorded, match="its guardian now undoes"):
        gameday.run(written(tmp_path, "a", "x"), results=tmp_path / "results")
    (folder,) = (path for path in (tmp_path / "results").iterdir() if path.name[0] != ".")
    until_s = time.monotonic() + 20
    while not (folder / "manifest.json").exists() and time.monotonic() < until_s:
        time.sleep(0.05)
    assert "the runner failed, and has left the run; the guardian put everything back" in contents(folder)


def test_a_dry_run_plays_no_action_and_is_no_evidence(tmp_path: Path) -> None:
    mark = tmp_path / "touched"
    touch = {"type": "process", "path": "touch", "arguments": [str(mark)]}
    action = {"type": "action", "name": "t", "provider": touch, "dry": "probes"}
    undone = {**action, "undo": {"provider": {"type": "process", "path": "true"}}}
    path = written(tmp_path, "a", method=[undone], rollbacks=[{**action, "name": "r"}], halt=[])
    outcome = gameday.run(path, results=tmp_path / "results", dry="actions")
    assert not mark.exists() and not (outcome.folder / "undo.jsonl").exists()
    assert (outcome.verdict, outcome.exit_code) == ("inconclusive", 4)
    assert "a dry run: its actions were not played" in outcome.record.reasons[0]
    assert '"dry": "actions"' in (outcome.folder / "timeline.jsonl").read_text()
    assert gameday.verify(outcome.folder).findings == []
    with pytest.raises(gameday.GamedayError, match="a dry run leaves out"):
        gameday.run(path, results=tmp_path, dry="pause")


def test_a_hook_that_fails_hangs_or_leaves_is_not_felt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooking, "WITHIN_S", 0.2)

    def leave(_: News) -> None:
        sys.exit(3)

    def missing() -> Any:
        raise ModuleNotFoundError("no such board")

    hooks = [
        ("fine", lambda _: None),
        ("failing", lambda _: 1 / 0),
        ("hanging", lambda _: time.sleep(60)),
        ("leaving", leave),
        ("missing", lambda news: hooking._loaded(missing, news)),
    ]
    began_s = time.monotonic()
    troubles = list(told(hooks, News("started", "r", "f", "t")))
    assert time.monotonic() - began_s < 5
    assert [trouble.split("'")[1] for trouble in troubles] == ["failing", "hanging", "leaving", "missing"]
    assert "ZeroDivisionError" in troubles[0] and "no such board" in troubles[3]


def test_hooks_hear_of_start_and_end_while_nobody_else_may_use_the_service(tmp_path: Path) -> None:
    heard: list[News] = []
    shown: list[dict[str, Any]] = []
    refused: list[str] = []
    path = written(tmp_path, "a", "x")

    def board(news: News) -> None:
        heard.append(news)
        if news.event == "started":
            with pytest.raises(gameday.GamedayError, match="under way") as raised:
                gameday.run(path, results=tmp_path / "others")
            refused.append(str(raised.value))
        raise ValueError(f"board is down at {news.event}")

    outcome = gameday.run(path, results=tmp_path / "results", hooks=[board], on_event=shown.append)
    assert [news.event for news in heard] == ["started", "ended"]
    assert heard[0].outcome is None and heard[1].outcome == outcome
    assert heard[0].service == "service-a" and heard[0].run_id == outcome.pack.run_id
    assert outcome.verdict == "passed" and refused
    reasons = [event["reason"] for event in outcome.pack.events() if event["event"] == "hook-failed"]
    assert reasons == ["the hook 'board' failed at 'started': ValueError: board is down at started"]
    assert "board is down at ended" in shown[-1]["reason"]


def test_bad_input_is_an_error_and_touches_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, "a", "x")
    (tmp_path / "x.env").write_text("A=1\n")
    for make in (
        lambda: gameday.load(tmp_path / "nowhere.yaml"),
        lambda: gameday.load(path, var_files=[tmp_path / "x.env"]),
        lambda: gameday.load(path, {"who": float("nan")}),
        lambda: gameday.run(
            written(tmp_path, "b", role="x", objectives={"rto": "soon"}), results=tmp_path / "r"
        ),
    ):
        with pytest.raises(gameday.InvalidInput):
            make()
    assert not (tmp_path / "r").exists()


def test_the_page_about_it_tells_the_truth(tmp_path: Path) -> None:
    text = (ROOT / "docs/embedding.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (output,) = re.findall(r"```\n(started .*?)```", text, re.DOTALL)
    written(tmp_path, "drill", "${who}", title="The ${who} is greeted", configuration={"who": "x"})
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == output, done.stderr


def test_importing_gameday_imports_nothing_heavy() -> None:
    heavy = "('gameday', 'pydantic', 'numpy', 'chaoslib')"
    code = f"import sys, gameday; print([name for name in sys.modules if name.split('.')[0] in {heavy}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "['gameday']"
    for name in gameday.__all__:
        assert getattr(gameday, name) is not None


def test_a_run_that_cannot_begin_leaves_no_engine_behind(tmp_path: Path) -> None:
    experiment = gameday.load(written(tmp_path, "a", "hello"))
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / ".halt").write_text("not today")
    before = set(psutil.Process().children())
    with pytest.raises(gameday.GamedayError, match="gameday halt --lift"):
        gameday.run(experiment, results=tmp_path / "results")
    assert set(psutil.Process().children()) == before
