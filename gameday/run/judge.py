"""Measure, judge, report and seal a run from what is in its pack."""

from __future__ import annotations

from dataclasses import replace

from gameday.errors import NotRecorded
from gameday.events import Event
from gameday.evidence import assemble, keep
from gameday.evidence.pack import Pack
from gameday.evidence.record import Record
from gameday.evidence.report import page as report
from gameday.evidence.seal import Sealed, Sealing, seal
from gameday.run import logs
from gameday.run.custody import Custody

HASHES_ALONE = Sealing()


def judge(custody: Custody, sealing: Sealing) -> tuple[Record, Sealed]:
    """The record, the report and the seal of a run that has come to its end, one way or another.

    The record comes first. A report or a signature that cannot be made is told; what there is gets sealed.
    Raises NotRecorded when the folder of the run cannot be written, or cannot be measured.
    """
    pack = custody.pack
    if not any(event.get("event") == Event.CLOCK for event in pack.events()):
        raise _not_recorded(pack, "its timeline was never begun")
    troubles: list[str] = []
    try:
        custody.hand_in()
        keep.sweep(pack)
        keep.samples(pack)
        record = assemble.write(pack)
        _report(pack, troubles)
        logs.settle(pack.logs)
        sealed = _seal(pack, record, sealing, troubles)
    except OSError as error:
        raise _not_recorded(pack, str(error.strerror)) from error
    except Exception as error:
        logs.note_failure(pack.logs)
        raise NotRecorded(
            f"{pack.folder} cannot be measured: gameday itself failed ({type(error).__name__}: {error}), see "
            f"logs/gameday.log there. All is kept; measure it again with: gameday recover {pack.run_id}"
        ) from error
    return record, replace(sealed, troubles=(*troubles, *sealed.troubles))


def _report(pack: Pack, troubles: list[str]) -> None:
    """Make the report. The record is worth more: what the report fails of is only told."""
    try:
        report.write(pack)
    except Exception as error:  # noqa: BLE001 - the report is drawn from everything that was recorded
        logs.note_failure(pack.logs)
        troubles.append(
            f"the report could not be made ({type(error).__name__}: {error}); see logs/gameday.log"
        )


def _seal(pack: Pack, record: Record, sealing: Sealing, troubles: list[str]) -> Sealed:
    """Seal as asked for, else by hashes alone."""
    try:
        return seal(pack, record, sealing)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - a key store of somebody else may fail in any way
        troubles.append(f"it could not be signed ({type(error).__name__}: {error})")
        return seal(pack, record, HASHES_ALONE)


def _not_recorded(pack: Pack, why: str) -> NotRecorded:
    return NotRecorded(
        f"{pack.folder} cannot be written ({why}), so the run has no record; once it can, "
        f"finish the run with: gameday recover {pack.run_id}"
    )
