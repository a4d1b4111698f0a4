"""The report for a wiki, in GitHub-flavoured Markdown. A pure function of the record."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.evidence.afterwards import Afterwards
from gameday.evidence.record import Record, RpoPart
from gameday.evidence.report import frameworks, testrecord
from gameday.evidence.report.facts import duration_s, meaning, not_measured, outages, told, was_cut_short
from gameday.evidence.report.markup import bullets, table, text
from gameday.evidence.report.ruler import Ruler, ruler_of
from gameday.evidence.report.wording import between, fixed, number, percent, plain, rpo_words, rto_words
from gameday.units import spoken

MAX_LOST = 60
NOTHING_ADDED = Afterwards()


def render(record: Record, added: Afterwards = NOTHING_ADDED) -> str:
    """The record as a page of a wiki, with what people added after the seal."""
    ruler = ruler_of(record)
    lines = [*_head(record), *_result(record), *_moments(record, ruler), *_slis(record, ruler)]
    lines += [
        *_losses(record.rpo),
        *_steps(record, ruler),
        *_told(record, ruler),
        *_undo(record),
        *_about(record),
    ]
    lines += [*_test_record(record, added), *_clauses(record, added), *_files(record)]
    return "\n".join(lines).rstrip() + "\n"


def _head(record: Record) -> Iterator[str]:
    yield f"# {record.verdict.capitalize()}: {text(record.experiment.title)}"
    yield ""
    yield meaning(record)
    yield ""
    facts: list[tuple[str, object]] = []
    if record.service is not None:
        tier = "" if record.service.tier is None else f", tier {record.service.tier}"
        owner = f", of {record.service.owner}" if record.service.owner else ""
        facts.append(("Service", f"{record.service.name}{tier}{owner}"))
    facts += [("Started", record.started), ("Took", spoken(duration_s(record))), ("Run", record.run_id)]
    yield from table(("Fact", "Value"), facts)


def _result(record: Record) -> Iterator[str]:
    yield "## Result"
    yield ""
    rows = [*_rto(record), *_rpo(record.rpo)]
    if rows:
        yield from table(("Objective", "Measured", "Between", "Wanted", "Outcome"), rows)
    yield f"Why {record.verdict}:"
    yield ""
    yield from bullets(record.reasons or ["The run gave no reason."])
    if not_measured(record):
        yield "Not measured:"
        yield ""
        yield from bullets(not_measured(record))


def _rto(record: Record) -> Iterator[tuple[str, ...]]:
    rto = record.rto
    if rto is None:
        return
    words = rto_words(rto, was_cut_short=was_cut_short(record))
    yield f"RTO, from {rto.from_}", words, between(rto.low, rto.high), *_outcome(rto.objective, rto.met)
    for start, (seconds, low, high) in rto.starts.items():
        if start != rto.from_:
            yield f"the same, from {start}", spoken(seconds), between(low, high), "", ""


def _rpo(rpo: RpoPart | None) -> Iterator[tuple[str, ...]]:
    if rpo is not None:
        yield "RPO", rpo_words(rpo), "", *_outcome(rpo.objective, rpo.met)


def _outcome(objective_s: float | None, met: bool | None) -> tuple[str, str]:
    """An objective and what became of it."""
    if objective_s is None:
        return "", "no objective"
    return spoken(objective_s), "? undecided" if met is None else "✓ met" if met else "✗ missed"


def _moments(record: Record, ruler: Ruler) -> Iterator[str]:
    seen = [(name, moment) for name, moment in record.moments.items() if moment is not None]
    if seen:
        yield "## Moments"
        yield ""
        rows = (
            (fixed(ruler.of(moment)), name, moment) for name, moment in sorted(seen, key=lambda one: one[1])
        )
        yield from table(("At s", "Moment", "UTC"), rows, numbers=(0,))


def _slis(record: Record, ruler: Ruler) -> Iterator[str]:
    if not record.slis:
        return
    yield "## What customers saw"
    yield ""
    header = ("SLI", "Source", "Objective", "Before %", "During %", "After %", "Samples", "Outages")
    rows = (
        (
            *(sli.name, sli.source, sli.objective),
            *(percent(sli.before), percent(sli.during), percent(sli.after)),
            *(number(sli.samples), number(len(sli.outages))),
        )
        for sli in record.slis
    )
    yield from table(header, rows, numbers=range(2, 8))
    yield from _outages(record, ruler)


def _outages(record: Record, ruler: Ruler) -> Iterator[str]:
    if not outages(record):
        yield "No SLI missed its objective."
        yield ""
        return
    yield "### Outages"
    yield ""
    header = ("SLI", "Phase", "At s", "From UTC", "To UTC", "Length s", "Between", "Bad samples", "of all")
    rows = (
        (
            *(sli.name, outage.phase, fixed(ruler.of(outage.start))),
            *(outage.start, outage.end or "not ended", fixed(outage.seconds)),
            *(between(outage.low, outage.high), number(outage.bad), number(outage.total)),
        )
        for sli, outage in outages(record)
    )
    yield from table(header, rows, numbers=(2, 5, 6, 7, 8))


def _losses(rpo: RpoPart | None) -> Iterator[str]:
    if rpo is None:
        return
    yield "## Ledger"
    yield ""
    counts = (
        "acknowledged survived lost corrupt unknown unknown_survived refused phantom duplicated split_brain "
        "not_read"
    ).split()
    words = {
        "unknown_survived": "unknown, survived",
        "split_brain": "split brain",
        "not_read": "not read back",
    }
    rows = ((words.get(name, name), number(getattr(rpo, name))) for name in counts)
    yield from table(("Writes", "Count"), rows, numbers=(1,))
    if rpo.lost_writes:
        shown = rpo.lost_writes[:MAX_LOST]
        yield "Lost writes:"
        yield ""
        more = rpo.lost - len(shown)
        yield from bullets([", ".join(shown) + (f", and {number(more)} more" if more > 0 else "")])


def _steps(record: Record, ruler: Ruler) -> Iterator[str]:
    yield "## Steps"
    yield ""
    if not record.steps:
        yield "No step was played."
        yield ""
        return
    header = (
        "At s",
        "Step",
        "Phase",
        "Kind",
        "Role",
        "Runbook",
        "Took s",
        "Status",
        "Landed",
        "Proof or error",
    )
    rows = (
        (
            *(fixed(ruler.of(step.started)), step.name, step.phase, step.kind, step.role, step.runbook),
            *(fixed(step.seconds), step.status, None if step.landed is None else plain(step.landed)),
            step.error or step.proof,
        )
        for step in record.steps
    )
    yield from table(header, rows, numbers=(0, 6))


def _told(record: Record, ruler: Ruler) -> Iterator[str]:
    if not told(record):
        return
    yield "## What was said"
    yield ""
    if record.response:
        found = (
            f"{name} {fixed(s)} s ({between(low, high)})" for name, (s, low, high) in record.response.items()
        )
        yield f"From the impact until {', '.join(found)}."
        yield ""
    rows = (
        (fixed(ruler.of(each.at)), each.at, each.heard, each.what, each.by, each.words, each.more)
        for each in told(record)
    )
    yield from table(("At s", "Said", "Heard", "What", "By", "In words", "About"), rows, numbers=(0,))


def _undo(record: Record) -> Iterator[str]:
    yield "## Undo"
    yield ""
    if not record.undo:
        yield "No fault owed an undo."
        yield ""
        return
    rows = ((undo.fault, undo.step, undo.state, plain(undo.verified), undo.detail) for undo in record.undo)
    yield from table(("Fault", "Step", "State", "Verified", "Detail"), rows)


def _about(record: Record) -> Iterator[str]:
    yield "## Environment"
    yield ""
    parts = {"Clock": record.clock, "Chaos Toolkit": record.chaos_toolkit, "Environment": record.environment}
    rows = [
        (f"{part}: {key.replace('_', ' ')}", _value(value))
        for part, values in parts.items()
        for key, value in values.items()
    ]
    rows += [
        (f"Recorder: {recorder.name}", _recorder(recorder.samples, recorder.longest_gap))
        for recorder in record.recorders
    ]
    yield from table(("Fact", "Value"), rows)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(inner)}" for key, inner in value.items())
    return plain(value)


def _recorder(samples: int, longest_gap_s: float | None) -> str:
    silence = "" if longest_gap_s is None else f", longest silence {fixed(longest_gap_s)} s"
    return f"{number(samples)} samples{silence}"


def _test_record(record: Record, added: Afterwards) -> Iterator[str]:
    yield "## DR test record"
    yield ""
    for section in testrecord.sections(record, added):
        if section.is_said:
            rows = [(item.label, "; ".join(item.values)) for item in section.items if item.values]
            yield from table((section.title, ""), rows)
    missing = testrecord.not_recorded(record, added)
    yield f"Not recorded: {text(', '.join(missing) or 'nothing is missing')}."
    yield ""


def _clauses(record: Record, added: Afterwards) -> Iterator[str]:
    yield "## Frameworks"
    yield ""
    yield frameworks.DISCLAIMER
    yield ""
    header = ("Clause", "This run gives", "Not in this run", "Not for a run to show")
    rows = (
        (f"{clause.framework}, {clause.id}", *map("; ".join, (clause.given, clause.missing, clause.lacks)))
        for clause in frameworks.clauses(record, added)
    )
    yield from table(header, rows)


def _files(record: Record) -> Iterator[str]:
    yield "## Files of this evidence"
    yield ""
    as_run = (f"{record.experiment.path} (as it was run)", record.experiment.sha256)
    yield from table(("File", "SHA-256"), [as_run, *record.files.items()])
    yield f"Made by gameday from {text(record.run_id)}."
    yield "Times in s count from the start of the baseline, or of the run if it had none."
    yield "Intervals are rounded outwards."
