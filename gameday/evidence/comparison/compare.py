"""Two runs side by side: what got better or worse, as far as these two can show. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gameday.evidence.comparison import differences
from gameday.evidence.comparison.differences import Difference
from gameday.evidence.record import Record
from gameday.measure.rules import are_alike


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, what makes them unlike to begin with, and every figure that both have."""

    before: Record
    after: Record
    notes: tuple[str, ...]
    differences: tuple[Difference, ...]


def compare(before: Record, after: Record) -> Comparison:
    """What got better or worse from one run to the other."""
    found = [differences.verdict(before, after)]
    parts = (differences.rto, differences.losses, differences.slis, differences.latency, differences.steps)
    for part in parts:
        found += part(before, after)
    return Comparison(before, after, tuple(_notes(before, after)), tuple(found))


def _notes(before: Record, after: Record) -> Iterator[str]:
    """Why a difference may be none of the system's."""
    if before.run_id == after.run_id:
        yield "this is one run, twice"
    one, other = before.experiment, after.experiment
    if one.sha256 != other.sha256:
        titles = f": '{one.title}' and '{other.title}'" if one.title != other.title else ""
        yield f"the experiments differ ({one.sha256[:12]}, {other.sha256[:12]}){titles}"
    alike = are_alike(before.rules, after.rules)
    pairs: dict[str, tuple[object, object]] = {
        "the measuring rules differ": (before.rules, before.rules if alike else after.rules),
        "the services differ": (_name(before), _name(after)),
        "the hosts differ": (before.environment.get("host"), after.environment.get("host")),
        "the loads differ": (_users(before), _users(after)),
    }
    goals = {sli.name: sli.objective for sli in before.slis}
    for sli in after.slis:
        pairs[f"the objectives of '{sli.name}' differ"] = (goals.get(sli.name, sli.objective), sli.objective)
    yield from (f"{words}: {a or 'none'} and {b or 'none'}" for words, (a, b) in pairs.items() if a != b)


def _name(record: Record) -> str | None:
    return None if record.service is None else record.service.name


def _users(record: Record) -> str | None:
    return None if record.load is None else f"{record.load.users} users"
