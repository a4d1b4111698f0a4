"""Faults: actions that break something, each with its undo.

A fault is a generator that yields its `Undo` before it acts and returns whether it landed:

    @fault
    def pause(pid: int):
        yield Undo(resume, verify=is_running, pid=pid)   # on disk before the next line runs
        os.kill(pid, signal.SIGSTOP)
        return landed(process_state(pid) == "T", "the kernel reports state T")

`@fault` turns it into an ordinary Chaos Toolkit action, which also works under `chaos run`.
"""

from gameday.faults.protocol import Landed, Undo, fault, landed, nothing

__all__ = ["Landed", "Undo", "fault", "landed", "nothing"]
