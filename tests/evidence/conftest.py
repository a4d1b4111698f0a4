"""Real packs: runs of real experiments on real services, sealed with a key."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from gameday.evidence import keys
from gameday.evidence.pack import Pack
from gameday.evidence.shelf import packs
from gameday.observe.ports import free_port
from tests.run.conftest import Service, action, drill

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "tests/run/service.py"


@dataclass(frozen=True)
class KeyPair:
    """The key that the packs are sealed with."""

    private: Path
    public: Path


@pytest.fixture(scope="session")
def key_pair(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    private, public, _ = keys.make(tmp_path_factory.mktemp("keys"), "evidence")
    return KeyPair(private, public)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Service]:
    """A small real service."""
    port, pidfile = free_port(), folder / "service.pid"
    process = subprocess.Popen([sys.executable, str(SERVICE), str(port), str(pidfile)])
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(500):
            with contextlib.suppress(OSError), urlopen(f"{url}/health", timeout=1):
                break
            time.sleep(0.02)
        yield Service(process, url, pidfile)
    finally:
        process.kill()
        process.wait()


def frozen(service: Service, seconds: float) -> list[dict[str, Any]]:
    """Freeze the service for so long."""
    pidfile = str(service.pidfile)
    freeze = action("freeze", "gameday.faults.process", "pause", "fault", pidfile=pidfile)
    thaw = action("thaw", "gameday.faults.process", "resume", "failover", pidfile=pidfile)
    return [{**freeze, "pauses": {"after": seconds}}, thaw]


def play(folder: Path, experiment: dict[str, Any], key: Path | None, **environment: str) -> Pack:
    """Run an experiment to its end, whatever that is; the pack it leaves."""
    (folder / "x.yaml").write_text(yaml.safe_dump(experiment, sort_keys=False))
    results = folder / "results"
    command = [sys.executable, "-m", "gameday", "run", "x.yaml", "--plain", "--results", str(results)]
    command += ["--key", str(key)] if key else []
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=False,
    )
    assert packs(results), done.stderr
    return packs(results)[-1]


@pytest.fixture(scope="session")
def real_packs(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> list[Pack]:
    """A run that passed, with a ledger, and one that was halted."""
    made = []
    for name in ("passed", "halted"):
        folder = tmp_path_factory.mktemp(name)
        with serving(folder) as service:
            halted = {"halt": [{"when": "health < 50%", "for": "200ms"}]}
            ledger = {"ledger": {"http": f"{service.url}/orders", "rate": "50/s"}}
            method = frozen(service, 0.5 if name == "passed" else 20)
            experiment = drill(service, *method, **(ledger if name == "passed" else halted))
            made.append(play(folder, experiment, key_pair.private))
    return made
