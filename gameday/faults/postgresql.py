"""Break and fail over PostgreSQL: promote, fence, cut replication.

`promote` and `cut_replication` speak SQL, so they work from anywhere; `fence` runs on the old primary's
host. An undo lies on disk, so a DSN that an undo needs may not hold a password: keep it in PGPASSFILE or
in a service file.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from gameday.errors import FaultError
from gameday.faults.owned import is_gone
from gameday.faults.protocol import Steps, Undo, fault, landed
from gameday.faults.where import on_server, on_this_host
from gameday.places import Aim, Place

__all__ = ["cut_replication", "fence", "promote"]

CONNECT_WITHIN_S = 5
STOPPED_WITHIN_S = 6.0  # the postmaster itself kills children that ignore an immediate shutdown after 5 s
CUT_WITHIN_S = 10.0
FENCE_NOTE = "fenced by gameday\n"
NO_SUCH_SLOT = "gameday_cut"


@fault(where=on_server)
def promote(dsn: str, timeout_s: float = 30) -> Steps:
    """Make a standby the primary with pg_promote.

    dsn: the standby. timeout_s: how long it may take. Undo: none; going home is a failback step.
    Landed: the server says that it is no longer in recovery.
    """
    with connected(dsn) as server:
        yield Aim(on_server(dsn), (server_named(dsn),))
        if not in_recovery(server):
            return landed(True, "the server was a primary already")
        # not waiting inside pg_promote: it looks at the state only ten times a second
        answer(server, "SELECT pg_promote(wait => false)")
        is_primary = wait_until(lambda: not in_recovery(server), timeout_s)
    return landed(is_primary, f"the server is {'a primary' if is_primary else 'still in recovery'}")


def between(dsn: str | None = None) -> tuple[Place, ...]:
    """Where a fence acts, and the server that its undo asks."""
    return (on_this_host(), *(() if dsn is None else on_server(dsn)))


@fault(where=between)
def fence(data: str, dsn: str | None = None) -> Steps:
    """Make sure that an old primary never takes writes again by accident.

    data: its data directory, on this host. dsn: the server that takes over; the undo asks it whether it
    did. A postmaster that still lives is shut down at once; standby.signal makes any restart come up as a
    standby. Undo: `unfence`. Landed: no process works in the data directory and standby.signal is there.
    """
    folder = data_directory(data)
    refuse_password(dsn)
    yield Aim(between(dsn), (f"PostgreSQL in {folder}",), undo=unfence)
    yield Undo(unfence, verify=is_unfenced, data=str(folder), dsn=dsn)
    # first the signal file: a supervisor may restart the server as soon as it stops
    standby_signal = folder / "standby.signal"
    if not standby_signal.exists():
        write_fence(standby_signal)
    is_gone = stop_at_once(folder)
    return landed(
        is_gone and standby_signal.exists(),
        f"{'no' if is_gone else 'a'} process works in {folder}, and a restart comes up as a standby",
    )


def unfence(data: str, dsn: str | None) -> str:
    """Undo of `fence`: remove its standby.signal, if that cannot make two primaries.

    It stays when the other server took over, or when that cannot be known. A standby.signal without the
    fence's note belongs to somebody else: rejoining a node, or promoting it, replaces or removes the file.
    """
    standby_signal = Path(data) / "standby.signal"
    if is_gone(Path(data)):
        return f"{data} is gone"
    if not is_our_fence(standby_signal):
        return f"{data} is not fenced any more"
    if dsn is None:
        return f"{data} stays fenced: no dsn says which server took over"
    if not peer_is_standby(dsn):
        return f"{data} stays fenced: the other server is the primary"
    standby_signal.unlink(missing_ok=True)
    return f"{data} may be a primary again"


def is_unfenced(data: str, dsn: str | None) -> bool:
    """Whether the fence is gone, or stands because the other server is the primary."""
    if is_gone(Path(data)) or not is_our_fence(Path(data) / "standby.signal"):
        return True
    return dsn is not None and not peer_is_standby(dsn)


@fault(where=on_server)
def cut_replication(dsn: str, data: str | None = None) -> Steps:
    """Make a standby fall behind: it asks for a replication slot that does not exist, so nothing streams.

    dsn: the standby. data: its data directory, if it is on this host: a server whose data is gone has nothing
    to be put back. Changing primary_slot_name rather than primary_conninfo keeps the password in
    primary_conninfo where it is: it is neither read nor written down. A standby with a restore_command
    still gets WAL from the archive. Undo: the slot name as it was, harmless on a server that was promoted
    meanwhile. pg_rewind and base backups copy the setting: undo it before another node is made from this
    one. Landed: the setting is in force and no WAL receiver runs.
    """
    refuse_password(dsn)
    with connected(dsn) as server:
        if not in_recovery(server):
            raise FaultError("the server is a primary; only a standby has replication to cut")
        is_cut_already = is_cut_by_us(server)  # what it was before is in the undo of the first cut
        undo = None if is_cut_already else restore_replication
        yield Aim(on_server(dsn), (server_named(dsn),), undo=undo)
        if not is_cut_already:
            slot = altered_slot_name(server)
            folder = None if data is None else str(Path(data).resolve())
            yield Undo(restore_replication, verify=is_restored, dsn=dsn, slot=slot, data=folder)
            set_slot_name(server, NO_SUCH_SLOT)
        is_cut = wait_until(lambda: not is_receiving(server), CUT_WITHIN_S)
    return landed(is_cut, f"{'no' if is_cut else 'a'} WAL receiver runs")


def restore_replication(dsn: str, slot: str | None, data: str | None = None) -> str:
    """Undo of `cut_replication`: the slot name as it was. None: ALTER SYSTEM had not set it."""
    if data is not None and is_gone(Path(data)):
        return f"{data} is gone"
    with connected(dsn) as server:
        if not is_cut_by_us(server):
            return "replication is not cut any more"
        set_slot_name(server, slot)
        is_back = wait_until(lambda: not is_cut_by_us(server), CUT_WITHIN_S)
    if not is_back:
        raise FaultError(f"primary_slot_name is still {NO_SUCH_SLOT}")
    return f"primary_slot_name is {f'{slot!r}' if slot is not None else 'what postgresql.conf says'}"


def is_restored(dsn: str, slot: str | None, data: str | None = None) -> bool:
    """Whether the server asks for an existing slot, or for none, again, or is gone."""
    if data is not None and is_gone(Path(data)):
        return True
    with connected(dsn) as server:
        return not is_cut_by_us(server)


def write_fence(standby_signal: Path) -> None:
    """Create standby.signal, on disk, with the data directory's owner. PostgreSQL ignores what is in it."""
    owner = standby_signal.parent.stat()
    with standby_signal.open("w") as file:
        file.write(FENCE_NOTE)
        file.flush()
        os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        os.fsync(file.fileno())


