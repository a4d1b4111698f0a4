"""Where a fault's commands run: on this host, or on another one by SSH (`gameday.faults.ssh`).

A fault's `host` is left out for this host, or says `ssh://user@db1:22`. Commands are argument lists and
texts are files: no shell, nothing evaluated. A host needs coreutils and util-linux.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import signal
import subprocess
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gameday.errors import FaultError

TEXT = ("utf-8", "surrogateescape")  # any byte of a file comes back as it was
COMMAND_WITHIN_S = 10.0
LOCK_WITHIN_S = 10.0
NOT_FOUND = 127
KEPT_OF_A_NAME = 15  # characters, by the kernel; the arguments have the rest
# the tools of an administrator, which the PATH of other users may lack
ENVIRONMENT = {
    "LC_ALL": "C",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}


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
    def absolute(self, path: str) -> str:
        """The same file whatever the working folder of whoever undoes."""

    @abstractmethod
    def locked(self, path: str) -> AbstractContextManager[None]:
        """Keep every other gameday from changing a file meanwhile; let go by the host's kernel at the end.

        Raises FaultError when another one does not let go.
        """

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
        name, fields = start.partition("(")[2], rest.split()
        if len(name) == KEPT_OF_A_NAME:
            program = (self.read(f"/proc/{pid}/cmdline") or "").split("\0")[0].rpartition("/")[2]
            name = program if program.startswith(name) else name
        return Stat(name, fields[0], int(fields[2]), int(fields[19]))

    def write(self, path: str, content: str) -> None:
        """Replace what a file holds, in one step, and keep its owner and mode.

        Where a rename cannot be, as over a file that is a mount, it is written in place, never empty
        meanwhile.
        """
        target = self.do(["readlink", "-e", "--", path]).strip()
        draft = f"{target}.gameday-draft"
        size = str(len(content.encode(*TEXT)))
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
                input=given.encode(*TEXT),
                capture_output=True,
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
        return Done(done.returncode, done.stdout.decode(*TEXT), done.stderr.decode(*TEXT))

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
            return Path(path).read_bytes().decode(*TEXT)
        except (FileNotFoundError, ProcessLookupError):
            return None
        except OSError as error:
            raise FaultError(f"cannot read {path}: {error.strerror}") from None

    def absolute(self, path: str) -> str:
        return os.path.abspath(path)  # noqa: PTH100 - not resolved: a mount must stay what it is

    @contextmanager
    def locked(self, path: str) -> Iterator[None]:
        # the folder, which stays when the file is replaced, and needs no file of ours in it
        folder = os.open(Path(path).resolve().parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if not self.wait_until(lambda: _is_taken(folder), LOCK_WITHIN_S):
                raise FaultError(f"another gameday changes {path}, and has for {LOCK_WITHIN_S:g} s")
            yield
        finally:
            os.close(folder)

    def send(self, pid: int, number: signal.Signals) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        except PermissionError:
            raise FaultError(f"not allowed to send {number.name} to process {pid}") from None

    def named(self, name: str) -> list[int]:
        return [pid for pid, stat in self._processes() if stat.is_alive and stat.name == name]

    def mentioning(self, mark: str) -> list[int]:
        found = [pid for pid, _ in self._processes() if mark in (self.read(f"/proc/{pid}/cmdline") or "")]
        return [pid for pid in found if pid != os.getpid()]

    def members(self, group: int) -> list[int]:
        return [pid for pid, stat in self._processes() if stat.group == group]

    def administrator(self) -> None:
        return None

    def _processes(self) -> Iterator[tuple[int, Stat]]:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (stat := self.stat(int(entry.name))) is not None:
                yield int(entry.name), stat


def _is_taken(descriptor: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


@contextmanager
def at(host: str | None) -> Iterator[Host]:
    """The host that a fault names: this one, or another, connected until the end of `with`."""
    if host is None:
        yield Local()
        return
    from gameday.faults.ssh import Ssh

    with Ssh.parse(host) as there:
        yield there
