"""Break the clock that a process sees.

The process is started, by whoever starts it, with libfaketime (Debian: `apt install libfaketime`) and a
control file that says `+0`:

    echo +0 >/run/orders.clock
    export LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1
    export FAKETIME_TIMESTAMP_FILE=/run/orders.clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
    orders-server

Only that process and its children see another time; the host's clock is never touched. Programs that do
without the C library, as Go's do, see the true time.
"""

from __future__ import annotations

from typing import Any

from gameday.errors import FaultError
from gameday.faults.host import Host, at
from gameday.faults.process import find
from gameday.faults.protocol import Steps, Undo, fault, landed
from gameday.faults.where import on_host
from gameday.places import Aim

__all__ = ["offset"]

TRUE_TIME = "+0"


@fault(where=on_host)
def offset(
    control_file: str,
    seconds: float,
    *,
    pid: int | None = None,
    pidfile: str | None = None,
    name: str | None = None,
    host: str | None = None,
) -> Steps:
    """Set the wall clock that a process sees ahead or back, while it runs.

    control_file: its FAKETIME_TIMESTAMP_FILE. seconds: how far ahead of the true time; negative is back.
    pid, pidfile, name: the process, by at most one of them, to prove that it looks at the file. host:
    where it runs. Undo: what the file said before. Landed: the file says so and, when a process is named,
    that process has libfaketime and this file.
    """
    wanted = f"{seconds:+.12g}"
    with at(host) as here:
        control_file = here.absolute(control_file)
        before = said(here, control_file)
        is_named = any(option is not None for option in (pid, pidfile, name))
        target = find(here, pid, pidfile, name).pid if is_named else None
        yield Aim(on_host(host), (f"the clock of {control_file}",), undo=set_back)
        file: dict[str, Any] = {"control_file": control_file, "before": before, "ours": wanted}
        yield Undo(set_back, verify=is_set_back, **file, host=host)
        here.write(control_file, f"{wanted}\n")
        says_so = said(here, control_file) == wanted
        if says_so and target is not None:
            looks = looks_at(here, target, control_file)
            proof = f"process {target} {'sees' if looks else 'does not look at'} {control_file}: {wanted} s"
            return landed(looks, proof)
    return landed(says_so, f"{control_file} says {wanted} s")


def set_back(control_file: str, before: str, ours: str, host: str | None = None) -> str:
    """Undo of `offset`: what the file said before, unless somebody else changed it meanwhile."""
    with at(host) as here:
        if here.read(control_file) is None:
            return f"{control_file} is gone, and with it the offset"
        if said(here, control_file) != ours:
            return f"{control_file} says {said(here, control_file)}, which is not gameday's"
        here.write(control_file, f"{before}\n")
    return f"{control_file} says {before} again"


def is_set_back(control_file: str, before: str, ours: str, host: str | None = None) -> bool:
    """Whether the file no longer says what `offset` wrote."""
    with at(host) as here:
        text = here.read(control_file)
    return text is None or before == ours or text.strip() != ours


def said(here: Host, control_file: str) -> str:
    """The offset that the control file holds."""
    text = here.read(control_file)
    if text is None:
        raise FaultError(
            f"there is no {control_file} on {here.name}; start the process with libfaketime and "
            f"FAKETIME_TIMESTAMP_FILE={control_file}, which says {TRUE_TIME}"
        )
    return text.strip() or TRUE_TIME


def looks_at(here: Host, pid: int, control_file: str) -> bool:
    """Whether a process was started with libfaketime and this control file."""
    variables = (here.read(f"/proc/{pid}/environ") or "").split("\0")
    has_library = "libfaketime" in (here.read(f"/proc/{pid}/maps") or "")
    return has_library and f"FAKETIME_TIMESTAMP_FILE={control_file}" in variables