def is_our_fence(standby_signal: Path) -> bool:
    """Whether `fence` made this file and nobody replaced it."""
    try:
        return standby_signal.read_text() == FENCE_NOTE
    except FileNotFoundError:
        return False


def peer_is_standby(dsn: str) -> bool:
    """Whether the server that was to take over never did. Raises FaultError when it does not answer."""
    with connected(dsn) as server:
        return in_recovery(server)


def data_directory(data: str) -> Path:
    """The path of a PostgreSQL data directory. Raises FaultError when it is not one."""
    folder = Path(data).resolve()
    if not (folder / "PG_VERSION").is_file():
        raise FaultError(f"{data} is not a PostgreSQL data directory on this host")
    return folder


def postmaster_of(data: Path) -> psutil.Process | None:
    """The postmaster that postmaster.pid names, if it lives and works in this data directory."""
    try:
        process = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
        works_here = process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(data.resolve())
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return None
    except psutil.AccessDenied:
        raise FaultError(f"not allowed to see whose process the postmaster of {data} is") from None
    return process if works_here else None


def processes_in(data: Path) -> list[psutil.Process]:
    """Every live PostgreSQL process of this data directory: backends outlive a killed postmaster briefly."""
    found = []
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "postgres" and process.cwd() == str(data.resolve()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def stop_at_once(data: Path) -> bool:
    """Immediate shutdown, frozen or not; whoever ignores it is killed. Whether no process is left."""
    postmaster = postmaster_of(data)
    if postmaster is not None:
        send(postmaster, signal.SIGQUIT)
        send(postmaster, signal.SIGCONT)
        wait_until(lambda: not processes_in(data), STOPPED_WITHIN_S)
    for process in processes_in(data):
        send(process, signal.SIGKILL)
    return wait_until(lambda: not processes_in(data), STOPPED_WITHIN_S)


def send(process: psutil.Process, number: signal.Signals) -> None:
    """Signal a process, which may have ended meanwhile."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied:
        raise FaultError(f"not allowed to send {number.name} to process {process.pid}") from None


def refuse_password(dsn: str | None) -> None:
    """Raise FaultError if a DSN that is about to be written to the undo log holds a password."""
    if dsn is not None and passwords_in(dsn):
        raise FaultError(
            "the undo of this action is kept on disk: "
            "keep the password out of the dsn, for example in PGPASSFILE or a service file"
        )


def server_named(dsn: str) -> str:
    """Which server a DSN means, for people; nothing secret."""
    options = conninfo_to_dict(dsn)
    place = options.get("service") or f"{options.get('host') or 'localhost'}:{options.get('port') or 5432}"
    return f"PostgreSQL at {place}"


def passwords_in(dsn: str) -> list[str]:
    """The secrets in a DSN. Raises FaultError, which does not show it, when it is not a DSN."""
    try:
        options = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:  # its message quotes the part that it could not read
        raise FaultError("the dsn is not a PostgreSQL connection string") from None
    return [str(options[key]) for key in ("password", "sslpassword") if options.get(key)]


@contextmanager
def connected(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection, in autocommit. Every error of PostgreSQL inside becomes a FaultError without secrets."""
    secrets = passwords_in(dsn)
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=CONNECT_WITHIN_S) as server:
            yield server
    except psycopg.Error as error:
        message = str(error).strip()
        for secret in secrets:
            message = message.replace(secret, "***")
        raise FaultError(f"PostgreSQL: {message}") from None


