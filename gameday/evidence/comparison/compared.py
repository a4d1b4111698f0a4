"""A comparison for people and programs: lines, a table on a terminal, Markdown, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gameday import clean
from gameday.evidence.comparison.compare import Comparison
from gameday.evidence.comparison.differences import Difference
from gameday.evidence.record import Record
from gameday.evidence.report import markup

if TYPE_CHECKING:
    from rich.console import RenderableType

WORDS = {"same": "same", "open": "open", "unknown": "not comparable"}
STYLES = {"better": "green", "worse": "red"}
# of these there are many: only what differs is shown to people
MANY = ("latency", "steps")
EXPLAINED = "open: no difference that these runs can show; seems: by a rule of thumb, not by an interval"


def word(difference: Difference) -> str:
    """What became of a figure: `better`, `seems worse`, `open` …"""
    known = WORDS.get(difference.outcome)
    return known or f"{'seems ' if difference.is_hint else ''}{difference.outcome}"


def lines(comparison: Comparison) -> Iterator[str]:
    """The comparison as plain lines."""
    for name, record in (("before", comparison.before), ("after", comparison.after)):
        yield f"{name:<6}  {told(record)}"
    yield from (f"note: {clean.line(note)}" for note in comparison.notes)
    found = shown(comparison)
    widths = [max(len(cell) for cell in column) for column in zip(*map(_cells, found), strict=True)]
    for difference in found:
        cells = (f"{cell:<{width}}" for cell, width in zip(_cells(difference), widths, strict=True))
        yield "  ".join(cells).rstrip()
    yield from closing(comparison)


def table(comparison: Comparison) -> RenderableType:
    """The comparison for a terminal."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("", "figure", "before", "after"):
        made.add_column(name, overflow="fold", no_wrap=not name)
    for difference in shown(comparison):
        first, *rest = _cells(difference)
        made.add_row(Text(first, STYLES.get(difference.outcome, "dim")), *map(Text, rest))
    head = [Text(f"before  {told(comparison.before)}"), Text(f"after   {told(comparison.after)}")]
    notes = [Text(f"note: {clean.line(note)}", "yellow") for note in comparison.notes]
    ending = [Text(line, "dim") for line in closing(comparison)]
    return Group(*head, *notes, Text(), made, Text(), *ending)


def markdown(comparison: Comparison) -> str:
    """The comparison for a wiki."""
    runs = [
        (name, record.run_id, record.started, record.verdict)
        for name, record in (("before", comparison.before), ("after", comparison.after))
    ]
    made = ["# Two runs compared", "", *markup.table(("", "Run", "Started", "Verdict"), runs)]
    made += markup.bullets(comparison.notes) if comparison.notes else []
    made += markup.table(("Outcome", "Figure", "Before", "After"), map(_cells, shown(comparison)))
    made += markup.bullets(closing(comparison))
    return "\n".join(made).rstrip() + "\n"


def as_json(comparison: Comparison) -> str:
    """The comparison with every figure, for programs."""
    made: dict[str, Any] = {"schema": "gameday/comparison/1"}
    for name, record in (("before", comparison.before), ("after", comparison.after)):
        about = {"run_id": record.run_id, "started": record.started, "verdict": record.verdict}
        made[name] = {**about, "experiment_sha256": record.experiment.sha256}
    made["notes"] = list(comparison.notes)
    made["differences"] = [
        {
            "group": difference.group,
            "name": difference.name,
            "before": difference.told[0],
            "after": difference.told[1],
            "outcome": difference.outcome,
            "is_hint": difference.is_hint,
        }
        for difference in comparison.differences
    ]
    return json.dumps(made, indent=2)


def shown(comparison: Comparison) -> list[Difference]:
    """What people are shown: everything that is better or worse, and every figure of the short groups."""
    return [each for each in comparison.differences if each.group not in MANY or each.outcome in STYLES]


def closing(comparison: Comparison) -> list[str]:
    """What was left out, and what the words mean."""
    hidden = len(comparison.differences) - len(shown(comparison))
    figures = f"{hidden} figure{'' if hidden == 1 else 's'} of latency and steps"
    return [*([f"{figures} without a difference that these runs can show"] if hidden else []), EXPLAINED]


def told(record: Record) -> str:
    """A run in a line."""
    return clean.line(f"{record.run_id}  {record.verdict}")


def _cells(difference: Difference) -> tuple[str, ...]:
    return word(difference), clean.line(difference.name), *map(clean.line, difference.told)
