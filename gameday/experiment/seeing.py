"""What probes see: the one that a load alone lacks, and those that are blind to an outage that counts."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.experiment.model import Blocks, Objectives
from gameday.experiment.positions import Path
from gameday.experiment.sli import Sli
from gameday.units import spoken

SEEN_BY_DEFAULT_S = 2.0  # an outage of this length is seen by a probe that nobody has set up


def with_a_probe(blocks: Blocks) -> Blocks:
    """The blocks with a probe of the load's host when they have none."""
    if blocks.load is None or any(sli.about.may_be_clock for sli in blocks.slis):
        return blocks
    probe = {"http": blocks.load.host, "expect": "any", **_seeing(blocks.objectives)}
    added = Sli.model_validate({"name": "reachable", "source": "probe", "objective": "100%", "probe": probe})
    return blocks.model_copy(update={"slis": [*blocks.slis, added]})


def _seeing(objectives: Objectives | None) -> dict[str, str]:
    """The period and the timeout of a probe that sees every outage longer than the RTO."""
    if objectives is None or not objectives.rto or objectives.rto >= SEEN_BY_DEFAULT_S:
        return {}
    rto_ms = int(objectives.rto * 1000)
    return {"every": f"{min(20, max(1, rto_ms // 10))}ms", "timeout": f"{max(1, rto_ms // 2)}ms"}


def blind(blocks: Blocks, rto_s: float) -> Iterator[tuple[Path, str]]:
    """The probes that may not see an outage longer than the RTO, and what would help."""
    for index, sli in enumerate(blocks.slis):
        if not sli.about.may_be_clock or sli.unseen_s <= rto_s:
            continue
        tolerated_s = sli.tolerated_s + sli.asks_every_s
        advice = (
            f"let it answer sooner (timeout: or good: below {spoken(rto_s - tolerated_s)})"
            if tolerated_s < rto_s
            else "ask for a larger share, in a shorter window, more often"
        )
        block = sli if sli.probe is None else sli.probe
        path: Path = ("slis", index, *(() if sli.probe is None else ("probe",)))
        yield (
            (*path, "timeout") if "timeout" in block.model_fields_set else path,
            f"'{sli.name}' may not see an outage of {spoken(sli.unseen_s)}, and the rto is "
            f"{spoken(rto_s)}: {advice}",
        )
