"""Where a fault's commands run: on this host, or on another one by SSH.

`host` is left out for this host, or says `ssh://user@db1:22`. Further options follow a question mark:
`key` (a private key's path), `known_hosts` (a path) and `sudo=yes`, which needs passwordless sudo. What is
left out comes from ~/.ssh/config, the SSH agent and the usual known_hosts files. A host whose key is not
known is refused. Commands are argument lists; only SSH, which carries a line, gets them quoted by
`shlex.join`. Another host needs a POSIX shell, coreutils, util-linux and procps.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import signal
import subprocess
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl, urlsplit

from gameday.errors import FaultError

if TYPE_CHECKING:
    import asyncssh

COMMAND_WITHIN_S = 10.0
CONNECT_WITHIN_S = 8.0
CLOSE_WITHIN_S = 2.0
NOT_FOUND = 127
# the tools of an administrator, which the PATH of other users may lack
ENVIRONMENT = {
    "LC_ALL": "C",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}
KNOWN_HOSTS = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")


def token() -> str:
    """A name for what one fault leaves on a host, so that its undo finds that and nothing else."""
    return uuid.uuid4().hex[:12]


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended. `code` is 127 when there is no such command."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Stat:
    """A process: its name, its state letter, its group, and the clock ticks from boot to its start.

    With the pid the ticks name a process for good: a pid is reused, and UTC may be set back.
    """

    name: str
    state: str
    group: int
    started: int

    @property
    def is_alive(self) -> bool:
        """A zombie has ended: it serves nobody."""
        return self.state not in "ZX"


class Host(ABC):
    """A Linux host. Every call ends within its limit; what goes wrong is a FaultError."""

    name: str
    poll_s: float

    @abstractmethod
    def run(self, command: Sequence[str], given: str = "", within_s: float = COMMAND_WITHIN_S) -> Done:
        """Run a command to its end. It is killed, and a FaultError raised, when it takes too long."""

    @abstractmethod
    def start(self, command: Sequence[str]) -> None:
        """Start a command that lives on by itself, in a session of its own."""

    @abstractmethod
    def read(self, path: str) -> str | None:
        """The text of a file, or None when there is none."""

    @abstractmethod
    def send(self, pid: int, number: signal.Signals) -> None:
        """Signal a process, or the group `-pid`. Whoever has ended already needs none."""

    @abstractmethod
    def named(self, name: str) -> list[int]:
        """The live processes of exactly this name."""

    @abstractmethod
    def mentioning(self, mark: str) -> list[int]:
        """The live processes that have this mark in their arguments."""

    @abstractmethod
    def members(self, group: int) -> list[int]:
        """The processes of a group."""

    @abstractmethod
    def administrator(self) -> tuple[str, int] | None:
        """Whence, and to which port, gameday reaches this host; None when it runs here."""

    def do(self, command: Sequence[str], given: str = "", within_s: float = COMMAND_WITHIN_S) -> str:
        """What a command prints. Raises FaultError unless it succeeds."""
        done = self.run(command, given, within_s)
        if done.code == NOT_FOUND:
            raise FaultError(f"{command[0]} is not installed on {self.name}")
        if done.code != 0:
            said = " ".join((done.err or done.out).split()) or f"exit code {done.code}"
            raise FaultError(f"{shlex.join(command)} failed on {self.name}: {said}")
        return done.out

    def has(self, *tool: str) -> bool:
        """Whether a tool is installed; the arguments make it answer and change nothing."""
        return self.run(tool).code != NOT_FOUND

    def stat(self, pid: int) -> Stat | None:
        """What the kernel says about a process; None when there is none."""
        line = self.read(f"/proc/{pid}/stat")
        if line is None:
            return None
        start, _, rest = line.rpartition(")")
        fields = rest.split()
        return Stat(start.partition("(")[2], fields[0], int(fields[2]), int(fields[19]))

    def write(self, path: str, content: str) -> None:
        """Replace what a file holds, in one step, and keep its owner and mode.

        Where a rename cannot be, as over a file that is a mount, it is written in place, never empty
        meanwhile.
        """
        target = self.do(["readlink", "-e", "--", path]).strip()
        draft = f"{target}.gameday-draft"
        size = str(len(content.encode()))
        filled = [
            self.run(["cp", "-a", "--", target, draft]).code,
            self.run(["dd", f"of={draft}", "conv=fsync", "status=none"], content).code,
        ]
        if not any(filled) and self.run(["mv", "-fT", "--", draft, target]).code == 0:
            return
        self.run(["rm", "-f", "--", draft])
        self.do(["dd", f"of={target}", "conv=notrunc,fsync", "status=none"], content)
        self.do(["truncate", "-s", size, "--", target])

    def wait_until(self, holds: Callable[[], bool], within_s: float) -> bool:
        """Whether a condition comes to hold within so many seconds."""
        deadline_s = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > deadline_s:
                return False
            time.sleep(self.poll_s)
        return True


class Local(Host):
    """This host."""

    name = "this host"
    poll_s = 0.002

    def run(self, command: Sequence[str], given: str = "", within_s: float = COMMAND_WITHIN_S) -> Done:
        path = f"{os.environ.get('PATH', '')}:{ENVIRONMENT['PATH']}"
        try:
            done = subprocess.run(
                command,
                input=given,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=within_s,
                check=False,
                env={**os.environ, **ENVIRONMENT, "PATH": path},
            )
        except FileNotFoundError:
            return Done(NOT_FOUND, "", f"there is no command {command[0]}")
        except (OSError, ValueError) as error:
            return Done(126, "", str(error))
        except subprocess.TimeoutExpired:
            raise FaultError(f"{shlex.join(command)} did not end within {within_s:g} s") from None
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, command: Sequence[str]) -> None:
        # --fork: the child is not ours, so that neither our death nor our wait concerns it
        nothing = subprocess.DEVNULL
        detached = ["setsid", "--fork", *command]
        try:
            subprocess.run(
                detached, stdin=nothing, stdout=nothing, stderr=nothing, timeout=COMMAND_WITHIN_S, check=True
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise FaultError(f"cannot start {shlex.join(command)}: {error}") from None

    def read(self, path: str) -> str | None:
        try:
            return Path(path).read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        except OSError as error:
            raise FaultError(f"cannot read {path}: {error.strerror}") from None

    def send(self, pid: int, number: signal.Signals) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        except PermissionError:
            raise FaultError(f"not allowed to send {number.name} to process {pid}") from None

    def named(self, name: str) -> list[int]:
        short = name[:15]  # the kernel keeps no more
        return [pid for pid, stat in self._processes() if stat.is_alive and stat.name == short]

    def mentioning(self, mark: str) -> list[int]:
        found = [pid for pid, _ in self._processes() if mark in (self.read(f"/proc/{pid}/cmdline") or "")]
        return [pid for pid in found if pid != os.getpid()]

    def members(self, group: int) -> list[int]:
        return [pid for pid, stat in self._processes() if stat.group == group]

    def administrator(self) -> None:
        return None

    def _processes(self) -> Iterator[tuple[int, Stat]]:
        for entry in os.listdir("/proc"):
            if entry.isdigit() and (stat := self.stat(int(entry))) is not None:
                yield int(entry), stat


class Ssh(Host):
    """Another host, by SSH. One connection from `with` to its end."""

    poll_s = 0.05

    def __init__(
        self,
        host: str,
        user: str | None = None,
        port: int | None = None,
        key: str | None = None,
        known_hosts: str | None = None,
        sudo: bool = False,
    ) -> None:
        self.name, self.user, self.port, self.key, self.sudo = host, user, port, key, sudo
        self.known_hosts = [
            str(path)
            for path in (Path(name).expanduser() for name in ([known_hosts] if known_hosts else KNOWN_HOSTS))
            if path.is_file()
        ]
        self.connection: asyncssh.SSHClientConnection | None = None

    @classmethod
    def parse(cls, url: str) -> Ssh:
        """Read `ssh://user@db1:22?key=…`. Raises FaultError when it is not one, or holds a password."""
        try:
            parts = urlsplit(url)
            options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
            port = parts.port
        except ValueError:
            raise FaultError(f"'{url}' is not a host; write for example ssh://user@db1:22") from None
        if parts.password is not None:
            raise FaultError("the undo of a fault is kept on disk: no password in host; use a key or an agent")
        if parts.scheme != "ssh" or not parts.hostname or parts.path.strip("/") or parts.fragment:
            raise FaultError(f"'{url}' is not a host; write for example ssh://user@db1:22")
        unknown = sorted(set(options) - {"key", "known_hosts", "sudo"})
        if unknown:
            raise FaultError(f"'{url}': unknown option '{unknown[0]}'; there are key, known_hosts and sudo")
        sudo = options.pop("sudo", "no") == "yes"
        return cls(parts.hostname, parts.username, port, sudo=sudo, **options)

    def __enter__(self) -> Self:
        if not self.known_hosts:
            raise FaultError(f"{self.name}: there is no known_hosts file, so its key cannot be checked")
        self.loop = asyncio.Runner()
        try:
            self.connection = self._wait(self._connect(), CONNECT_WITHIN_S, "connecting")
        except BaseException:
            self.loop.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(FaultError):
            self._wait(self._close(), CLOSE_WITHIN_S, "closing")
        self.loop.close()

    async def _connect(self) -> asyncssh.SSHClientConnection:
        import asyncssh

        return await asyncssh.connect(
            self.name,
            self.port or (),
            username=self.user or (),
            client_keys=[str(Path(self.key).expanduser())] if self.key else (),
            known_hosts=self.known_hosts,
            connect_timeout=CONNECT_WITHIN_S,
            login_timeout=CONNECT_WITHIN_S,
            keepalive_interval=COMMAND_WITHIN_S,
        )

    async def _close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            await self.connection.wait_closed()

    async def _talk(self, line: str, given: str) -> Done:
        if self.connection is None:
            raise FaultError(f"{self.name} is not connected")
        done = await self.connection.run(line, input=given, encoding="utf-8", errors="replace", check=False)
        code = done.exit_status
        return Done(-1 if code is None else code, str(done.stdout or ""), str(done.stderr or ""))

    def _wait[T](self, work: object, within_s: float, doing: str) -> T: ...

    def run(self, command: Sequence[str], given: str = "", within_s: float = COMMAND_WITHIN_S) -> Done:
        environment = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        # the far end has its own limit: a lost connection must not leave the command running
        limited = ["env", *environment, "timeout", "-k", "1", f"{within_s:g}", *command]
        line = shlex.join([*self._rise(), *limited])
        done = self._wait(self._talk(line, given), within_s + CLOSE_WITHIN_S, shlex.join(command))
        if done.code in (124, 137):
            raise FaultError(f"{shlex.join(command)} did not end within {within_s:g} s on {self.name}")
        return done
