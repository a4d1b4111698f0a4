"""A server that belonged to a process is gone with it: nothing of it is owed for ever."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from gameday.errors import FaultError
from gameday.faults import postgresql
from gameday.faults.owned import OWNER, claim, is_gone
from gameday.observe.ports import free_port
from gameday.processes import Identity


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A fenced data directory."""
    folder = tmp_path / "primary"
    folder.mkdir()
    (folder / "standby.signal").write_text(postgresql.FENCE_NOTE)
    return folder


def let_another_own(folder: Path) -> None:
    """The owner is a process that has ended."""
    with subprocess.Popen(["sleep", "60"]) as owner:
        identity = Identity.of("owner", owner.pid)
        owner.kill()
    assert identity is not None
    (folder / OWNER).write_text(json.dumps(asdict(identity)))


def test_a_server_is_gone_with_its_data_or_its_owner_and_not_before(data: Path) -> None:
    assert not is_gone(data)
    claim(data.parent)
    assert json.loads((data.parent / OWNER).read_text())["pid"] == os.getpid()
    assert not is_gone(data)
    let_another_own(data.parent)
    assert is_gone(data)
    assert is_gone(data.parent / "never was")


def test_what_a_server_that_is_gone_owed_is_undone(data: Path) -> None:
    dsn = f"postgresql://postgres@127.0.0.1:{free_port()}/postgres"
    with pytest.raises(FaultError):
        postgresql.unfence(str(data), dsn)
    with pytest.raises(FaultError):
        postgresql.restore_replication(dsn, None, str(data))
    let_another_own(data.parent)
    assert "is gone" in postgresql.unfence(str(data), dsn)
    assert postgresql.is_unfenced(str(data), dsn)
    assert "is gone" in postgresql.restore_replication(dsn, None, str(data))
    assert postgresql.is_restored(dsn, None, str(data))
