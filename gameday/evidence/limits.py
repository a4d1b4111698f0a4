"""What a pack that others made may take of this machine while it is looked at: memory and time."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

from gameday.evidence.bounds import OutOfBounds
from gameday.units import spoken

LIMIT_S = 600.0
LEAST_BYTES = 4 << 30
AGAIN_S = 1.0  # whoever swallows the end is ended again


@contextlib.contextmanager
def within(limit_s: float = LIMIT_S) -> Iterator[None]:
    """End what takes longer, or more than three quarters of the memory. Only in a process's main thread.

    Raises OutOfBounds in the midst of whatever is done then, and OutOfBounds instead of MemoryError.
    """

    def end(*_: object) -> None:
        raise OutOfBounds(f"it takes longer than {spoken(limit_s)}")

    before = signal.signal(signal.SIGALRM, end)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_most_bytes(soft), hard))
    signal.setitimer(signal.ITIMER_REAL, limit_s, AGAIN_S)
    try:
        yield
    except MemoryError:
        raise OutOfBounds("it takes more memory than there is") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _most_bytes(limit: int) -> int:
    """Of address space, with what is in use; never more than the limit that there is already."""
    page = resource.getpagesize()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * page
    most = used + max(LEAST_BYTES, os.sysconf("SC_PHYS_PAGES") * page * 3 // 4)
    return most if limit == resource.RLIM_INFINITY else min(limit, most)
