"""The sources of samples. The core goes through them and knows none by name."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.experiment import sources as described
from gameday.experiment.model import Blocks
from gameday.observe.sources.ledger import LedgerSource
from gameday.observe.sources.load import LoadSource
from gameday.observe.sources.plug_in import PlugIn
from gameday.observe.sources.probe import ProbeSource
from gameday.observe.sources.prometheus import PrometheusSource
from gameday.observe.sources.protocol import KeyPath, Reached, Recorder, Source

__all__ = ["KeyPath", "Reached", "Recorder", "Source", "reached", "recorders"]

OWN: dict[str, Source] = {
    "probe": ProbeSource(),
    "prometheus": PrometheusSource(),
    "load": LoadSource(),
    "ledger": LedgerSource(),
}


def reached(blocks: Blocks) -> Iterator[Reached]:
    """Everything that an experiment would ask while it is run."""
    for source in _of(blocks):
        yield from source.reached(blocks)


def recorders(blocks: Blocks) -> Iterator[Recorder]:
    """Every process that records."""
    for source in _of(blocks):
        yield from source.recorders(blocks)


def _of(blocks: Blocks) -> list[Source]:
    """gameday's own, which also know what no SLI names, and those of plug-ins that an SLI names."""
    others = dict.fromkeys(sli.source for sli in blocks.slis if sli.source not in described.OWN)
    return [*OWN.values(), *map(PlugIn, others)]
