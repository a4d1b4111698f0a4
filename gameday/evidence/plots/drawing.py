"""The report's plots, as SVG that takes its colours and its font from the page around it.

Drawing is pure: the same scene gives the same bytes. Seconds are seconds of the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gameday.evidence.plots.buckets import bucket_s, edges, percentiles
from gameday.evidence.plots.colours import BAD, CARD, GOOD, GRID, INFO, INK, MUTED, WARN
from gameday.evidence.plots.scene import Numbers, Rate, Requests, Scene, Shade, Trace
from gameday.evidence.plots.svg import as_svg, inline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OF_KIND = {"fault": BAD, "failover": INFO, "failback": INFO, "recovered": GOOD, "signal": WARN}

WIDTH_PX, LEFT_PX, RIGHT_PX, BOTTOM_PX = 1000, 52, 14, 40
TITLE_PX, BETWEEN_PX = 19, 13
MARKS_PX, PHASES_PX = 44, 22
BUBBLE_PX = 19
CHARACTER_PX = 6.1
FLOORS = (0.99, 0.95, 0.9, 0.8, 0.5, 0.0)

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 11,
    "font.family": ["DejaVu Sans"],
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 11.5,
    "axes.titleweight": 700,
    "axes.titlepad": 6,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 1,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 1,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 11,
    "ytick.labelsize": 10,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "lines.linewidth": 1.5,
}


def draw(scene: Scene) -> str:
    """The scene as an `<svg>` element: marks and phases on top, then one row a series."""
    import matplotlib

    with matplotlib.rc_context({**STYLE, "svg.hashsalt": scene.name}):
        return inline(as_svg(_figure(scene)), scene)


def _figure(scene: Scene) -> Figure:
    from matplotlib.figure import Figure

    heights_px = [78] * len(scene.traces) + [130] * len(scene.dots)
    heights_px += [76] * len(scene.rates) + [92] * (scene.latency is not None)
    top_px = MARKS_PX * bool(scene.marks) + PHASES_PX * bool(scene.bands) + 4
    total_px = top_px + sum(height + TITLE_PX + BETWEEN_PX for height in heights_px) - BETWEEN_PX + BOTTOM_PX
    figure = Figure(figsize=(WIDTH_PX / 72, total_px / 72), dpi=72, facecolor="none")
    _draw_marks(figure, scene, total_px)
    _draw_phases(_row(figure, scene, total_px, top_px - PHASES_PX, PHASES_PX - 4), scene)
    rows: list[Axes] = []
    for height_px in heights_px:
        rows.append(_row(figure, scene, total_px, top_px + TITLE_PX, height_px))
        top_px += TITLE_PX + height_px + BETWEEN_PX
    _fill_rows(rows, scene)
    return figure


def _row(figure: Figure, scene: Scene, total_px: float, top_px: float, height_px: float) -> Axes:
    """A row's axes, `top_px` below the top of the figure."""
    box_px = (LEFT_PX, total_px - top_px - height_px, WIDTH_PX - LEFT_PX - RIGHT_PX, height_px)
    sides = (WIDTH_PX, total_px, WIDTH_PX, total_px)
    left, bottom, width, height = (px / side for px, side in zip(box_px, sides, strict=True))
    axes = figure.add_axes((left, bottom, width, height))
    axes.set_xlim(scene.start_s, scene.end_s)
    axes.tick_params(labelbottom=False)
    axes.set_axisbelow(True)
    return axes


def _fill_rows(rows: list[Axes], scene: Scene) -> None:
    waiting = iter(rows)
    for trace in scene.traces:
        _draw_trace(next(waiting), trace, scene)
    for requests in scene.dots:
        _draw_dots(next(waiting), requests.between(scene.start_s, scene.end_s), scene)
    for rate in scene.rates:
        _draw_rate(next(waiting), rate, scene)
    if scene.latency is not None:
        _draw_latency(next(waiting), scene.latency.between(scene.start_s, scene.end_s), scene)
    if rows:
        rows[-1].tick_params(labelbottom=True, pad=5)
        rows[-1].set_xlabel("seconds since the start of the baseline", labelpad=5)


