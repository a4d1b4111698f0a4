"""The evidence pack: a run's folder under results/, and where everything lies in it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.errors import GamedayError
from gameday.events import Event
from gameday.evidence import bounds
from gameday.evidence.record import Record, refuse_newer
from gameday.files import read_lines
from gameday.reading import Unreadable, read_bytes

# what is written with the seal or after it, and so is no part of what is sealed
MANIFEST, SEAL, STAMP, AFTERWARDS = "manifest.json", "seal.json", "seal.tsr", "afterwards.jsonl"
WITH_THE_SEAL = (MANIFEST, SEAL, STAMP, AFTERWARDS)
LONGEST_NAME, LONGEST_WHY = 200, 300


@dataclass(frozen=True, slots=True)
class Pack:
    """A run's folder. Its files:

    | file | what |
    |---|---|
    | experiment.yaml or .json | the file that was run, as it is but for secrets |
    | plan.json | gameday's blocks with variables filled in, without anything secret |
    | timeline.jsonl | everything that happened, in order, on one clock |
    | undo.jsonl | the undo log |
    | samples/ | what the recorders write while the run lasts |
    | samples.parquet, ledger.parquet | the same, afterwards |
    | journal.json | Chaos Toolkit's own journal |
    | record.json | the result |
    | report.html | the report |
    | logs/ | what the processes printed |
    | manifest.json, seal.json, seal.tsr | the seal: every file's digest, the signed statement, a time stamp |
    | afterwards.jsonl | notes, actions and sign-offs, added after the seal |
    """

    folder: Path

    @property
    def run_id(self) -> str:
        """The run's name, which sorts by time; that of the folder until the timeline has begun."""
        if self.timeline.is_symlink() or not self.timeline.is_file():
            return self.folder.name
        begun = (
            entry["run_id"]
            for entry in read_lines(self.timeline)
            if entry.get("event") == Event.RUN and "run_id" in entry
        )
        return str(next(begun, self.folder.name))

    @property
    def file_name(self) -> str:
        """The run's name for a file or a folder: it comes from a file, and must not lead anywhere else."""
        return re.sub(r"[^\w.-]", "-", self.run_id, flags=re.ASCII).lstrip(".")[:LONGEST_NAME] or "run"

    @property
    def timeline(self) -> Path:
        return self.folder / "timeline.jsonl"

    @property
    def undo_log(self) -> Path:
        return self.folder / "undo.jsonl"

    @property
    def raw(self) -> Path:
        return self.folder / "samples"

    @property
    def samples(self) -> Path:
        return self.folder / "samples.parquet"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.parquet"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.json"

    @property
    def plan(self) -> Path:
        return self.folder / "plan.json"

    @property
    def record(self) -> Path:
        return self.folder / "record.json"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def about(self) -> dict[str, str | None]:
        """The `service` that the run is about, and the `sha256` of its experiment; None where unknown."""
        try:
            plan = json.loads(self.plan.read_text())
            service = (plan.get("service") or {}).get("name")
            return {"service": service, "sha256": plan["experiment"]["sha256"]}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {"service": None, "sha256": None}

    def events(self) -> list[dict[str, Any]]:
        """The timeline, oldest first."""
        return list(read_lines(self.timeline))

    def read_record(self) -> Record:
        """The record. Raises GamedayError when the folder is no finished run, or a later gameday's."""
        try:
            stored = bounds.parsed(read_bytes(self.record, bounds.MOST_TEXT))
            refuse_newer(stored, self.folder)
            return Record.model_validate(stored)
        except FileNotFoundError:
            raise GamedayError(f"{self.folder} is not the folder of a finished run: no record.json") from None
        except (Unreadable, ValueError) as error:
            raise GamedayError(f"{self.record} is not a record: {str(error)[:LONGEST_WHY]}") from None

    def read_journal(self) -> dict[str, Any]:
        """Chaos Toolkit's journal; empty when the engine never wrote one."""
        try:
            return dict(json.loads(self.journal.read_text()))
        except (FileNotFoundError, ValueError):
            return {}

    def digests(self) -> dict[str, str]:
        """SHA-256 of every data file, by name, so that the record pins what it was made from."""
        skipped = {self.record.name, self.report.name, *WITH_THE_SEAL}
        files = [path for path in sorted(self.folder.iterdir()) if path.is_file()]
        kept = [path for path in files if path.name not in skipped and not path.name.startswith(".")]
        return {path.name: digest(path) for path in kept}


def digest(path: Path) -> str:
    """The SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
