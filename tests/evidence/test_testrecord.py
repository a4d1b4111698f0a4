"""The DR test record and the framework view: what is said is there, what nobody said is listed as such."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from gameday.evidence.afterwards import Action, Afterwards, Entry
from gameday.evidence.pack import Pack
from gameday.evidence.record import Record
from gameday.evidence.report import frameworks, testrecord
from tests.evidence.conftest import frozen, play, serving
from tests.run.conftest import drill

DR_TEST = {
    "id": "DR-2026-07",
    "type": "failover",
    "plan": {"name": "Orders recovery", "version": "3.2"},
    "scope": ["the orders service"],
    "exclusions": ["reporting"],
    "scenario": "The service hangs.",
    "assumptions": ["the host stays up"],
    "success-criteria": ["nobody is paged"],
    "participants": [{"name": "Ann", "role": "incident commander"}],
    "next-due": "2027-05-23",
}
ENTRY = Entry(kind="note", at="2026-11-23T12:00:00Z", by="ann")
ADDED = Afterwards(
    notes=(ENTRY.model_copy(update={"text": "the pager was silent"}),),
    actions=(Action(ENTRY.model_copy(update={"id": "A1", "text": "mend it", "owner": "bob"})),),
    sign_offs=(ENTRY.model_copy(update={"accepted": True, "role": "head of risk"}),),
)
NOTHING = Afterwards()


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """The record of a real run whose file says all that can be said."""
    folder = tmp_path_factory.mktemp("said")
    with serving(folder) as service:
        blocks: dict[str, Any] = {
            "dr-test": DR_TEST,
            "environment": "staging",
            "author": ["mia"],
            "guardrails": {"targets": {"hosts": ["localhost"]}},
        }
        experiment = drill(service, *frozen(service, 0.3), **blocks)
        experiment["service"] = {"name": "orders", "tier": 1}
        return play(folder, experiment, None).read_record()


def values(record: Record, added: Afterwards, label: str) -> tuple[str, ...]:
    found = [item for section in testrecord.sections(record, added) for item in section.items]
    return next(item.values for item in found if item.label == label)


def test_what_the_file_says_is_in_the_record_word_for_word(said: Record) -> None:
    assert values(said, NOTHING, "Test id") == ("DR-2026-07",)
    assert values(said, NOTHING, "Recovery plan") == ("Orders recovery 3.2",)
    assert values(said, NOTHING, "Participants") == ("Ann: incident commander",)
    assert values(said, NOTHING, "Environment") == ("staging",)
    assert values(said, NOTHING, "Next test due") == ("2027-05-23",)
    (fault,) = values(said, NOTHING, "Faults, and the proof that they landed")
    assert "freeze: landed on process" in fault and "is stopped" in fault
    (guardrail,) = values(said, NOTHING, "Guardrails that allowed it")
    assert guardrail.startswith("targets: everything touched is allowed")
    assert said.deviations == []


def test_what_nobody_said_is_listed_and_never_made_up(said: Record, real_packs: list[Pack]) -> None:
    missing = testrecord.not_recorded(real_packs[0].read_record(), NOTHING)
    for label in ("Test id", "Scope", "Participants", "Environment", "Sign-off", "Next test due"):
        assert label in missing
    left = testrecord.not_recorded(said, NOTHING)
    assert {"Sign-off", "Issues, with owner and due date", "Observed by people"} <= set(left)
    assert not {"Test id", "Scope", "Participants", "Environment"} & set(left)
    assert not {"Sign-off", "Observed by people"} & set(testrecord.not_recorded(said, ADDED))


def test_a_halted_run_says_how_it_deviated(real_packs: list[Pack]) -> None:
    record = real_packs[1].read_record()
    assert any(deviation.startswith("halted: halt condition") for deviation in record.deviations)
    assert values(record, NOTHING, "Deviations") == tuple(record.deviations)


def test_a_clause_is_given_what_the_run_has_and_no_more(said: Record) -> None:
    def clause(added: Afterwards) -> frameworks.Clause:
        return next(each for each in frameworks.clauses(said, added) if each.id == "CP-4")

    before, after = clause(NOTHING), clause(ADDED)
    assert any("sign_offs" in text for text in before.missing) and before.lacks == after.lacks != ()
    assert any("sign_offs" in text for text in after.given) and any("actions" in text for text in after.given)


def test_every_asked_clause_is_mapped_to_fields_that_exist() -> None:
    found = {
        (each["framework"].split()[0], str(clause["id"]))
        for each in frameworks.mapping()
        for clause in each["clauses"]
    }
    assert found == {
        *(("SOC", clause) for clause in ("A1.2", "A1.3", "CC7.5", "CC9.1")),
        ("ISO", "8.5"),
        *(("ISO/IEC", clause) for clause in ("A.5.29", "A.5.30")),
        *(("NIST", clause) for clause in ("CP-4", "CP-10", "Tests and exercises")),
        *(("DORA,", "Art. 11"), ("DORA", "Art. 25"), ("DORA", "Art. 26")),
        *(("PCI", "12.10.2"), ("HIPAA", "164.308(a)(7)"), ("FFIEC", "Exercises and tests")),
    }
    added = {"notes", "actions", "sign_offs"}
    moments = {"declare", "recovered", "failback"}
    for framework in frameworks.mapping():
        for clause in framework["clauses"]:
            assert clause["asks"] and clause["gives"] and clause["lacks"]
            for each in clause["gives"]:
                first, _, rest = each["field"].partition(".")
                assert first in {*Record.model_fields, *added}, each
                if rest:
                    part = Record.model_fields[first].annotation
                    fields = getattr(part, "model_fields", None) or moments
                    assert rest in fields, each
    assert get_args(Record.model_fields["verdict"].annotation)


def test_the_report_shows_both(said: Record, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = next(iter(Path(tmp_path_factory.getbasetemp()).glob("said*/results/*")))
    page = (folder / "report.html").read_text()
    assert "DR test record" in page and "DR-2026-07" in page and "Not recorded" in page
    assert "164.308(a)(7)" in page and "It is no legal opinion" in page
