"""Faults through a real sshd on loopback, with a host key, a configuration and users of the test's own."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import psutil
import pytest

from gameday.errors import FaultError
from gameday.faults import host, ssh
from gameday.faults.clock import offset
from gameday.faults.disk import fill
from gameday.faults.dns import override
from gameday.faults.host import Local, at, token
from gameday.faults.network import partition
from gameday.faults.process import kill, pause, resume
from gameday.faults.stress import cpu
from gameday.faults.undolog import UndoLog
from gameday.lab.postgresql import free_ports
from gameday.testing import check_fault
from tests.faults.parts import missing, need, need_root, undo_twice

PRIVILEGE_SEPARATION = Path("/run/sshd")


@dataclass(frozen=True)
class Sshd:
    """A running sshd, the client's key, and the known_hosts file that has its host key."""

    port: int
    folder: Path

    def url(self, known_hosts: str = "known_hosts") -> str:
        key, known = self.folder / "client", self.folder / known_hosts
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}?key={key}&known_hosts={known}"


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    need("sshd", "ssh-keygen", "pgrep")
    missing(*([] if find_spec("asyncssh") else ["asyncssh is not installed: pip install 'gameday-dr[ssh]'"]))
    folder, (port,) = tmp_path_factory.mktemp("sshd"), free_ports(1)
    for name in ("host", "client", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized_keys").write_text((folder / "client.pub").read_text())
    for known, key in [("known_hosts", "host"), ("known_strangers", "stranger")]:
        (folder / known).write_text(f"[127.0.0.1]:{port} {(folder / f'{key}.pub').read_text()}")
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nPidFile {folder}/pid\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nPermitRootLogin prohibit-password\n"
        "PasswordAuthentication no\nSetEnv SHLVL=2\n"  # so deep, bash reads no .bashrc
    )
    is_ours = os.geteuid() == 0 and not PRIVILEGE_SEPARATION.exists()
    if is_ours:  # sshd insists on it; a system service would have made it
        PRIVILEGE_SEPARATION.mkdir(mode=0o755)
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin") or "sshd"
    with subprocess.Popen(
        [program, "-D", "-e", "-f", folder / "config"], stderr=subprocess.DEVNULL
    ) as process:
        assert Local().wait_until((folder / "pid").exists, 10)
        yield Sshd(port, folder)
        process.terminate()
    if is_ours:
        PRIVILEGE_SEPARATION.rmdir()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", f"60.{int(token(), 16)}"]) as process:
        yield process
        process.kill()


def test_nothing_that_crosses_is_evaluated(sshd: Sshd, tmp_path: Path) -> None:
    with at(sshd.url()) as there:
        assert there.do(["printf", "%s|", "$HOME", "`id`", "a b", "'; \"\n*"]) == "$HOME|`id`|a b|'; \"\n*|"
        assert there.do(["cat"], "given\n") == "given\n" and there.do(["cat"]) == ""
        assert there.read("/no/such") is None and there.named("no-such-process") == []
        path = tmp_path / "file"
        path.write_bytes(b"\xff\r\n")
        there.write(str(path), (there.read(str(path)) or "") + "é")
        assert path.read_bytes() == b"\xff\r\n\xc3\xa9"
        with pytest.raises(FaultError, match=r"no-such-tool is not installed on 127.0.0.1"):
            there.do(["no-such-tool"])


def test_a_host_whose_key_is_not_known_is_refused(sshd: Sshd) -> None:
    (sshd.folder / "known_nobody").write_text("")
    for known in ("known_nobody", "known_strangers"):
        with (
            pytest.raises(FaultError, match=r"Host key is not trusted.*; check the host's key"),
            at(sshd.url(known)) as there,
        ):
            there.run(["touch", str(sshd.folder / "touched")])
    assert not (sshd.folder / "touched").exists()


def test_a_user_whose_key_is_not_known_is_refused(sshd: Sshd) -> None:
    url = sshd.url().replace("/client", "/stranger")
    with pytest.raises(FaultError, match="connecting failed: Permission denied"), at(url):
        pass


