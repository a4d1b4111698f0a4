"""Override names in hosts files of the test's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from gameday.errors import FaultError
from gameday.faults.dns import forget, is_forgotten, override
from gameday.faults.undolog import UndoLog
from gameday.testing import check_fault
from tests.faults.parts import need_root, undo_twice

BEFORE = b"127.0.0.1\tlocalhost\r\n10.0.0.1 db1 db1.example # caf\xe9\n"


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    path = tmp_path / "hosts"
    path.write_bytes(BEFORE)
    path.chmod(0o640)
    return path


def test_a_name_leads_elsewhere_until_the_undo_and_every_byte_comes_back(
    hosts: Path,
) -> None:
    if os.geteuid() == 0:
        os.chown(hosts, 1234, 1235)
    seen = set()

    def state() -> tuple[bytes, int, int, int]:
        text, found = hosts.read_bytes(), hosts.stat()
        seen.add(text.partition(b"# gameday ")[0] if text.endswith(BEFORE) else text)
        return text, found.st_mode, found.st_uid, found.st_gid

    arguments = {"name": "orders.example", "address": "192.0.2.1", "hosts_file": str(hosts)}
    check_fault(override, arguments, state=state)
    assert seen == {BEFORE, b"192.0.2.1\torders.example\t"}
    assert [path.name for path in hosts.parent.iterdir() if path.name.startswith("hosts")] == ["hosts"]


def test_the_undo_removes_its_own_line_only(hosts: Path, undo_log: UndoLog) -> None:
    override("a.example", "192.0.2.1", str(hosts))
    override("b.example", "2001:db8::1", str(hosts))
    second, first = undo_log.owed()
    hosts.write_bytes(hosts.read_bytes() + b"10.0.0.9 written.meanwhile\n")
    undo_twice(first)
    assert b"2001:db8::1\tb.example" in hosts.read_bytes() and b"a.example" not in hosts.read_bytes()
    undo_twice(second)
    assert hosts.read_bytes() == BEFORE + b"10.0.0.9 written.meanwhile\n"


@pytest.fixture
def mounted(hosts: Path) -> Iterator[Path]:
    """The hosts file bind-mounted over itself, as container runtimes do: a rename is refused with EBUSY."""
    need_root()
    subprocess.run(["mount", "--bind", hosts, hosts], check=True, timeout=10)
    yield hosts
    subprocess.run(["umount", hosts], check=True, timeout=10)


def test_a_file_that_is_a_mount_is_written_in_place(mounted: Path, undo_log: UndoLog) -> None:
    inode = mounted.stat().st_ino
    assert override("orders.example", "192.0.2.1", str(mounted))["landed"]
    undo_twice(undo_log.owed()[0])
    assert (mounted.read_bytes(), mounted.stat().st_ino) == (BEFORE, inode)
    assert [path.name for path in mounted.parent.iterdir() if path.name.startswith("hosts")] == ["hosts"]


def test_a_link_stays_a_link(hosts: Path, tmp_path: Path, undo_log: UndoLog) -> None:
    link = tmp_path / f"link-{uuid4().hex[:4]}"
    link.symlink_to(hosts)
    assert override("orders.example", "192.0.2.1", str(link))["landed"]
    assert link.is_symlink() and b"orders.example" in hosts.read_bytes()


@pytest.mark.parametrize(
    ("name", "address", "message"),
    [
        ("db1.example", "192.0.2.1", "hosts:2: 'db1.example' stands there already"),
        ("two words", "192.0.2.1", "'two words' is not a host name"),
        ("x\n10.0.0.1 y", "192.0.2.1", "is not a host name"),
        ("orders.example", "10.0.0", "'10.0.0' is not an IP address"),
    ],
)
def test_what_would_not_work_is_refused(
    hosts: Path, name: str, address: str, message: str, undo_log: UndoLog
) -> None:
    with pytest.raises(FaultError, match=message):
        override(name, address, str(hosts))
    assert undo_log.entries() == [] and hosts.read_bytes() == BEFORE


def test_a_file_that_is_not_there_is_named(tmp_path: Path, undo_log: UndoLog) -> None:
    with pytest.raises(FaultError, match="there is no hosts file"):
        override("a.example", "192.0.2.1", str(tmp_path / "none"))
    assert undo_log.entries() == []


def test_many_undos_at_once_leave_no_line_and_lose_none_of_others(hosts: Path, undo_log: UndoLog) -> None:
    before = hosts.read_bytes()
    for number in range(12):
        override(name=f"orders{number}.example", address="192.0.2.1", hosts_file=str(hosts))
    calls = [entry.call["arguments"] for entry in undo_log.owed()]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda arguments: forget(**arguments), calls))
    assert hosts.read_bytes() == before
    assert all(is_forgotten(**arguments) for arguments in calls)