def answer(server: psycopg.Connection[Any], query: str, *parameters: object) -> Any:
    """The first column of the first row; None when there is no row."""
    row = server.execute(query.encode(), parameters or None).fetchone()
    return row[0] if row else None


def in_recovery(server: psycopg.Connection[Any]) -> bool:
    """Whether the server is a standby."""
    return bool(answer(server, "SELECT pg_is_in_recovery()"))


def is_cut_by_us(server: psycopg.Connection[Any]) -> bool:
    """Whether the slot that does not exist is in force, or would be after the next reload."""
    return NO_SUCH_SLOT in (slot_name(server), altered_slot_name(server))


def is_receiving(server: psycopg.Connection[Any]) -> bool:
    """Whether WAL could still arrive: the new slot name is not in force yet, or a WAL receiver runs."""
    in_force = slot_name(server) == NO_SUCH_SLOT
    return not in_force or bool(answer(server, "SELECT count(*) FROM pg_stat_wal_receiver"))


def slot_name(server: psycopg.Connection[Any]) -> str:
    """The primary_slot_name in force."""
    return str(answer(server, "SELECT current_setting('primary_slot_name')"))


def altered_slot_name(server: psycopg.Connection[Any]) -> str | None:
    """The primary_slot_name that ALTER SYSTEM set; None when it comes from elsewhere."""
    row = server.execute(
        "SELECT setting FROM pg_file_settings WHERE name = 'primary_slot_name'"
        " AND sourcefile LIKE '%postgresql.auto.conf'"
    ).fetchone()
    return str(row[0]) if row else None


def set_slot_name(server: psycopg.Connection[Any], slot: str | None) -> None:
    """ALTER SYSTEM the slot name, or reset it, and reload."""
    if slot is None:
        server.execute("ALTER SYSTEM RESET primary_slot_name")
    else:
        server.execute(sql.SQL("ALTER SYSTEM SET primary_slot_name = {}").format(slot))
    server.execute("SELECT pg_reload_conf()")


def wait_until(holds: Callable[[], bool], within_s: float) -> bool:
    """Whether a condition comes to hold within so many seconds."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.005)
    return True
