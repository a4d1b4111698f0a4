"""A claim on a service: one drill at a time, whatever its results folder.

The kernel keeps it, and lets go of it when the run and its guardian have ended, however they end.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from gameday import state
from gameday.errors import GamedayError
from gameday.experiment import Experiment
from gameday.run.lock import Lock


class Claim:
    """One drill's claim on the service of its experiment, or on its file if it names no service."""

    def __init__(self, experiment: Experiment) -> None:
        service = experiment.blocks.service
        self.what = f"service '{service.name}'" if service else str(experiment.path.resolve())
        name = hashlib.sha256(self.what.casefold().encode()).hexdigest()[:16]
        self.lock = Lock(state.folder("claims"), f"{name}.lock")

    def take(self) -> None:
        """Take it. Raises GamedayError, and says who has it, when another drill does."""
        if not self.lock.take():
            raise GamedayError(
                f"a drill on {self.what} is under way{self._whose()}; "
                "wait for its end, or stop it with: gameday halt"
            )

    def sign(self, folder: Path) -> None:
        """Say which run has it, to those who come later."""
        self.lock.path.write_text(json.dumps({"run": str(folder), "pid": os.getpid()}))

    def _whose(self) -> str:
        try:
            told = json.loads(self.lock.path.read_text())
            return f": {told['run']}, process {told['pid']}"
        except (OSError, ValueError, KeyError, TypeError):
            return ""
