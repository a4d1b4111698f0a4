"""Measure, judge, report and seal a run from what is in its pack."""

from __future__ import annotations

from gameday.errors import NotRecorded
from gameday.evidence import assemble, keep
from gameday.evidence.pack import Pack
from gameday.evidence.record import Record
from gameday.evidence.report import page as report
from gameday.evidence.seal import Sealed, Sealing, seal
from gameday.run.custody import Custody


def judge(custody: Custody, sealing: Sealing) -> tuple[Record, Sealed]:
    """The record, the report and the seal of a run that has come to its end, one way or another.

    Raises NotRecorded when the folder of the run cannot be written.
    """
    pack = custody.pack
    if not any(event.get("event") == "clock" for event in pack.events()):
        raise _not_recorded(pack, "its timeline was never begun")
    try:
        custody.hand_in()
        keep.sweep(pack)
        keep.samples(pack)
        record = assemble.write(pack)
        report.write(pack)
        return record, seal(pack, record, sealing)
    except OSError as error:
        raise _not_recorded(pack, str(error.strerror)) from error


def _not_recorded(pack: Pack, why: str) -> NotRecorded:
    return NotRecorded(
        f"{pack.folder} cannot be written ({why}), so the run has no record; once it can, "
        f"finish the run with: gameday recover {pack.run_id}"
    )
