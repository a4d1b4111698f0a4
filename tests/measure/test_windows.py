"""Which trailing windows miss an objective."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from gameday.measure.windows import Windows
from tests.measure.histories import S, at, judged


def windows(marks: str, objective: str, window_s: float = 1) -> Windows:
    return Windows.of(judged(marks), Fraction(objective), round(window_s * S))


def misses(marks: str, objective: str, window_s: float = 1) -> list[int]:
    return windows(marks, objective, window_s).misses.tolist()


def test_a_window_holds_the_samples_after_its_begin_up_to_its_end() -> None:
    marks = "+" * 10 + "-" + "+" * 12  # a window of 1 s holds ten samples
    assert misses(marks, "1") == list(range(10, 20))
    assert misses(marks, "9/10") == []
    assert misses(marks, "91/100") == list(range(10, 20))


def test_a_share_of_just_the_objective_does_not_miss() -> None:
    assert misses("+" * 999 + "-", "999/1000", 100) == []
    assert misses("+" * 998 + "-", "999/1000", 99.9) == [998]


def test_while_less_than_a_window_has_passed_it_is_filled_up_with_good_samples() -> None:
    assert misses("-" + "+" * 30, "9/10") == []
    assert misses("--" + "+" * 30, "9/10") == list(range(1, 10))
    assert misses("+-+-" + "+" * 30, "9/10") == list(range(3, 11))


def test_the_first_whole_window_begins_with_the_first_sample_whenever_the_second_one_comes() -> None:
    assert misses("+..-" + "+" * 30, "8/9") == list(range(1, 9))  # it holds eight samples


def test_a_series_shorter_than_a_window_is_filled_up_to_its_own_length() -> None:
    assert misses("-++++", "9/10") == [0, 1, 2, 3, 4]
    assert misses("-+++++++++", "9/10") == []


def test_the_first_miss_may_look_away_from_what_came_before() -> None:
    made = windows("+" * 10 + "--" + "+" * 5 + "--" + "+" * 20, "9/10")
    assert made.first_miss(0) == 11
    assert made.first_miss(12) == 18  # windows that end at 12 … 17 miss only by what came before
    assert made.first_miss(19) is None


def test_what_is_forgiven_is_only_what_lies_before() -> None:
    made = windows("+" * 10 + "-----" + "+" + "--" + "+" * 20, "9/10")
    assert made.first_miss(15) == 17
    assert made.first_miss(17) is None
    assert made.first_miss(16) == 17


def test_later_windows_are_found_too() -> None:
    made = windows("--" + "+" * 100 + "--" + "+" * 5, "9/10")
    assert made.first_miss(2) == 103


def test_samples_of_one_moment_are_in_its_window_whatever_their_order() -> None:
    for order in ("-+", "+-"):
        made = judged("+" * 9 + order + "+" * 12)
        times = made.scheduled_ns.copy()
        times[9:11] = times[10]
        both = replace(made, scheduled_ns=times)
        assert Windows.of(both, Fraction("9/10"), S).misses.tolist() == []
        assert Windows.of(both, Fraction("91/100"), S).misses.tolist() == list(range(10, 20))


def test_a_sample_a_nanosecond_before_another_has_a_window_of_its_own() -> None:
    made = judged("+" * 9 + "-+" + "+" * 12)
    times = made.scheduled_ns.copy()
    times[10] = times[9] + 1
    apart = replace(made, scheduled_ns=times)
    assert Windows.of(apart, Fraction("91/100"), S).misses.tolist() == list(range(9, 19))


def test_no_window_misses_when_all_is_good() -> None:
    assert windows("+" * 30, "1").first_miss(0) is None


def test_of_samples_whose_beginning_was_left_out_only_the_known_windows_are_no_misses() -> None:
    marks = "+" * 20 + "-+" * 4 + "+" * 20
    whole = Windows.of(judged(marks), Fraction("9/10"), S)
    for left_out in (12, 15, 18):
        rest = judged(marks).between(at(left_out / 10), at(100))
        cut = Windows.of(rest, Fraction("9/10"), S, known=10)
        assert (cut.misses + left_out).tolist() == [miss for miss in whole.misses if miss >= left_out + 10]
        assert cut.slack.tolist() == whole.slack[whole.misses >= left_out + 10].tolist()


def test_where_the_beginning_was_left_out_no_window_is_filled_up() -> None:
    made = judged("-" + "+" * 30)
    assert Windows.of(made, Fraction("9/10"), S).misses.tolist() == []
    assert Windows.of(made, Fraction("9/10"), S, known=0).misses.tolist() == list(range(9))
    assert Windows.of(made, Fraction("9/10"), S, known=4).misses.tolist() == list(range(4, 9))
