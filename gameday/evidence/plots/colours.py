"""Colours that nothing else uses, which become the page's own, so that dark mode and paper work."""

from __future__ import annotations

INK, MUTED, GRID, CARD = "#010101", "#010102", "#010103", "#010104"
GOOD, BAD, WARN, INFO = "#010105", "#010106", "#010107", "#010108"
COLOURS = {INK: "ink", MUTED: "muted", GRID: "grid", CARD: "card"}
COLOURS |= {GOOD: "good", BAD: "bad", WARN: "warn", INFO: "info"}
