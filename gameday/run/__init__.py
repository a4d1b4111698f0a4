"""The run: play an experiment under load, watch it, put everything back, and have it judged."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gameday.run.outcome import Outcome


class _Room(ModuleType):
    """This room, and the function that other programs call: Python has one name for both."""

    def __call__(self, *arguments: Any, **more: Any) -> Outcome:
        """Play an experiment, as `gameday.run.embedding.run` says."""
        from gameday.run.embedding import run

        return run(*arguments, **more)


sys.modules[__name__].__class__ = _Room