def _draw_marks(figure: Figure, scene: Scene, total_px: float) -> None:
    """A line through every row for each mark, and its number above, moved aside where they would touch."""
    axes = _row(figure, scene, total_px, 0, total_px - BOTTOM_PX)
    axes.set_axis_off()
    axes.set_zorder(-1)
    height_px = total_px - BOTTOM_PX
    axes.set_ylim(0, height_px)
    px_per_s = (WIDTH_PX - LEFT_PX - RIGHT_PX) / (scene.end_s - scene.start_s)
    marks = [mark for mark in scene.marks if scene.start_s <= mark.at_s <= scene.end_s]
    aside_s = spread([mark.at_s for mark in marks], BUBBLE_PX / px_per_s, scene.start_s, scene.end_s)
    for mark, bubble_s in zip(marks, aside_s, strict=True):
        colour = OF_KIND.get(mark.kind, MUTED)
        bend_px, bubble_px = height_px - MARKS_PX + 4, height_px - BUBBLE_PX / 2
        axes.plot([mark.at_s, mark.at_s], [0, bend_px], color=colour, linewidth=1, alpha=0.55)
        axes.plot([mark.at_s, bubble_s], [bend_px, bubble_px], color=colour, linewidth=1, alpha=0.55)
        axes.plot(bubble_s, bubble_px, "o", color=colour, markersize=BUBBLE_PX - 3, clip_on=False)
        style: dict[str, Any] = {"color": CARD, "fontsize": 10, "fontweight": 700}
        axes.text(bubble_s, bubble_px - 0.5, str(mark.number), ha="center", va="center_baseline", **style)


def _draw_phases(axes: Axes, scene: Scene) -> None:
    axes.set_axis_off()
    px_per_s = (WIDTH_PX - LEFT_PX - RIGHT_PX) / (scene.end_s - scene.start_s)
    for number, band in enumerate(scene.bands):
        start_s, end_s = max(band.start_s, scene.start_s), min(band.end_s, scene.end_s)
        if end_s <= start_s:
            continue
        axes.axvspan(start_s, end_s, color=MUTED, alpha=0.26 if number % 2 else 0.13, linewidth=0)
        if len(band.name) * CHARACTER_PX + 6 < (end_s - start_s) * px_per_s:
            axes.text((start_s + end_s) / 2, 0.5, band.name, ha="center", va="center_baseline", fontsize=10.5)


def _draw_trace(axes: Axes, trace: Trace, scene: Scene) -> None:
    """The good share over time, red where it misses the objective."""
    seen = trace.share[np.isfinite(trace.share)]
    lowest = min(float(seen.min()) if len(seen) else 1.0, trace.objective or 1.0)
    floor = next((floor for floor in FLOORS if floor < lowest), 0.0)
    _shade(axes, trace.outages, scene)
    axes.plot(trace.at_s, trace.share, color=GOOD)
    if trace.objective is not None:
        missed = np.where(trace.share < trace.objective, trace.share, np.nan)
        axes.plot(trace.at_s, missed, color=BAD)
        axes.axhline(trace.objective, color=INK, linewidth=1, linestyle=(0, (4, 3)), alpha=0.8)
    axes.set_ylim(floor - (1 - floor) * 0.04, 1 + (1 - floor) * 0.07)
    axes.set_yticks([floor, (1 + floor) / 2, 1.0])
    axes.set_yticklabels([f"{tick * 100:.5g}%" for tick in (floor, (1 + floor) / 2, 1.0)])
    axes.grid(axis="y")
    _titles(axes, trace.name, trace.note)


def _draw_dots(axes: Axes, requests: Requests, scene: Scene) -> None:
    """Every single sample at its send, as high as its latency, red when it failed."""
    _shade(axes, requests.outages, scene, inside=True)
    failed = requests.failed
    latency_ms = np.maximum(requests.latency_ms, 0.01)
    axes.set_yscale("log")
    dots: dict[str, Any] = {"linestyle": "none", "markersize": 4, "markeredgewidth": 1}
    axes.plot(requests.sent_s[~failed], latency_ms[~failed], ".", color=GOOD, label="good", **dots)
    axes.plot(requests.sent_s[failed], latency_ms[failed], "x", color=BAD, label="bad", **dots)
    _log_axis(axes, latency_ms, room=0.25)
    _titles(axes, f"{requests.name}: every sample, latency in ms", "")
    _key(axes)


def _draw_rate(axes: Axes, rate: Rate, scene: Scene) -> None:
    count = max((len(at_s) for _, _, at_s in rate.kinds), default=0)
    edges_s = edges(scene.start_s, scene.end_s, bucket_s(scene.end_s - scene.start_s, count))
    for label, colour, at_s in rate.kinds:
        per_s = np.histogram(at_s, edges_s)[0] / np.diff(edges_s)
        axes.stairs(per_s, edges_s, fill=True, color=colour, alpha=0.16, linewidth=0)
        seen_per_s = np.where(per_s > 0, per_s, np.nan)
        axes.stairs(seen_per_s, edges_s, color=colour, label=label, linewidth=1.4, baseline=None)
    axes.set_ylim(bottom=0)
    axes.margins(y=0.12)
    axes.locator_params(axis="y", nbins=3)
    axes.grid(axis="y")
    _titles(axes, rate.name, "")
    _key(axes)


