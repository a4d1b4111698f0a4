"""`gameday.testing` tells in words which rule a fault breaks, and finds none where none is broken."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gameday.testing import Broken, broken_rules, check_fault
from tests.testing import broken

RULES: dict[str, str] = {
    "does_not_aim": "it does not say where it acts: write @fault(where=…), yield an Aim first",
    "owes_before_it_aims": "it cannot be looked at: FaultError: fault 'owes_before_it_aims' does not",
    "aims_at_nothing": "it aims at nothing: name its targets",
    "acts_anywhere": "its where says something else the second time: arguments alone decide",
    "acts_before_it_aims": "something has changed while it was only looked at",
    "acts_before_its_undo": "something has changed before its undo was on disk: yield, then act",
    "acts_before_its_second_undo": "things are not as they were when it is cut off before its undo 2 is on",
    "owes_more_than_it_aims_at": "would break more than the 1 that it aims at",
    "owes_another_undo": "its Aim says that 'forget' puts it back, and it owes 'mend'",
    "owes_nothing": "it owes no undo; owes=False if that is right",
    "undo_is_not_data": "its undo's argument 'file' comes back from the log as '",
    "undo_cannot_be_imported": "put_back cannot be imported by its name: an undo stands at the top level",
    "has_no_verify": "undo 'mend' has no verify: a run that uses it does not pass",
    "verify_never_says_no": "its verify 'always' does not say False while the fault is in force",
    "verify_never_says_yes": "its verify does not say True when it is cut off at its undo 1: RuntimeError",
    "undo_does_nothing": "things are not as they were after its undo: 'down' instead of 'up'",
    "undo_cannot_be_played_early": "its undo 'rename_back' fails when it is cut off at its undo 1: FileNot",
    "undo_is_not_idempotent": "its undo 'rename_once' fails a second time: RuntimeError: it is renamed",
    "undo_remembers": "its verify 'is_mended' fails in another process, where it has its arguments alone",
    "assumes_that_it_landed": "it says that it landed, and nothing has changed: look, do not assume",
    "does_not_say_that_it_landed": "it says that it did not land, and something has changed",
    "fails": "it cannot act: RuntimeError: half way",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The system that is broken."""
    (tmp_path / "system").write_text("up")
    return tmp_path / "system"


def rules(name: str, file: Path, **more: Any) -> list[str]:
    def state() -> str:
        return file.read_text() if file.exists() else "gone"

    return broken_rules(getattr(broken, name), {"file": str(file)}, state=state, **more)


@pytest.mark.parametrize("name", RULES)
def test_a_broken_rule_is_told_in_words(name: str, file: Path) -> None:
    found = rules(name, file)
    assert any(RULES[name] in words for words in found), found
    if name not in ("owes_nothing", "undo_does_nothing", "acts_before_it_aims"):
        assert file.read_text() == "up", "what was broken is put back, whatever was found out"


def test_each_of_these_breaks_its_rule_alone(file: Path) -> None:
    for name in ("does_not_aim", "acts_before_its_undo", "owes_another_undo", "has_no_verify"):
        assert len(rules(name, file)) == 1, rules(name, file)


@pytest.mark.parametrize("name", ["keeps", "keeps_two"])
def test_a_fault_that_keeps_the_protocol_breaks_no_rule(name: str, file: Path) -> None:
    here = os.getcwd()  # noqa: PTH109 - a text
    assert rules(name, file) == []
    assert file.read_text() == "up" and os.getcwd() == here  # noqa: PTH109


def test_an_undo_that_takes_its_time_is_given_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMEDAY_TESTS_NEED", "x")
    assert rules("keeps_slowly", file) == []


def test_a_fault_that_is_not_to_land_must_say_so(file: Path) -> None:
    assert rules("only_looks", file, lands=False, owes=False) == []
    assert rules("only_looks", file, owes=False) == ["it did not land here: nothing was done"]
    assert rules("assumes_that_it_landed", file, lands=False) == [
        "it says that it landed, and nothing has changed: look, do not assume"
    ]
    assert "it landed where it should not" in rules("keeps", file, lands=False)[0]


def test_a_fault_that_leaves_nothing_behind_owes_nothing(file: Path) -> None:
    assert rules("wears_out", file, owes=False) == []
    file.write_text("up")
    assert rules("keeps", file, owes=False) == [
        "it leaves nothing behind, and owes an undo; owes=True if that is right"
    ]


def test_a_verification_in_another_module_would_not_be_found(file: Path) -> None:
    found = broken_rules(broken.verified_elsewhere(), {"file": str(file)}, state=file.read_text)
    assert found == ["verify 'is_mended' is not in the module of undo 'mend'"]


def test_what_is_no_fault_is_told(file: Path) -> None:
    assert broken_rules(broken.mend, {"file": "x"}, state=file.read_text) == [
        "it is no fault: write @fault(where=…) above it"
    ]


def test_in_a_test_it_fails_with_a_line_for_each_rule(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMEDAY_UNDO_LOG", "/nowhere/undo.jsonl")
    check_fault(broken.keeps, {"file": str(file)}, state=file.read_text)
    with pytest.raises(Broken) as told:
        check_fault(broken.has_no_verify, {"file": str(file)}, state=file.read_text)
    assert str(told.value).splitlines() == [
        "fault 'has_no_verify' does not keep the protocol:",
        "- undo 'mend' has no verify: a run that uses it does not pass",
    ]
    assert os.environ["GAMEDAY_UNDO_LOG"] == "/nowhere/undo.jsonl"
