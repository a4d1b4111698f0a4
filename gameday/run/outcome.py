"""How a run ended, and what the command ends with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gameday.errors import NotRecorded
from gameday.evidence.pack import Pack
from gameday.evidence.record import Record

EXIT_CODES = {"passed": 0, "failed": 1, "halted": 3, "aborted": 3, "inconclusive": 4}
UNDO_OWED = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run: its folder, and its record, whose `verdict` is passed, failed, inconclusive, …"""

    pack: Pack
    record: Record

    @property
    def verdict(self) -> str:
        """What came of it."""
        return self.record.verdict

    @property
    def folder(self) -> Path:
        """Where its evidence lies."""
        return self.pack.folder

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        is_owed = any(entry.state == "owed" for entry in self.record.undo)
        return UNDO_OWED if is_owed else EXIT_CODES[self.record.verdict]


class LeftToTheGuardian(NotRecorded):
    """gameday itself failed where it puts everything back. The guardian goes on."""

    def __init__(self, pack: Pack, error: Exception) -> None:
        super().__init__(
            f"gameday itself failed ({type(error).__name__}: {error}); its guardian now undoes what is owed "
            f"and records the run. See whether it did with: gameday recover {pack.run_id}"
        )
