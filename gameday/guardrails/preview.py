"""What `gameday plan` says: what would be touched, how it would be undone, and what forbids it."""

from __future__ import annotations

from collections.abc import Iterator

from gameday import clean, redact
from gameday.experiment.calls import CONTROLS, PROBES, UNDO
from gameday.experiment.lasts import longest_s
from gameday.experiment.load import Experiment
from gameday.guardrails.check import Permit, hit
from gameday.guardrails.touch import Touch
from gameday.phases import METHOD
from gameday.samples import LEDGER, LOAD
from gameday.units import spoken

SHOWN_TARGETS = 8


PARTS = (PROBES, LOAD, LEDGER, CONTROLS, METHOD, UNDO, "rollbacks")


def lines(experiment: Experiment, permit: Permit) -> Iterator[str]:
    """The plan, a line at a time, without secrets; a name that it holds makes no line of its own."""
    without = redact.Redactor(experiment.secrets)
    return (clean.line(without.text(line)) for line in _lines(experiment, permit))


def _lines(experiment: Experiment, permit: Permit) -> Iterator[str]:
    yield from _heading(experiment)
    touches = permit.touches or ()
    for part in PARTS:
        steps = [touch for touch in touches if touch.part == part]
        if steps:
            yield ""
            yield part
        for number, touch in enumerate(steps, 1):
            yield from _step(number, touch)
    yield ""
    yield f"blast radius: {_count(hit(touches), 'target')}"
    blocks = experiment.blocks
    for condition in blocks.halt:
        yield f"halts when {condition.when}" + (f" for {spoken(condition.for_)}" if condition.for_ else "")
    yield f"halts after {spoken(longest_s(experiment))}"
    yield ""
    yield from _guardrails(permit)


def _heading(experiment: Experiment) -> Iterator[str]:
    blocks = experiment.blocks
    service = blocks.service
    about = [service.name, f"tier {service.tier}" if service.tier is not None else ""] if service else []
    about += [blocks.environment or "environment not given: counts as production", experiment.sha256[:12]]
    yield experiment.title
    yield " · ".join(word for word in about if word)


def _step(number: int, touch: Touch) -> Iterator[str]:
    if touch.part in (LOAD, LEDGER):
        yield f"     does     {touch.does}"
    else:
        yield f"  {number}. {touch.step}" + (f" [{touch.role}]" if touch.role else "")
        yield f"     does     {touch.does}"
    yield f"     touches  {_targets(touch)}"
    if touch.part == METHOD:
        yield f"     undo     {touch.undo}"


def _targets(touch: Touch) -> str:
    where = ", ".join(dict.fromkeys(map(str, touch.places)))
    if touch.unknown:
        return f"not known: {touch.unknown}" + (f" (on {where})" if where else "")
    names = ", ".join(touch.targets[:SHOWN_TARGETS])
    more = len(touch.targets) - SHOWN_TARGETS
    names += f" and {more} more" if more > 0 else ""
    if touch.found is not None:
        names = f"{touch.hit} of {touch.found}" + (f": {names}" if names else "")
    return f"{names} on {where}" if names else where or "nothing"


def _guardrails(permit: Permit) -> Iterator[str]:
    if not permit.checked:
        yield "guardrails: none"
        return
    yield "guardrails"
    for checked in permit.checked:
        if not checked.problems:
            yield f"  ✓ {checked.rule}: {checked.said} ({checked.source})"
        for problem in checked.problems:
            yield f"  ✗ {problem}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
