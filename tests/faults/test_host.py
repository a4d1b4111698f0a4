"""Commands on this host."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from gameday.errors import FaultError
from gameday.faults.host import Local, at, token
from gameday.faults.ssh import Ssh


def test_a_command_is_a_list_and_nothing_in_it_is_evaluated() -> None:
    done = Local().run(["printf", "%s", "$HOME `id` ; \n*"])
    assert (done.code, done.out) == (0, "$HOME `id` ; \n*")


def test_a_command_that_takes_too_long_is_killed() -> None:
    start_s = time.monotonic()
    with pytest.raises(FaultError, match=r"sleep 61\.25 did not end within 0\.1 s"):
        Local().run(["sleep", "61.25"], within_s=0.1)
    assert time.monotonic() - start_s < 5 and Local().mentioning("61.25") == []


def test_a_command_that_is_not_there_is_named() -> None:
    assert not Local().has("no-such-tool", "--version") and Local().has("sleep", "--version")
    with pytest.raises(FaultError, match="no-such-tool is not installed on this host"):
        Local().do(["no-such-tool"])


def test_a_command_that_fails_says_what_it_said() -> None:
    with pytest.raises(FaultError, match=r"cat /no/such failed on this host: .*No such file"):
        Local().do(["cat", "/no/such"])


def test_what_is_started_lives_on_in_a_session_of_its_own() -> None:
    mark = f"60.{int(token(), 16)}"
    Local().start(["sleep", mark])
    assert Local().wait_until(lambda: len(Local().mentioning(mark)) == 1, 5)
    (pid,) = Local().mentioning(mark)

    def is_sleep() -> bool:  # before that it is setsid, which becomes the command
        now = Local().stat(pid)
        return now is not None and now.name == "sleep"

    assert Local().wait_until(is_sleep, 5)
    stat = Local().stat(pid)
    assert stat is not None and stat.group == pid and pid in Local().members(pid)
    Local().send(-pid, signal.SIGKILL)
    assert Local().wait_until(lambda: not Local().mentioning(mark), 5)
    Local().send(pid, signal.SIGKILL)


def test_a_zombie_is_not_alive() -> None:
    process = subprocess.Popen(["true"])
    time.sleep(0.1)
    stat = Local().stat(process.pid)
    assert stat is not None and not stat.is_alive and process.pid not in Local().named("true")
    process.wait()
    assert Local().stat(process.pid) is None


def test_any_byte_of_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xff\r\n\x00")
    Local().write(str(path), (Local().read(str(path)) or "") + "é")
    assert path.read_bytes() == b"\xff\r\n\x00\xc3\xa9" and list(tmp_path.iterdir()) == [path]
    Local().write(str(path), "")
    assert path.read_bytes() == b"" and Local().read("/no/such") is None


def test_an_address_says_where_by_whom_and_how() -> None:
    host = Ssh.parse("ssh://chaos@db1:2222?key=/keys/a%20b&sudo=yes")
    assert (host.name, host.user, host.port, host.key, host.sudo) == ("db1", "chaos", 2222, "/keys/a b", True)
    assert Ssh.parse("ssh://[::1]").name == "::1"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("db1", "is not a host; write for example ssh://user@db1:22"),
        ("http://db1", "is not a host"),
        ("ssh://db1:port", "is not a host"),
        ("ssh://db1/path", "is not a host"),
        ("ssh://a:hunter2@db1", "no password in host"),
        ("ssh://db1?kye=/x", "unknown option 'kye'"),
        ("ssh://db1?known_hosts=/no/such", "there is no known_hosts file"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str, message: str) -> None:
    with pytest.raises(FaultError, match=message) as refused, at(url):
        pass
    assert "hunter2" not in str(refused.value)
