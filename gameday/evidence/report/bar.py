"""A figure against its objective, as a bar."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure against its objective, as percentages of the bar's width."""

    figure: float
    low: float | None
    high: float | None
    objective: float | None
    is_open: bool


def bar(
    figure_s: float | None,
    low_s: float | None,
    high_s: float | None,
    objective_s: float | None,
    deadline_s: float | None,
) -> Bar | None:
    """A figure against its objective; without a figure the bar runs open-ended past the deadline."""
    if figure_s is None and deadline_s is None:
        return None
    known = [length_s for length_s in (figure_s, high_s, objective_s, deadline_s) if length_s is not None]
    if figure_s is not None:
        known = [length_s for length_s in (figure_s, high_s, objective_s) if length_s is not None]
    longest_s = max(known) * 1.12

    def place(length_s: float | None) -> float | None:
        return None if length_s is None else round(100 * length_s / (longest_s or 1), 3)

    is_open = figure_s is None
    return Bar(
        100.0 if is_open else place(figure_s) or 0.0, place(low_s), place(high_s), place(objective_s), is_open
    )
