"""The probe that a load alone lacks: load cannot time an outage."""

from __future__ import annotations

from gameday.experiment.model import Blocks, Objectives, Sli

SEEN_BY_DEFAULT_S = 2.0  # an outage of this length is seen by a probe that nobody has set up


def with_a_probe(blocks: Blocks) -> Blocks:
    """The blocks with a probe of the load's host when they have none."""
    if blocks.load is None or any(sli.source == "probe" for sli in blocks.slis):
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
