"""A run as JUnit XML, for CI: one test suite, in which the drill's questions are the test cases.

The shape is what the schemas of Ant, Jenkins and GitLab have in common.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from gameday.evidence.record import Record, SliPart, StepPart, UndoPart
from gameday.evidence.report.facts import meaning, outages
from gameday.evidence.report.wording import between, percent, rpo_words, rto_words
from gameday.phases import METHOD
from gameday.units import Share, spoken

Answer = Literal["passed", "failure", "error", "skipped"]
OF_VERDICT: dict[str, Answer] = {"passed": "passed", "failed": "failure"}
# what XML 1.0 cannot hold, not even escaped
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Case:
    """One question of the drill, its answer, why in a line, and how long it took."""

    group: str
    name: str
    answer: Answer
    message: str = ""
    seconds: float | None = None


def render(record: Record) -> str:
    """The record as a JUnit XML file."""
    found = list(cases(record))
    counts = {word: sum(case.answer == word for case in found) for word in ("failure", "error", "skipped")}
    suite = ElementTree.Element(
        "testsuite",
        name=_text(f"gameday: {record.experiment.title}"),
        tests=str(len(found)),
        failures=str(counts["failure"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
        time=_seconds(sum(case.seconds or 0.0 for case in found)),
        timestamp=record.started[:19],
        hostname=_text(str(record.environment.get("host") or "localhost")),
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _properties(record):
        ElementTree.SubElement(properties, "property", name=name, value=_text(value))
    for case in found:
        suite.append(_element(case))
    ElementTree.SubElement(suite, "system-out").text = _text("\n".join(_told(record, found)))
    ElementTree.SubElement(suite, "system-err").text = ""
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def cases(record: Record) -> Iterator[Case]:
    """The questions of the drill, in the order in which a reader asks them.

    The first is the verdict: a run that proves nothing is never green, whatever its parts say.
    """
    answer = OF_VERDICT.get(record.verdict, "error")
    yield Case("run", "verdict", answer, "; ".join(record.reasons) or meaning(record))
    yield _steady_before(record)
    yield from _objectives(record)
    yield from (_sli(record, sli) for sli in record.slis)
    yield from (_fault(step) for step in record.steps if step.role == "fault")
    yield from (_undo(undo) for undo in record.undo)


def _steady_before(record: Record) -> Case:
    """The run goes on to its method only when the steady state held."""
    lengths = [phase.seconds for phase in record.phases if phase.name == "baseline"]
    length_s = lengths[0] if lengths else None
    name = "the steady state holds before the fault"
    bad = [step for step in record.steps if step.phase == "baseline" and step.status in ("failed", "aborted")]
    if bad:
        why = "; ".join(f"{step.name}: {step.error or step.status}" for step in bad)
        return Case("steady-state", name, "failure", why, length_s)
    if record.verdict == "passed" or any(phase.name == METHOD for phase in record.phases):
        return Case("steady-state", name, "passed", "", length_s)
    if record.verdict == "failed":
        return Case("steady-state", name, "failure", "; ".join(record.reasons), length_s)
    return Case("steady-state", name, "skipped", "the run ended before it was known", length_s)


def _objectives(record: Record) -> Iterator[Case]:
    rto, rpo = record.rto, record.rpo
    if rto is not None and rto.objective is not None:
        bounds = "" if rto.low is None or rto.high is None else f" ({between(rto.low, rto.high)})"
        cut = record.verdict in ("aborted", "halted")
        said = f"RTO from {rto.from_}: {rto_words(rto, was_cut_short=cut)}{bounds}"
        said += f", objective {spoken(rto.objective)}"
        yield Case("objectives", f"RTO within {spoken(rto.objective)}", _of(rto.met), said, rto.seconds)
    if rpo is not None and rpo.objective is not None:
        said = f"RPO: {rpo_words(rpo)}, objective {spoken(rpo.objective)}; "
        said += f"{rpo.lost} of {rpo.acknowledged} acknowledged writes lost"
        said += f", {rpo.not_read} not read back" if rpo.not_read else ""
        yield Case("objectives", f"RPO within {spoken(rpo.objective)}", _of(rpo.met), said)


def _sli(record: Record, sli: SliPart) -> Case:
    """An outage during the drill is what the drill is for; an SLI fails when it does not come back."""
    name = f"{sli.name}: at least {sli.objective} good after the drill"
    shares = (
        f"{percent(sli.before)} % good before, {percent(sli.during)} % during, {percent(sli.after)} % after"
    )
    said = f"{shares}; {len(sli.outages)} outage{'' if len(sli.outages) == 1 else 's'}"
    if not sli.samples:
        return Case("SLIs", name, "error", "no samples")
    if sli.after is None:
        return Case("SLIs", name, "skipped", f"nothing was measured after the drill; {said}")
    return Case("SLIs", name, _of(sli.after >= Share.parse(sli.objective).fraction), said)


def _fault(step: StepPart) -> Case:
    name = f"landed: {step.name}"
    if step.landed:
        return Case("faults", name, "passed", step.proof or "", step.seconds)
    if step.status in ("failed", "aborted"):
        return Case("faults", name, "failure", step.error or step.status, step.seconds)
    if step.landed is None:
        return Case("faults", name, "skipped", "not proved by the step itself", step.seconds)
    return Case("faults", name, "error", f"did not land: {step.proof or 'no proof'}", step.seconds)


def _undo(undo: UndoPart) -> Case:
    name = f"undone: {undo.step} ({undo.fault})"
    if undo.verified:
        return Case("undo", name, "passed", undo.detail)
    if undo.state == "undone":
        return Case("undo", name, "skipped", f"undone, but not read back; {undo.detail}".rstrip("; "))
    return Case("undo", name, "failure", f"{undo.state}; {undo.detail}".rstrip("; "))


def _of(met: bool | None) -> Answer:
    return "skipped" if met is None else "passed" if met else "failure"


def _element(case: Case) -> ElementTree.Element:
    made = ElementTree.Element(
        "testcase",
        classname=_text(f"gameday.{case.group}"),
        name=_text(case.name),
        time=_seconds(case.seconds or 0.0),
    )
    if case.answer == "skipped":
        ElementTree.SubElement(made, "skipped", message=_text(case.message))
    elif case.answer != "passed":
        why = ElementTree.SubElement(
            made, case.answer, type=f"gameday.{case.answer}", message=_text(case.message)
        )
        why.text = _text(case.message)
    return made


def _properties(record: Record) -> Iterator[tuple[str, str]]:
    yield "run", record.run_id
    yield "verdict", record.verdict
    yield "experiment", record.experiment.path
    yield "experiment.sha256", record.experiment.sha256
    if record.service is not None:
        yield "service", record.service.name
    figures = {"rto": record.rto, "rpo": record.rpo}
    for name, part in figures.items():
        for key in ("seconds", "low", "high", "objective"):
            value = getattr(part, key, None)
            if value is not None:
                yield f"{name}.{key}", repr(value)


def _told(record: Record, found: list[Case]) -> Iterator[str]:
    """What a reader of the CI's log wants: the reasons, the moments, and what each case says."""
    yield f"{record.verdict}: {meaning(record)}"
    yield from (f"- {reason}" for reason in record.reasons)
    moments = sorted((moment, name) for name, moment in record.moments.items() if moment is not None)
    yield from (f"{name}: {moment}" for moment, name in moments)
    for sli, outage in outages(record):
        length = "not ended" if outage.seconds is None else f"{outage.seconds:.3f} s"
        yield f"outage of {sli.name} at {outage.start}: {length}"
    yield from (
        f"{case.answer}: {case.name}" + (f": {case.message}" if case.message else "") for case in found
    )


def _seconds(length_s: float) -> str:
    return f"{length_s:.3f}"


def _text(text: str) -> str:
    """Any text as XML can hold it: a control character becomes the replacement character."""
    return NOT_XML.sub("�", text)