def _draw_latency(axes: Axes, requests: Requests, scene: Scene) -> None:
    width_s = bucket_s(scene.end_s - scene.start_s, len(requests.sent_s))
    edges_s = edges(scene.start_s, scene.end_s, width_s)
    figures_ms = percentiles(requests, edges_s, (50, 99))
    axes.set_yscale("log")
    for row_ms, colour, label in zip(figures_ms, (INFO, WARN), ("p50", "p99"), strict=True):
        axes.stairs(row_ms, edges_s, color=colour, label=label, linewidth=1.4, baseline=None)
    _log_axis(axes, figures_ms[np.isfinite(figures_ms)])
    _titles(axes, f"{requests.name}: latency in ms, failures included", "")
    _key(axes)


def _shade(axes: Axes, outages: Sequence[Shade], scene: Scene, *, inside: bool = False) -> None:
    """Outages as red bands, with a bar at the foot from the shortest to the longest they can have been."""
    px_per_s = (WIDTH_PX - LEFT_PX - RIGHT_PX) / (scene.end_s - scene.start_s)
    free_from_s = scene.start_s
    across = axes.get_xaxis_transform()
    for outage in outages:
        end_s = scene.end_s if outage.end_s is None else outage.end_s
        if end_s < scene.start_s or outage.start_s > scene.end_s:
            continue
        axes.axvspan(outage.start_s, end_s, facecolor=BAD, alpha=0.15, linewidth=0)
        axes.axvline(outage.start_s, color=BAD, linewidth=0.8, alpha=0.5)
        if outage.low_s is not None and outage.high_s is not None:
            bounds_s = [outage.start_s + outage.low_s, outage.start_s + outage.high_s]
            bar: dict[str, Any] = {
                "color": BAD,
                "linewidth": 1.6,
                "marker": "|",
                "markersize": 7,
                "markeredgewidth": 1.6,
            }
            axes.plot(bounds_s, [0.09, 0.09], transform=across, **bar)
        text: dict[str, Any] = {"transform": across, "color": BAD, "fontsize": 10.5, "fontweight": 700}
        if inside:
            axes.text((outage.start_s + end_s) / 2, 0.5, outage.label, ha="center", **text)
            continue
        at_s = max(end_s, outage.start_s) + 5 / px_per_s
        width_s = len(outage.label) * 1.2 * CHARACTER_PX / px_per_s
        if at_s + width_s > scene.end_s:
            at_s = outage.start_s - 5 / px_per_s - width_s
        if at_s >= free_from_s:
            axes.text(at_s, 0.16, outage.label, **text)
            free_from_s = max(at_s + width_s, end_s)


def _titles(axes: Axes, name: str, note: str) -> None:
    shown = name if len(name) <= 90 else name[:89] + "…"
    axes.set_title(shown, loc="left")
    axes.set_title(note, loc="right", color=MUTED, fontsize=10.5, fontweight=400)


def _key(axes: Axes) -> None:
    place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1.0, 0.94), "borderaxespad": 0.2}
    axes.legend(ncols=4, labelcolor=MUTED, handlelength=1.2, columnspacing=1.4, handletextpad=0.5, **place)


def _log_axis(axes: Axes, values: Numbers, room: float = 0.8) -> None:
    """Ticks at powers of ten, with plain numbers."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (1.0, 10.0)
    first, last = int(np.floor(np.log10(max(low, 0.01)))), int(np.ceil(np.log10(max(high, 0.02))))
    powers = range(first, max(last, first + 1) + 1)
    axes.set_ylim(10.0 ** powers[0] * room, 10.0 ** powers[-1] * 1.25)
    axes.set_yticks([10.0**power for power in powers])
    axes.set_yticklabels([f"{10.0**power:g}" for power in powers])
    axes.minorticks_off()
    axes.grid(axis="y")


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places at least `gap` apart and as near as can be to the wanted ones, which are in order."""
    clusters: list[tuple[float, int]] = []  # mean of (place − index × gap) and how many share it
    for index, place in enumerate(wanted):
        mean, count = place - index * gap, 1
        while clusters and clusters[-1][0] > mean:
            before, many = clusters.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        clusters.append((mean, count))
    means = [mean for mean, count in clusters for _ in range(count)]
    last = high - (len(means) - 1) * gap
    return [max(min(mean, last), low) + index * gap for index, mean in enumerate(means)]
