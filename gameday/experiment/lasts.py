"""How long a run may last when its file does not say so."""

from __future__ import annotations

from typing import Any

from gameday import asking
from gameday.experiment.load import Experiment
from gameday.experiment.model import Objectives
from gameday.experiment.undos import undo_s
from gameday.experiment.walk import walk
from gameday.units import duration_s

SPARE_S = 3600.0


def longest_s(experiment: Experiment) -> float:
    """Seconds after which the run halts: `max-duration`, else an hour more than the file itself waits."""
    blocks = experiment.blocks
    return SPARE_S + waits_s(experiment) if blocks.max_duration is None else blocks.max_duration


def waits_s(experiment: Experiment) -> float:
    """Seconds that the file asks to wait: for the load, the phases, the pauses of its activities and
    their undos."""
    aims = experiment.blocks.objectives or Objectives()
    phases_s = aims.baseline + aims.recovery_deadline_s + aims.after_check + 3 * aims.sustain
    load = experiment.blocks.load
    load_s = 0.0
    if load is not None:
        workers_s = load.workers.within if load.workers else 0.0
        load_s = load.warm_up + load.users / load.spawn_rate + workers_s
    return (
        phases_s
        + load_s
        + sum(_pauses_s(activity) + _asks_s(activity) for _, activity in walk(experiment.document))
    )


def _asks_s(activity: dict[str, Any]) -> float:
    """How long a step of gameday's own waits for people."""
    provider = activity.get("provider")
    if not isinstance(provider, dict) or provider.get("module") != asking.__name__:
        return 0.0
    arguments = provider.get("arguments")
    within = arguments.get("within", asking.USUAL_WAIT) if isinstance(arguments, dict) else asking.USUAL_WAIT
    try:
        return duration_s(within) if isinstance(within, str) else float(within)
    except (ValueError, TypeError):
        return 0.0


def _pauses_s(activity: dict[str, Any]) -> float:
    pauses = activity.get("pauses")
    values = pauses.values() if isinstance(pauses, dict) else ()
    return undo_s(activity) + sum(float(value) for value in values if isinstance(value, int | float))
