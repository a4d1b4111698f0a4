"""What watches a run touches a system too: whatever the sources of its samples ask."""

from __future__ import annotations

from collections.abc import Iterator

from gameday import hosts
from gameday.experiment.model import Blocks
from gameday.guardrails.touch import Touch
from gameday.observe.sources import Reached, reached


def observers(blocks: Blocks) -> Iterator[Touch]:
    """They break nothing, but what they reach is reached."""
    return map(_watching, reached(blocks))


def _watching(watched: Reached) -> Touch:
    try:
        return Touch(
            watched.step, watched.part, 0, does=watched.does, places=watched.where(), is_declarable=False
        )
    except hosts.Unclear as error:
        return Touch(
            watched.step, watched.part, 0, does=watched.does, unknown=str(error), is_declarable=False
        )
