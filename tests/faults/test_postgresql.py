"""Promote, fence and cut replication of real servers, and put back what was broken."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

from gameday.errors import FaultError
from gameday.faults.postgresql import (
    connected,
    cut_replication,
    fence,
    is_restored,
    is_unfenced,
    processes_in,
    promote,
    restore_replication,
    unfence,
    wait_until,
)
from gameday.faults.undolog import UndoLog
from gameday.lab.postgresql import Node, free_ports
from gameday.testing import check_fault


def test_a_promoted_standby_takes_writes(primary: Node, standby: Node) -> None:
    primary.kill()
    check_fault(promote, {"dsn": standby.dsn}, state=standby.is_primary, owes=False)
    assert standby.is_primary()
    assert promote(standby.dsn)["proof"] == "the server was a primary already"


def test_a_fenced_primary_comes_back_as_a_standby(primary: Node, undo_log: UndoLog) -> None:
    assert fence(str(primary.data))["landed"]
    assert processes_in(primary.data) == []
    primary.start()
    assert primary.ask("SELECT pg_is_in_recovery()") is True


def test_a_frozen_primary_is_fenced_with_all_its_backends(primary: Node) -> None:
    with connected(primary.dsn):
        family = processes_in(primary.data)
        psutil.Process(int(primary.pidfile.read_text().split()[0])).send_signal(signal.SIGSTOP)
        assert fence(str(primary.data))["landed"]
        assert all(not p.is_running() or p.status() == psutil.STATUS_ZOMBIE for p in family)
        # the connection is dead on this side too
        with pytest.raises(FaultError):
            primary.ask("SELECT 1")


def test_a_killed_primary_is_fenced_and_its_file_belongs_to_the_folders_owner(primary: Node) -> None:
    primary.kill()
    assert fence(str(primary.data))["landed"]
    assert primary.standby_signal.stat().st_uid == primary.data.stat().st_uid


def test_unfencing_waits_for_proof_that_nobody_took_over(
    primary: Node, standby: Node, undo_log: UndoLog
) -> None:
    fence(str(primary.data), standby.dsn)
    (entry,) = undo_log.owed()
    arguments = entry.call["arguments"]
    # nobody says who took over
    assert "stays fenced" in unfence(str(primary.data), None)
    # nobody can tell
    standby.stop()
    with pytest.raises(FaultError, match="refused"):
        unfence(**arguments)
    assert primary.standby_signal.exists()
    # it never took over
    standby.start()
    unfence(**arguments)
    primary.start()
    assert primary.is_primary()
    fenced = {"data": str(primary.data), "dsn": standby.dsn}
    check_fault(fence, fenced, state=primary.standby_signal.exists)


def test_a_fence_stays_while_the_other_server_leads(primary: Node, standby: Node) -> None:
    fence(str(primary.data), standby.dsn)
    promote(standby.dsn)
    for _ in range(2):
        assert "stays fenced" in unfence(str(primary.data), standby.dsn)
        assert is_unfenced(str(primary.data), standby.dsn)
    assert primary.standby_signal.exists()


def test_unfencing_leaves_a_rejoined_standby_alone(primary: Node, standby: Node) -> None:
    fence(str(primary.data), standby.dsn)
    promote(standby.dsn)
    primary.rejoin(standby)
    assert "not fenced any more" in unfence(str(primary.data), standby.dsn)
    assert primary.standby_signal.exists()
    assert primary.ask("SELECT pg_is_in_recovery()") is True


def test_fencing_twice_or_fencing_a_standby_is_safe(primary: Node, standby: Node) -> None:
    for _ in range(2):
        assert fence(str(primary.data), standby.dsn)["landed"]
    before = standby.standby_signal.read_text()
    assert fence(str(standby.data))["landed"]
    assert standby.standby_signal.read_text() == before
    assert "not fenced any more" in unfence(str(standby.data), None)


def test_a_cut_standby_gets_nothing_until_the_undo(primary: Node, standby: Node, undo_log: UndoLog) -> None:
    assert cut_replication(standby.dsn)["landed"]
    assert wait_until(lambda: primary.ask("SELECT count(*) FROM pg_stat_replication") == 0, 5)
    (entry,) = undo_log.owed()
    arguments = entry.call["arguments"]
    assert arguments == {"dsn": standby.dsn, "slot": None, "data": None}
    assert cut_replication(standby.dsn)["landed"]  # again: its own undo must not bring back the cut
    assert len(undo_log.owed()) == 1
    restore_replication(**arguments)
    check_fault(cut_replication, {"dsn": standby.dsn}, state=lambda: standby.ask("SHOW primary_slot_name"))
    primary.wait_until_streaming(standby)


def test_the_slot_that_a_standby_used_is_put_back(primary: Node, standby: Node, undo_log: UndoLog) -> None:
    primary.ask("SELECT pg_create_physical_replication_slot('orders')")
    with connected(standby.dsn) as server:
        server.execute("ALTER SYSTEM SET primary_slot_name = 'orders'")
        server.execute("SELECT pg_reload_conf()")
    in_use = "SELECT count(*) FROM pg_replication_slots WHERE active"
    assert wait_until(lambda: primary.ask(in_use) == 1, 10)
    cut_replication(standby.dsn)
    assert wait_until(lambda: primary.ask(in_use) == 0, 5)
    assert "'orders'" in restore_replication(**undo_log.owed()[0].call["arguments"])
    assert wait_until(lambda: primary.ask(in_use) == 1, 10)


def test_a_cut_undone_after_a_promotion_is_harmless(primary: Node, standby: Node) -> None:
    cut_replication(standby.dsn)
    primary.kill()
    promote(standby.dsn)
    restore_replication(standby.dsn, None)
    assert is_restored(standby.dsn, None)
    assert standby.is_primary()


def test_a_primary_has_no_replication_to_cut(primary: Node, undo_log: UndoLog) -> None:
    with pytest.raises(FaultError, match="only a standby"):
        cut_replication(primary.dsn)
    assert undo_log.entries() == []


def test_no_error_shows_a_password_and_no_undo_keeps_one(tmp_path: Path, undo_log: UndoLog) -> None:
    port = free_ports(1)[0]
    with pytest.raises(FaultError, match="refused") as refused:
        promote(f"postgresql://admin:hunter2@127.0.0.1:{port}/postgres")
    with pytest.raises(FaultError, match="no PostgreSQL DSN") as unreadable:
        promote("host=127.0.0.1 password=hunter2 hunter2")
    (tmp_path / "PG_VERSION").write_text("18")
    for broken in (
        lambda: cut_replication(f"postgresql://admin:hunter2@127.0.0.1:{port}/postgres"),
        lambda: fence(str(tmp_path), f"host=127.0.0.1 port={port} password=hunter2"),
    ):
        with pytest.raises(FaultError, match="PGPASSFILE") as kept:
            broken()
        assert "hunter2" not in str(kept.value)
    assert "hunter2" not in f"{refused.value!r} {unreadable.value!r}"
    assert undo_log.entries() == []


def test_a_folder_that_is_no_data_directory_is_not_fenced(tmp_path: Path, undo_log: UndoLog) -> None:
    with pytest.raises(FaultError, match="is not a PostgreSQL data directory"):
        fence(str(tmp_path))
    assert undo_log.entries() == [] and list(tmp_path.glob("standby.signal")) == []
