"""`source: probe`: open-loop probes, the clock of an outage."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gameday import hosts
from gameday.experiment.calls import PROBES
from gameday.experiment.model import Blocks
from gameday.experiment.observers import Probe
from gameday.experiment.sli import by_recorder
from gameday.observe.checks import Check, connects_to, runs_sql
from gameday.observe.sources.protocol import Reached, Recorder, at
from gameday.places import Place

# what one process sends without being late, see docs/performance.md; beyond it there is another one
PER_PROCESS_PER_S = 1000.0
MOST_PROCESSES = 16


class ProbeSource:
    """The probes of the SLIs."""

    def reached(self, blocks: Blocks) -> Iterator[Reached]:
        """The target of each probe."""
        for index, sli in enumerate(blocks.slis):
            if sli.probe is not None:
                kind, check = _check(sli.probe)
                where = lambda probe=sli.probe: of_probe(probe)  # noqa: E731 - asked later
                checks = (((*("slis", index, "probe"), kind), check),)
                yield Reached(PROBES, sli.name, _does(sli.probe), where, checks)

    def recorders(self, blocks: Blocks) -> Iterator[Recorder]:
        """The probers: one, or several that share the probes."""
        probes = {name: sli.probe for name, sli in by_recorder(blocks.slis).items() if sli.probe}
        for number, part in enumerate(shared(probes), 1):
            orders = {name: probe.as_orders() for name, probe in part.items()}
            name = "prober" if number == 1 else f"prober-{number}"
            yield Recorder(name, "gameday.observe.prober", {"probes": orders})


def shared(probes: dict[str, Probe]) -> list[dict[str, Probe]]:
    """The probes by process, each with about as many to send a second."""
    whole_per_s = sum(1 / probe.every for probe in probes.values())
    count = min(math.ceil(whole_per_s / PER_PROCESS_PER_S - 1e-9), MOST_PROCESSES, len(probes))
    parts: list[dict[str, Probe]] = [{} for _ in range(count)]
    sent_per_s = [0.0] * count
    for name, probe in sorted(probes.items(), key=lambda item: item[1].every):
        least = sent_per_s.index(min(sent_per_s))
        parts[least][name] = probe
        sent_per_s[least] += 1 / probe.every
    return parts


def of_probe(probe: Probe) -> tuple[Place, ...]:
    """Where a probe goes. Raises Unclear."""
    if probe.http is not None:
        return at(hosts.of_url(probe.http))
    if probe.tcp is not None:
        return at(hosts.of_host_and_port(probe.tcp))
    return at(*hosts.of_dsn(str(probe.sql)))


def _does(probe: Probe) -> str:
    per_s = f"{1 / probe.every:g}"
    return f"{per_s} {probe.method}s/s, each of which may write" if probe.writes else f"{per_s} probes/s"


def _check(probe: Probe) -> tuple[str, Check]:
    if probe.http is not None:
        return "http", connects_to(probe.http)
    if probe.tcp is not None:
        return "tcp", connects_to(f"tcp://{probe.tcp}")
    return "sql", runs_sql(str(probe.sql))
