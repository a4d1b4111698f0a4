"""The DR test record: what auditors ask for, section by section, and what nobody recorded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gameday.evidence.afterwards import Afterwards, Entry, in_words, signature_in_words
from gameday.evidence.record import Record, RpoPart, RtoPart, StepPart
from gameday.units import spoken


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is asked for. `values` is empty when nobody recorded it; `optional` ones may be."""

    label: str
    values: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the test record."""

    title: str
    items: tuple[Item, ...]

    @property
    def is_said(self) -> bool:
        """Whether anybody recorded anything of it."""
        return any(item.values for item in self.items)


def sections(record: Record, added: Afterwards) -> list[Section]:
    """The test record of a run, with what was added after its seal."""
    return [
        Section("Identity", _identity(record)),
        Section("Objectives and scope", _objectives(record)),
        Section("People", _people(record)),
        Section("Conduct", _conduct(record, added)),
        Section("Result", _result(record)),
        Section("Follow-up", _follow_up(record, added)),
    ]


def not_recorded(record: Record, added: Afterwards) -> list[str]:
    """The labels of everything that is asked for and nobody recorded."""
    items = [item for section in sections(record, added) for item in section.items]
    return [item.label for item in items if not item.values and not item.optional]


def _identity(record: Record) -> tuple[Item, ...]:
    test, file = record.test, record.experiment
    plan = test.plan
    commit = f"{file.git_commit}{' with changes' if file.git_modified else ''}" if file.git_commit else ""
    return (
        _item("Test id", test.id),
        _item("Run id", record.run_id),
        _item("Type of test", test.type),
        _item("Environment", test.environment),
        _item("Service", _service(record)),
        _item("Recovery plan", " ".join(filter(None, [plan.name, plan.version, plan.url])) if plan else ""),
        _item("Experiment", f"{file.title}, {file.path}"),
        _item("Experiment version", file.version, optional=True),
        _item("Experiment SHA-256", file.sha256),
        _item("Git commit", commit),
    )


def _service(record: Record) -> str:
    service = record.service
    if service is None:
        return ""
    tier = f"tier {service.tier}" if service.tier is not None else ""
    owner = f"owner {service.owner}" if service.owner else ""
    return ", ".join(filter(None, [service.name, tier, owner]))


def _objectives(record: Record) -> tuple[Item, ...]:
    test, rto, rpo = record.test, record.rto, record.rpo
    return (
        _item("RTO objective", spoken(rto.objective) if rto and rto.objective is not None else ""),
        _item("RPO objective", spoken(rpo.objective) if rpo and rpo.objective is not None else ""),
        Item("Service levels", tuple(f"{sli.name}: {sli.objective}" for sli in record.slis)),
        Item("Success criteria", tuple(test.success_criteria)),
        Item("Scope", tuple(test.scope)),
        Item("Exclusions", tuple(test.exclusions)),
        _item("Scenario", test.scenario),
        Item("Assumptions", tuple(test.assumptions)),
    )


def _people(record: Record) -> tuple[Item, ...]:
    test = record.test
    approvals = tuple(f"{approval.by}, {approval.at}" for approval in record.approvals)
    return (
        Item("Participants", tuple(f"{each.name}: {each.role}" for each in test.participants)),
        Item("Author of the experiment", tuple(test.authors)),
        Item("Approvals", approvals),
        Item("Guardrails that allowed it", tuple(record.guardrails)),
    )


def _conduct(record: Record, added: Afterwards) -> tuple[Item, ...]:
    load = record.load
    profile = ""
    if load is not None:
        rate = f", {load.requests_per_second:.0f} requests/s" if load.requests_per_second else ""
        profile = f"{load.users} users{rate}, {load.requests} requests, {load.failures} failed"
    baseline = [f"{sli.name}: {_percent(sli.before)} good" for sli in record.slis if sli.before is not None]
    return (
        _item("Started", record.started),
        _item("Ended", record.ended),
        _item("Load profile", profile),
        Item("Baseline", tuple(baseline)),
        Item("Faults, and the proof that they landed", tuple(_steps(record.steps, "fault"))),
        Item("Failover", tuple(_steps(record.steps, "failover"))),
        Item("Failback", tuple(_steps(record.steps, "failback"))),
        Item("Moments", tuple(f"{name}: {at}" for name, at in record.moments.items() if at)),
        Item(
            "Observed by people",
            (*_said(record), *(f"{note.at} {note.by}: {note.text}" for note in added.notes)),
        ),
        Item(
            "Alarms",
            tuple(f"{each.received} {each.name}: {each.status}" for each in record.alarms),
            optional=True,
        ),
        Item("Deviations", tuple(record.deviations) or ("none",)),
        Item("Clean-up", tuple(_clean_up(record))),
    )


def _steps(steps: Iterable[StepPart], role: str) -> Iterable[str]:
    for step in steps:
        if step.role == role:
            how = {True: "landed", False: "did not land", None: step.status}[step.landed]
            runbook = f" (runbook {step.runbook})" if step.runbook else ""
            hit = f" on {', '.join(step.targets)}" if step.targets else ""
            yield f"{step.started} {step.name}: {how}{hit}{f', {step.proof}' if step.proof else ''}{runbook}"


def _said(record: Record) -> Iterable[str]:
    for each in record.said:
        words = f": {each.text}" if each.text else ""
        yield f"{each.said} {each.by}: {each.what}{f' ({each.asked})' if each.asked else ''}{words}"


def _clean_up(record: Record) -> Iterable[str]:
    if not record.undo:
        yield "nothing was owed"
    for undo in record.undo:
        verified = "read back" if undo.verified else "not read back"
        yield f"{undo.step}: {undo.state}, {verified}"


def _result(record: Record) -> tuple[Item, ...]:
    return (
        _item("Conclusion", f"{record.verdict}: {'; '.join(record.reasons)}"),
        _item("RTO, target against actual", _rto(record.rto) if record.rto else ""),
        _item("RPO, target against actual", _rpo(record.rpo) if record.rpo else ""),
        _item("How the RTO was measured", _rto_method(record.rto) if record.rto else ""),
        _item("How the RPO was measured", _rpo_method(record.rpo) if record.rpo else ""),
    )


def _rto(rto: RtoPart) -> str:
    target = spoken(rto.objective) if rto.objective is not None else "none"
    if not rto.impact_seen:
        return f"target {target}; no impact was seen"
    if rto.recovered and rto.seconds is None:
        return f"target {target}; not known: it counts from '{rto.from_}', which nobody said in time"
    if rto.seconds is None or rto.low is None or rto.high is None:
        return f"target {target}; service was not seen to come back"
    met = {True: "met", False: "missed", None: "not decided"}[rto.met]
    return f"target {target}, actual {rto.seconds:.3f} s (between {rto.low:.3f} and {rto.high:.3f} s): {met}"


def _rpo(rpo: RpoPart) -> str:
    target = spoken(rpo.objective) if rpo.objective is not None else "none"
    actual = "not measured" if rpo.seconds is None else f"{rpo.seconds:.3f} s"
    met = {True: "met", False: "missed", None: "not decided"}[rpo.met]
    return (
        f"target {target}, actual {actual}, {rpo.lost} of {rpo.acknowledged} acknowledged writes lost: {met}"
    )


def _rto_method(rto: RtoPart) -> str:
    every = f", probed every {rto.probe_period * 1000:g} ms" if rto.probe_period else ""
    return f"from outside, open loop{every}, counted from {rto.from_}, as an interval that holds the truth"


def _rpo_method(rpo: RpoPart) -> str:
    every = f", one every {rpo.write_period * 1000:g} ms" if rpo.write_period else ""
    return f"acknowledged writes{every}, each read back from the survivor before anything was undone"


def _follow_up(record: Record, added: Afterwards) -> tuple[Item, ...]:
    return (
        Item("Issues, with owner and due date", tuple(map(in_words, added.actions))),
        Item("Sign-off", tuple(map(_sign_off, added.sign_offs))),
        _item("Next test due", record.test.next_due),
    )


def _sign_off(entry: Entry) -> str:
    decision = "accepted" if entry.accepted else "rejected"
    role = f", {entry.role}" if entry.role else ""
    said = f": {entry.text}" if entry.text else ""
    return f"{decision} by {entry.by}{role}, {entry.at}, {signature_in_words(entry)}{said}"


def _item(label: str, value: str | None, optional: bool = False) -> Item:
    return Item(label, (value,) if value else (), optional)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"
