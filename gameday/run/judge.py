"""Measure, judge and report a run from what is in its pack."""

from __future__ import annotations

from gameday.evidence import assemble, keep, report
from gameday.evidence.pack import Pack
from gameday.evidence.record import Record


def judge(pack: Pack) -> Record:
    """The record and the report of a run that has come to its end, one way or another."""
    keep.samples(pack)
    record = assemble.write(pack)
    report.write(pack)
    return record
