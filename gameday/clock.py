"""One clock for every process of a host, tied to UTC.

CLOCK_MONOTONIC is shared by all processes of a host and never jumps; UTC is what people read.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

NS_PER_S = 1_000_000_000


def now_ns() -> int:
    """The run clock: nanoseconds of CLOCK_MONOTONIC."""
    return time.monotonic_ns()


def utc_ns() -> int:
    """What people read: nanoseconds since the Unix epoch."""
    return time.time_ns()


def pause(seconds: float) -> None:
    """Let time pass."""
    time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Tie:
    """One moment on both clocks: `monotonic_ns` on the run clock, `utc_ns` since the Unix epoch.

    boot: the boot of the host whose clock was read; None where nobody wrote it down.
    """

    monotonic_ns: int
    utc_ns: int
    boot: str | None = None

    @classmethod
    def take(cls) -> Tie:
        """Read both clocks; the tightest of five readings, so that a pause between the two does not count."""
        readings = []
        for _ in range(5):
            before_ns, read_ns, after_ns = now_ns(), utc_ns(), now_ns()
            readings.append((after_ns - before_ns, (before_ns + after_ns) // 2, read_ns))
        _, at_ns, read_ns = min(readings)
        return cls(at_ns, read_ns)

    def utc(self, at_ns: int) -> str:
        """RFC 3339 with microseconds, in UTC, of a moment on the run clock."""
        return rfc3339(self.utc_ns + at_ns - self.monotonic_ns)

    def drift_ns(self, later: Tie) -> int | None:
        """How far UTC moved against the run clock between two ties (NTP slew and steps).

        None after a reboot: the run clock was told by UTC itself.
        """
        if self.boot != later.boot:
            return None
        return (later.utc_ns - self.utc_ns) - (later.monotonic_ns - self.monotonic_ns)


def rfc3339(utc_ns: int) -> str:
    """RFC 3339 with microseconds, e.g. `2026-11-23T10:15:02.123456Z`."""
    moment = datetime.fromtimestamp(utc_ns // NS_PER_S, UTC).replace(microsecond=utc_ns % NS_PER_S // 1000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
