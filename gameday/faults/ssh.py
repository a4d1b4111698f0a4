"""Another host, by SSH.

`ssh://user@db1:22`, and further options after a question mark: `key` (a private key's path),
`known_hosts` (a path) and `sudo=yes`, which needs passwordless sudo. What is left out comes from
~/.ssh/config, the SSH agent and the usual known_hosts files. A host whose key is not known is refused.
SSH carries a line, not a list: `shlex.join` quotes it for the POSIX shell there. The host needs
coreutils, util-linux and procps; this one needs asyncssh: `pip install 'gameday-dr[ssh]'`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
import signal
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit

from gameday.errors import FaultError
from gameday.faults.host import (
    COMMAND_WITHIN_S,
    ENVIRONMENT,
    KEPT_OF_A_NAME,
    LOCK_WITHIN_S,
    TEXT,
    Done,
    Host,
)

if TYPE_CHECKING:
    import asyncssh

T = TypeVar("T")

CONNECT_WITHIN_S = 8.0
CLOSE_WITHIN_S = 2.0
KNOWN_HOSTS = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")


class Ssh(Host):
    """Another host, by SSH. One connection from `with` to its end."""

    poll_s = 0.05

    def __init__(
        self,
        host: str,
        user: str | None = None,
        port: int | None = None,
        *,
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
            raise FaultError(
                "the undo of a fault is kept on disk: no password in host; use a key or an agent"
            )
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
        import asyncssh

        if self.connection is None:
            raise FaultError(f"{self.name} is not connected")
        fed: dict[str, Any] = {"input": given} if given else {"stdin": asyncssh.DEVNULL}
        done = await self.connection.run(line, encoding=TEXT[0], errors=TEXT[1], **fed)
        code = done.exit_status
        return Done(-1 if code is None else code, str(done.stdout or ""), str(done.stderr or ""))

    def _wait(self, work: Coroutine[Any, Any, T], within_s: float, doing: str) -> T:
        """Play the network's part, within its limit."""
        try:
            import asyncssh
        except ImportError:
            work.close()
            raise FaultError("faults on other hosts need asyncssh: pip install 'gameday-dr[ssh]'") from None
        try:
            return self.loop.run(asyncio.wait_for(work, within_s))
        except asyncssh.HostKeyNotVerifiable as error:
            files = ", ".join(self.known_hosts)
            raise FaultError(
                f"{self.name}: {error}; check the host's key, then add it to {files} with ssh-keyscan"
            ) from None
        except TimeoutError:
            raise FaultError(f"{self.name}: {doing} did not end within {within_s:g} s") from None
        except (OSError, ValueError, asyncssh.Error) as error:
            raise FaultError(f"{self.name}: {doing} failed: {error}") from None

    def run(self, command: Sequence[str], given: str = "", within_s: float = COMMAND_WITHIN_S) -> Done:
        environment = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        # the far end has its own limit: a lost connection must not leave the command running
        limit = ["timeout", "-k", "1", f"{within_s:g}"]
        line = shlex.join([*self._rise, "env", *environment, *limit, *command])
        done = self._wait(self._talk(line, given), within_s + CLOSE_WITHIN_S, shlex.join(command))
        if done.code in (124, 137):
            raise FaultError(f"{self.name}: {shlex.join(command)} did not end within {within_s:g} s")
        return done

    def start(self, command: Sequence[str]) -> None:
        # the only shell syntax: without it the new session would keep the connection's streams
        line = shlex.join([*self._rise, "setsid", "--fork", *command]) + " </dev/null >/dev/null 2>&1"
        done = self._wait(self._talk(line, ""), COMMAND_WITHIN_S, shlex.join(command))
        if done.code != 0:
            raise FaultError(f"{self.name}: cannot start {shlex.join(command)}: exit code {done.code}")

    def read(self, path: str) -> str | None:
        done = self.run(["cat", "--", path])
        if done.code != 0 and not done.err.strip().endswith(("No such file or directory", "No such process")):
            raise FaultError(f"{self.name}: cannot read {path}: {done.err.strip()}")
        return done.out if done.code == 0 else None

    def absolute(self, path: str) -> str:
        return path  # over there it begins at the user's home, always

    @contextmanager
    def locked(self, path: str) -> Iterator[None]:
        folder = self.do(["readlink", "-e", "--", path]).strip().rpartition("/")[0] or "/"
        # what stands first in line echoes once it has the lock, and ends with its standard input
        echo = ["flock", "-w", f"{LOCK_WITHIN_S:g}", folder, "cat"]
        line = shlex.join([*self._rise, *echo])
        holder = self._wait(self._held(line, path), LOCK_WITHIN_S + CLOSE_WITHIN_S, shlex.join(echo))
        try:
            yield
        finally:
            with contextlib.suppress(FaultError):
                self._wait(self._let_go(holder), CLOSE_WITHIN_S, "letting go of a lock")

    async def _held(self, line: str, path: str) -> asyncssh.SSHClientProcess[str]:
        if self.connection is None:
            raise FaultError(f"{self.name} is not connected")
        holder = await self.connection.create_process(line)
        holder.stdin.write("held\n")
        if await holder.stdout.readline() != "held\n":
            raise FaultError(f"{self.name}: another gameday changes {path}, or flock is missing there")
        return holder

    async def _let_go(self, holder: asyncssh.SSHClientProcess[str]) -> None:
        holder.stdin.write_eof()
        await holder.wait_closed()

    def send(self, pid: int, number: signal.Signals) -> None:
        done = self.run(["kill", "-s", number.name.removeprefix("SIG"), "--", str(pid)])
        if done.code != 0 and "No such process" not in done.err:
            raise FaultError(f"{self.name}: cannot signal process {pid}: {done.err.strip()}")

    def named(self, name: str) -> list[int]:
        found = [(pid, self.stat(pid)) for pid in self._pgrep("-x", re.escape(name[:KEPT_OF_A_NAME]))]
        return [pid for pid, stat in found if stat is not None and stat.is_alive and stat.name == name]

    def mentioning(self, mark: str) -> list[int]:
        # [m]ark matches "mark" and not itself: the shell that SSH starts holds the pattern
        return self._pgrep("-f", f"[{mark[0]}]{re.escape(mark[1:])}")

    def members(self, group: int) -> list[int]:
        return self._pgrep("-g", str(group))

    def administrator(self) -> tuple[str, int] | None:
        # asked without sudo, which drops the variable
        done = self._wait(self._talk("printenv SSH_CONNECTION", ""), COMMAND_WITHIN_S, "printenv")
        fields = done.out.split()
        if len(fields) != 4:
            raise FaultError(f"{self.name} does not say whence it is reached: SSH_CONNECTION is missing")
        return fields[0].partition("%")[0], int(fields[3])

    @property
    def _rise(self) -> list[str]:
        return ["sudo", "-n", "--"] if self.sudo else []

    def _pgrep(self, *options: str) -> list[int]:
        done = self.run(["pgrep", *options])
        if done.code not in (0, 1):
            raise FaultError(f"{self.name}: pgrep failed: {done.err.strip() or done.code}; is procps there?")
        return [int(pid) for pid in done.out.split()]
