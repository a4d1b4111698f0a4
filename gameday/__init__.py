"""gameday: break a system on purpose, fail it over, and prove RTO and RPO.

What other programs use is here; nothing heavy is imported before it is used. See docs/embedding.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gameday.errors import GamedayError, InvalidInput, NotRecorded
    from gameday.evidence.verify import Verification
    from gameday.experiment.load import Experiment
    from gameday.run.clockwork import Stop
    from gameday.run.embedding import load, run, verify
    from gameday.run.hooks import News
    from gameday.run.outcome import Outcome

__version__ = "0.3.0"
__all__ = [
    "Experiment",
    "GamedayError",
    "InvalidInput",
    "News",
    "NotRecorded",
    "Outcome",
    "Stop",
    "Verification",
    "load",
    "run",
    "verify",
]
_PLACES = {
    "Experiment": "gameday.experiment.load",
    "News": "gameday.run.hooks",
    "Outcome": "gameday.run.outcome",
    "Stop": "gameday.run.clockwork",
    "Verification": "gameday.evidence.verify",
    **dict.fromkeys(("GamedayError", "InvalidInput", "NotRecorded"), "gameday.errors"),
    **dict.fromkeys(("load", "verify"), "gameday.run.embedding"),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "run":  # a room, which can be called
        return import_module("gameday.run")
    if name not in _PLACES:
        raise AttributeError(f"module 'gameday' has no attribute '{name}'")
    return getattr(import_module(_PLACES[name]), name)
