"""Outages and steps as CSV, for spreadsheets and scripts: RFC 4180, UTF-8, units in the column names."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from gameday import clean
from gameday.evidence.record import Record
from gameday.evidence.report.facts import outages
from gameday.evidence.report.ruler import ruler_of

Cell = str | int | float | bool | None

OUTAGES = (
    "run_id sli source objective phase start_s start_utc end_utc began_earliest_utc began_latest_utc "
    "ended_earliest_utc ended_latest_utc length_s length_low_s length_high_s bad_samples samples"
).split()
STEPS = (
    "run_id step kind phase role runbook start_s started_utc ended_utc took_s status landed proof error"
).split()
# with one of these first, a spreadsheet takes a text for a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def render_outages(record: Record) -> str:
    """One row an outage, by its start; what is not known, or has not ended, is empty."""
    ruler = ruler_of(record)
    return _csv(
        OUTAGES,
        (
            (
                *(record.run_id, sli.name, sli.source, sli.objective, outage.phase),
                *(ruler.of(outage.start), outage.start, outage.end),
                *outage.began,
                *(outage.ended or (None, None)),
                *(outage.seconds, outage.low, outage.high, outage.bad, outage.total),
            )
            for sli, outage in outages(record)
        ),
    )


def render_steps(record: Record) -> str:
    """One row a step, in the order in which they were played."""
    ruler = ruler_of(record)
    return _csv(
        STEPS,
        (
            (
                *(record.run_id, step.name, step.kind, step.phase, step.role, step.runbook),
                *(ruler.of(step.started), step.started, step.ended, step.seconds),
                *(step.status, step.landed, step.proof, step.error),
            )
            for step in record.steps
        ),
    )


def _csv(header: list[str], rows: Iterable[tuple[Cell, ...]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _cell(cell: Cell) -> str:
    """A cell as text; a text that would be a formula is one no more. Numbers stay as they are."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int | float):
        return f"{cell:.9f}".rstrip("0").rstrip(".") if isinstance(cell, float) else str(cell)
    text = clean.text(cell)
    return f"'{text}" if text.startswith(FORMULA) else text
