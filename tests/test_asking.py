"""An activity asks, and goes on only when somebody has answered."""

from __future__ import annotations

import pytest

from gameday import asking
from gameday.asking import Answer, Ask, NotAnswered, Refused, ask, confirm


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_askers", [])


def test_where_there_is_no_run_nobody_can_be_asked() -> None:
    with pytest.raises(NotAnswered, match="nobody can be asked here: is it up"):
        confirm("is it up?")


def test_a_confirmed_step_says_who_confirmed_it() -> None:
    asking.install(lambda asked: Answer(asked.choices[0], "ann"))
    assert confirm("is it up?") == {"answer": "yes", "by": "ann"}


def test_a_step_that_somebody_says_no_to_fails() -> None:
    asking.install(lambda asked: Answer("no", "ann"))
    with pytest.raises(Refused, match=r"ann said no: is it up\?"):
        confirm("is it up?")


def test_an_ask_has_an_id_of_its_own_and_ten_minutes() -> None:
    seen: list[Ask] = []
    asking.install(lambda asked: seen.append(asked) or Answer("x", "ann"))
    ask("one")
    ask("two", within="90s")
    assert seen[0].id != seen[1].id
    assert [each.within_s for each in seen] == [600, 90]


@pytest.mark.parametrize(
    "wrong",
    [
        {"what": ""},
        {"what": "x" * 501},
        {"what": "x", "choices": [""]},
        {"what": "x", "choices": ["c"] * 21},
        {"what": "x", "choices": ["c" * 81]},
        {"what": "x", "within": "25h"},
        {"what": "x", "within": 0},
    ],
)
def test_what_nobody_could_read_or_wait_for_is_not_asked(wrong: dict) -> None:
    asking.install(lambda asked: Answer("x", "ann"))
    with pytest.raises(ValueError, match=r"text|characters|choices|waited"):
        ask(**wrong)
