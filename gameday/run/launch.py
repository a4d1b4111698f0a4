"""How the processes of a run are started: as processes, but a simulation has ways of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.run.children import Child, Engine, Load, Undoing, wait_for_words
from gameday.run.guardian import Guardian

Orders = dict[str, Any]
Environment = dict[str, str]


@dataclass(frozen=True, slots=True)
class Launch:
    """What starts each of them, and what waits until one of them says something."""

    engine: Callable[[Orders, Path, Environment], Child] = Engine.start
    recorder: Callable[[str, str, Orders, Path], Child] = Child.recorder
    load: Callable[[list[str], Path, Environment, int], Load] = Load.start
    undoing: Callable[[list[str], Path], Undoing] = Undoing.start
    guardian: Callable[[Orders, Path], Guardian] = Guardian
    wait_for_words: Callable[[Sequence[Child | Undoing], float], None] = wait_for_words


AS_PROCESSES = Launch()
