"""A run as JUnit XML, for CI: one test suite, in which the drill's questions are the test cases.

The shape is what the schemas of Ant, Jenkins and GitLab have in common.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from gameday import clean
from gameday.evidence.record import Record
from gameday.evidence.report.cases import Case, cases
from gameday.evidence.report.facts import meaning, outages

# what XML 1.0 cannot hold, not even escaped
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
    return NOT_XML.sub("�", clean.text(text))
