"""Faults: actions that break something, each with its undo.

A fault is a generator that aims, yields its `Undo` before it acts and returns whether it landed:

    @fault(where=on_host)
    def pause(pid: int, host: str | None = None):
        yield Aim(on_host(host), (f"process {pid}",), undo=resume)   # all that a plan needs: only looked at
        yield Undo(resume, verify=is_running, pid=pid)               # on disk before the next line runs
        os.kill(pid, signal.SIGSTOP)
        return landed(process_state(pid) == "T", "the kernel reports state T")

`@fault` turns it into an ordinary Chaos Toolkit action, which also works under `chaos run`.
"""

from gameday.faults.protocol import Landed, Steps, Undo, fault, landed, nothing
from gameday.faults.where import on_host, on_server, on_this_host
from gameday.places import Aim, Place

__all__ = [
    "Aim",
    "Landed",
    "Place",
    "Steps",
    "Undo",
    "fault",
    "landed",
    "nothing",
    "on_host",
    "on_server",
    "on_this_host",
]
