"""Seconds of the run: one zero for the report, the tables and the plots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gameday.clock import NS_PER_S
from gameday.evidence.record import Record
from gameday.evidence.report.wording import utc_ns


@dataclass(frozen=True, slots=True)
class Ruler:
    """Seconds of the run, from the start of the baseline; on UTC, and on the run clock if it was tied."""

    zero_utc_ns: int
    zero_ns: int | None

    def of(self, moment: str) -> float:
        """Seconds of an RFC 3339 moment."""
        return (utc_ns(moment) - self.zero_utc_ns) / NS_PER_S

    def of_ns(self, at_ns: Any) -> Any:
        """Seconds of moments on the run clock."""
        return (at_ns - (self.zero_ns or 0)) / NS_PER_S

    def at_ns(self, at_s: Any) -> Any:
        """Moments on the run clock of seconds."""
        return np.asarray(np.round(np.asarray(at_s) * NS_PER_S), dtype=np.int64) + (self.zero_ns or 0)


def ruler_of(record: Record) -> Ruler:
    """The ruler of a run, from its phases and its clock."""
    phases = record.phases
    first = next((phase for phase in phases if phase.name == "baseline"), phases[0] if phases else None)
    zero_utc_ns = utc_ns(first.started if first else record.started)
    clock = record.clock
    tied_ns, tied_utc_ns = clock.get("started_monotonic_ns"), clock.get("started_utc_ns")
    if tied_ns is None or tied_utc_ns is None:
        return Ruler(zero_utc_ns, None)
    return Ruler(zero_utc_ns, int(tied_ns) + zero_utc_ns - int(tied_utc_ns))
