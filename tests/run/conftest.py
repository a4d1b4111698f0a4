"""A real service, and runs of real experiments against it, as a user would start them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from gameday.observe.ports import free_port

HERE = Path(__file__).parent


@dataclass
class Service:
    """The service under test."""

    process: subprocess.Popen[bytes]
    url: str
    pidfile: Path


@dataclass
class Game:
    """A started `gameday run`."""

    process: subprocess.Popen[str]
    results: Path
    said: list[str] = field(default_factory=list)

    def until(self, words: str, within_s: float = 30) -> None:
        """Read its lines until one holds the words."""
        assert self.process.stderr is not None
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            line = self.process.stderr.readline()
            self.said.append(line)
            if words in line:
                return
            assert line or self.process.poll() is None, "".join(self.said)
        raise AssertionError(f"{words!r} was not said:\n" + "".join(self.said))

    def end(self, within_s: float = 60) -> tuple[int, dict[str, Any]]:
        """Wait for its end: the exit code and the record."""
        out, err = self.process.communicate(timeout=within_s)
        self.said.append(err)
        folder = Path(out.strip().splitlines()[-1]) if out.strip() else None
        record = json.loads((folder / "record.json").read_text()) if folder else {}
        return self.process.returncode, record

    @property
    def pack(self) -> Path:
        """The folder of the run."""
        return next(iter(self.results.iterdir()))

    def events(self) -> list[dict[str, Any]]:
        """The timeline so far."""
        return [json.loads(line) for line in (self.pack / "timeline.jsonl").read_text().splitlines()]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The small service, running."""
    port, pidfile = free_port(), tmp_path / "service.pid"
    process = subprocess.Popen([sys.executable, str(HERE / "service.py"), str(port), str(pidfile)])
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(500):
            with contextlib.suppress(OSError), urlopen(f"{url}/health", timeout=1):
                break
            time.sleep(0.02)
        yield Service(process, url, pidfile)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
        process.kill()
        process.wait()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Start `gameday run` on an experiment given as a dictionary."""
    games: list[Game] = []

    def begin(experiment: dict[str, Any], *arguments: str, name: str = "experiment.yaml") -> Game:
        path = tmp_path / name
        path.write_text(yaml.safe_dump(experiment, sort_keys=False))
        results = tmp_path / f"results-{len(games)}"
        command = [sys.executable, "-m", "gameday", "run", str(path), "--plain", "--results", str(results)]
        process = subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={"PYTHONPATH": str(HERE.parents[1]), **os.environ},
        )
        games.append(Game(process, results))
        return games[-1]

    yield begin
    for game in games:
        game.process.kill()
        game.process.communicate()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 40 MB of its own."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)], check=False)
    if made.returncode:
        assert os.environ.get("GAMEDAY_REQUIRE_ALL") != "1", "cannot mount a disk of its own"
        pytest.skip("cannot mount a disk of its own")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> None:
    """Fill a disk to its last byte."""
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(65_536))


def drill(service: Service, *method: dict[str, Any], **blocks: Any) -> dict[str, Any]:
    """A short experiment on the service: one probe, short baseline and sustain."""
    probe = {"http": f"{service.url}/health", "every": "10ms", "timeout": "500ms"}
    return {
        "title": "a short drill",
        "description": "A drill of a test.",
        "objectives": {
            "rto": "5s",
            "sustain": "1s",
            "baseline": "1s",
            "after-check": "500ms",
            "deadline": "4s",
        },
        "slis": [{"name": "health", "source": "probe", "probe": probe, "objective": "100%", "window": "1s"}],
        "method": list(method),
        **blocks,
    }


def action(name: str, module: str, func: str, role: str | None = None, /, **arguments: Any) -> dict[str, Any]:
    """A Python activity."""
    provider = {"type": "python", "module": module, "func": func, "arguments": arguments}
    made: dict[str, Any] = {"type": "action", "name": name, "provider": provider}
    return {**made, "role": role} if role else made
