"""What a plot shows: phases, moments, outages and series. Seconds are seconds of the run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Band:
    """A phase of the run."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment worth a line through every row; its number leads to the legend. `kind` chooses the colour."""

    number: int
    label: str
    at_s: float
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Shade:
    """An outage: from its first bad sample to its recovery (None: it lasted), `low_s` to `high_s` long."""

    start_s: float
    end_s: float | None
    low_s: float | None
    high_s: float | None
    label: str


@dataclass(frozen=True, slots=True)
class Trace:
    """One SLI: the share of good samples in the trailing window, at moments; NaN where there were none."""

    name: str
    objective: float | None
    note: str
    at_s: Numbers
    share: Numbers
    outages: tuple[Shade, ...]


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests in order of their send: when, whether they failed, and how long they took."""

    name: str
    sent_s: Numbers
    failed: Flags
    latency_ms: Numbers
    outages: tuple[Shade, ...] = ()

    def between(self, start_s: float, end_s: float) -> Requests:
        """The requests sent in [start_s, end_s)."""
        first, last = (int(place) for place in np.searchsorted(self.sent_s, [start_s, end_s]))
        cut = slice(first, last)
        return Requests(self.name, self.sent_s[cut], self.failed[cut], self.latency_ms[cut], self.outages)


@dataclass(frozen=True, slots=True)
class Rate:
    """Things that happen so and so often: for each kind its label, its colour and its sorted moments."""

    name: str
    kinds: tuple[tuple[str, str, Numbers], ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """All that one plot shows, between two moments. `name` makes its ids unique on the page."""

    name: str
    title: str
    description: str
    start_s: float
    end_s: float
    bands: tuple[Band, ...] = ()
    marks: tuple[Mark, ...] = ()
    traces: tuple[Trace, ...] = ()
    rates: tuple[Rate, ...] = ()
    latency: Requests | None = None
    dots: tuple[Requests, ...] = ()
