"""Fixtures that several test files share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday import state
from gameday.errors import GamedayError
from gameday.faults.postgresql import connected
from gameday.faults.undolog import LOG_VARIABLE, UndoLog
from gameday.lab.postgresql import Node, binaries, free_ports
from tests.aws import serving
from tests.disk import Disk

# the many processes that tests start are compiled once
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """The address of an AWS that boto3 can talk to."""
    with serving() as address:
        yield address


@pytest.fixture(scope="session")
def postgresql() -> None:
    """The PostgreSQL of the wheel. Without it tests are skipped, unless GAMEDAY_REQUIRE_ALL=1."""
    try:
        binaries()
    except GamedayError as error:
        if os.environ.get("GAMEDAY_REQUIRE_ALL") == "1":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def new_cluster(postgresql: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a stopped server with a table of numbers: copying it is quicker than initdb."""
    node = Node("new", tmp_path_factory.mktemp("postgresql") / "new", free_ports(1)[0])
    try:
        node.create()
        node.start()
        with connected(node.dsn) as server:
            server.execute("CREATE TABLE numbers (n int)")
        node.stop()
    finally:
        node.discard()
    return node.data


@pytest.fixture
def primary(tmp_path: Path, new_cluster: Path) -> Iterator[Node]:
    """A running PostgreSQL primary with a table of numbers."""
    node = Node("primary", tmp_path / "primary", free_ports(1)[0])
    try:
        shutil.copytree(new_cluster, node.data)
        node.start()
        yield node
    finally:
        node.discard()


@pytest.fixture
def standby(tmp_path: Path, primary: Node) -> Iterator[Node]:
    """A streaming standby of `primary`."""
    node = Node("standby", tmp_path / "standby", free_ports(1)[0])
    try:
        node.clone(primary)
        node.follow(primary)
        node.start()
        primary.wait_until_streaming(node)
        yield node
    finally:
        node.discard()


@pytest.fixture(autouse=True, scope="session")
def state_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What gameday keeps for its user: nothing of the tests is where the user's own runs are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(state.VARIABLE, str(tmp_path_factory.mktemp("session-state")))
        yield


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What gameday keeps for its user: for each test a folder of its own."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv(state.VARIABLE, str(folder))
    return folder


@pytest.fixture
def undo_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UndoLog:
    """The undo log of a run that this process belongs to."""
    path = tmp_path / "undo.jsonl"
    monkeypatch.setenv(LOG_VARIABLE, str(path))
    return UndoLog(path)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk under `tmp_path`, and what a power cut would leave of it."""
    return Disk(tmp_path, monkeypatch)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Soak runs are long: only `-m soak` starts them."""
    if "soak" not in str(config.getoption("-m")):
        left_out = [item for item in items if item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
