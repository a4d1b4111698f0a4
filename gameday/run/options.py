"""How a run is to be played."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gameday.evidence.seal import Sealing
from gameday.guardrails.check import Permit
from gameday.run.asked import AS_THE_FILE_SAYS, Asked
from gameday.run.children import Engine
from gameday.run.hooks import Hook
from gameday.run.receiving import Listening

NO_RULES = Permit(())
HASHES_ALONE = Sealing()


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. rollbacks: Chaos Toolkit's strategy, None for the file's or `always`.

    asked: what else of Chaos Toolkit is asked for. permit: what the guardrails said. sealing: how the
    evidence is sealed. books, claims: the addresses where undo logs and claims lie, None for this host.
    listening: where alarms come in, None for nowhere. engine: one that has validated it and
    waits, None to start one. hooks: who is told of the start and the end, beside the entry points.
    """

    results: Path
    variables: tuple[str, ...] = ()
    rollbacks: str | None = None
    asked: Asked = AS_THE_FILE_SAYS
    permit: Permit = NO_RULES
    sealing: Sealing = HASHES_ALONE
    books: str | None = None
    claims: str | None = None
    listening: Listening | None = None
    engine: Engine | None = None
    hooks: tuple[Hook, ...] = ()
