"""Two journals of one experiment: what of them has to be the same."""

from __future__ import annotations

from typing import Any

Journal = dict[str, Any]
# of a run in the journal: its moments, and what is said at more length of the same error
PASSING = ("start", "end", "duration", "exception")


def same(theirs: Journal, ours: Journal) -> list[str]:
    """The parts that differ; a run that was refused, or in which Chaos Toolkit crashed, has no journal."""
    for end in ("crashed", "refused"):
        if end in theirs or end in ours:
            return [] if {end} == {*theirs} == {*ours} else [end]
    return [name for name, said in parts(theirs).items() if said != parts(ours)[name]]


def parts(journal: Journal) -> dict[str, Any]:
    """What is compared, by name."""
    states = journal["steady_states"]
    return {
        "keys": sorted(journal),
        "status": journal["status"],
        "deviated": journal["deviated"],
        "experiment": journal["experiment"],
        "before": _state(states["before"]),
        "during": bool(states["during"]),
        "after": _state(states["after"]),
        "run": _runs(journal["run"]),
        "rollbacks": _runs(journal["rollbacks"]),
    }


def _state(state: Any) -> Any:
    if not isinstance(state, dict):
        return state
    return {**state, "probes": _runs(state["probes"])}


def _runs(runs: list[Any]) -> list[Any]:
    kept = [_lasting(run) for run in runs]
    return sorted(kept, key=str) if any(_is_in_background(run) for run in runs) else kept


def _lasting(run: Any) -> Any:
    """A run without what passes; a control may have put anything in its place."""
    return {key: value for key, value in run.items() if key not in PASSING} if isinstance(run, dict) else run


def _is_in_background(run: Any) -> bool:
    return isinstance(run, dict) and bool(run["activity"].get("background"))
