"""Many samples as few figures: round buckets of time, and percentiles in each."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from gameday.evidence.plots.scene import Numbers, Requests

MAX_BUCKETS = 150


def edges(start_s: float, end_s: float, width_s: float) -> Numbers:
    """Bucket edges at multiples of the width, cut to the range; a sliver at an end joins its neighbour."""
    inner_s = np.arange(np.ceil(start_s / width_s), np.floor(end_s / width_s) + 1) * width_s
    keep = (inner_s > start_s + width_s / 2) & (inner_s < end_s - width_s / 2)
    edges_s: Numbers = np.concatenate(([start_s], inner_s[keep], [end_s]))
    return edges_s


def bucket_s(range_s: float, count: int) -> float:
    """A round bucket width: at most 150 buckets, and on average at least twenty samples in each."""
    wanted_s = max(range_s / MAX_BUCKETS, 20 * range_s / max(count, 1), 0.01)
    power = 10.0 ** np.floor(np.log10(wanted_s))
    return float(next(power * step for step in (1, 2, 5, 10) if power * step >= wanted_s * 0.999999))


def percentiles(requests: Requests, edges_s: Numbers, wanted: tuple[int, ...]) -> Numbers:
    """Latency percentiles, one row a percentile and one column a bucket; NaN where a bucket is empty."""
    figures_ms = np.full((len(wanted), len(edges_s) - 1), np.nan)
    places = np.searchsorted(requests.sent_s, edges_s)
    for number, (first, last) in enumerate(pairwise(places)):
        if last > first:
            figures_ms[:, number] = np.percentile(requests.latency_ms[first:last], wanted)
    shown_ms: Numbers = np.maximum(figures_ms, 0.01)
    return shown_ms