def test_a_host_that_does_not_answer_is_named_in_time(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gameday.faults.ssh.CONNECT_WITHIN_S", 0.3)
    (port,) = free_ports(1)
    url = sshd.url().replace(f":{sshd.port}", f":{port}")
    with pytest.raises(FaultError, match=r"127\.0\.0\.1: connecting failed"), at(url):
        pass
    start_s = time.monotonic()
    with (
        socket.create_server(("127.0.0.1", port)),  # silent
        pytest.raises(FaultError, match=r"127\.0\.0\.1: connecting"),
        at(url),
    ):
        pass
    assert time.monotonic() - start_s < 4


def test_a_command_that_takes_too_long_ends_at_both_ends(sshd: Sshd) -> None:
    mark = f"60.{int(token(), 16)}"
    with at(sshd.url()) as there:
        with pytest.raises(FaultError, match=r"did not end within 0\.2 s"):
            there.run(["sleep", mark], within_s=0.2)
        assert there.wait_until(lambda: not there.mentioning(mark), 5)


def test_a_process_is_paused_and_thawed_and_killed_there(
    sshd: Sshd, sleeper: subprocess.Popen[bytes]
) -> None:
    def stands_still() -> bool:
        return psutil.Process(sleeper.pid).status() == psutil.STATUS_STOPPED

    check_fault(pause, {"pid": sleeper.pid, "host": sshd.url()}, state=stands_still)
    assert resume(pid=sleeper.pid, host=sshd.url())["landed"]
    assert kill(pid=sleeper.pid, host=sshd.url())["landed"]
    assert sleeper.wait(1) == -9


def test_a_process_is_started_again_there(sshd: Sshd, tmp_path: Path, undo_log: UndoLog) -> None:
    program = tmp_path / f"server-{uuid4().hex[:6]}"
    shutil.copy("/bin/sleep", program)
    with subprocess.Popen([program, "60"]):
        assert kill(name=program.name, restart=[str(program), "60"], host=sshd.url())["landed"]
    assert "was started again" in undo_twice(undo_log.owed()[0])
    (pid,) = Local().named(program.name)
    assert os.getsid(pid) == pid
    os.kill(pid, 9)


def test_files_are_changed_and_put_back_there(sshd: Sshd, tmp_path: Path, undo_log: UndoLog) -> None:
    hosts, control = tmp_path / "hosts", tmp_path / "clock"
    hosts.write_text("127.0.0.1 localhost\n")
    control.write_text("+0\n")
    assert override("orders.example", "192.0.2.1", str(hosts), host=sshd.url())["landed"]
    assert offset(str(control), -60, host=sshd.url())["landed"]
    for entry in undo_log.owed():
        undo_twice(entry)
    assert (hosts.read_text(), control.read_text()) == ("127.0.0.1 localhost\n", "+0\n")


def test_two_at_once_change_a_file_there_one_after_the_other(sshd: Sshd, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("")
    with at(sshd.url()) as there, there.locked(str(hosts)):
        with at(None) as here, pytest.raises(FaultError, match="another gameday changes"):
            with patch.object(host, "LOCK_WITHIN_S", 0.1), here.locked(str(hosts)):
                pass
    with at(None) as here, here.locked(str(hosts)), at(sshd.url()) as there:
        with patch.object(ssh, "LOCK_WITHIN_S", 0.1), pytest.raises(FaultError, match="another gameday"):
            with there.locked(str(hosts)):
                pass
    with at(sshd.url()) as there, there.locked(str(hosts)):
        pass


def test_a_disk_is_filled_and_emptied_there(sshd: Sshd, tmp_path: Path, undo_log: UndoLog) -> None:
    need_root()
    volume = tmp_path / "volume"
    volume.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", volume], check=True, timeout=10)
    try:
        result = fill(str(volume), leave_mb=5, host=sshd.url())
        assert result["landed"] and result["proof"].endswith("has 5 MiB free")
        undo_twice(undo_log.owed()[0])
    finally:
        subprocess.run(["umount", volume], check=True, timeout=10)


def test_processors_are_kept_busy_there(sshd: Sshd, undo_log: UndoLog) -> None:
    need("stress-ng")
    result = cpu(1, load_percent=10, host=sshd.url())
    undo_twice(undo_log.owed()[0])
    assert result["landed"] and result["proof"] == "1 of 1 stress-ng-cpu run"


@pytest.mark.parametrize("tool", ["nft", "iptables"])
def test_a_partition_from_everything_spares_the_way_back(
    sshd: Sshd, tool: str, undo_log: UndoLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_root()
    need(tool, "ip")
    monkeypatch.setattr("gameday.faults.network.firewall_of", lambda _: tool)
    name = f"gd-{uuid4().hex[:8]}"
    subprocess.run(["ip", "netns", "add", name], check=True, timeout=10)
    try:
        assert partition(["0.0.0.0/0"], everything=True, namespace=name, host=sshd.url())["landed"]
        inside = ["ip", "netns", "exec", name]
        listing = [*inside, *(["nft", "list", "ruleset"] if tool == "nft" else ["iptables", "-S", "INPUT"])]
        rules = [
            line for line in Local().do(listing).splitlines() if "127.0.0.1" in line or "0.0.0.0/0" in line
        ]
        if tool == "iptables":
            rules = Local().do(listing).splitlines()[1:]
        assert f"port {sshd.port}" in rules[0] and "accept" in rules[0].lower()
        assert "drop" in rules[1].lower()
        undo_twice(undo_log.owed()[0])
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True, timeout=10)


def test_without_asyncssh_the_extra_is_named(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "asyncssh", None)
    with pytest.raises(FaultError, match=r"pip install 'gameday-dr\[ssh\]'"), at(sshd.url()):
        pass
