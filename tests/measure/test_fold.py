"""What is known while a run goes on, beside what all samples so far say by the measuring of the record."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from gameday.measure import fold
from gameday.measure.fold import LATE, LONG_OUTAGE, LONG_WINDOW, MANY, Fold
from gameday.measure.plan import Plan
from gameday.measure.samples import ROW_TYPE
from gameday.measure.sofar import NEVER_NS
from gameday.measure.trail import Rows
from tests.measure.histories import FLAGS, LATENCY_MS, MS, PERIOD_S, ZERO_NS, S, at, sli
from tests.measure.random_runs import ZERO, Maker, Run
from tests.measure.streams import Known, Stream, rows_of, ticks

RUNS, SOAKED_RUNS, PARTS = 25, 3_000, 4


def rows(marks: str, start_s: float = 0, period_s: float = PERIOD_S) -> Rows:
    """Rows from marks, in the order of their schedule."""
    made = np.zeros(len(marks), dtype=ROW_TYPE)
    for place, mark in enumerate(marks):
        due_ns = ZERO_NS + round((start_s + place * period_s) * S)
        done_ns = due_ns + LATENCY_MS.get(mark, 0) * MS
        made[place] = (due_ns, due_ns, done_ns, float("nan"), 0, 0, 0, FLAGS.get(mark, 0))
    return made[np.array([mark != "." for mark in marks], dtype=bool)]


def stream(
    *, limit: int = 64, sustain_s: float = 2, steady_s: tuple[float, float] = (0, 3), **about: Any
) -> Stream:
    """A stream into a fold that keeps little."""
    plan = Plan((sli(**about),), sustain=sustain_s)
    made = Stream(Fold(plan.slis[0], plan.sustain_ns, limit), plan)
    made.fold.steady = (at(steady_s[0]), at(steady_s[1]))
    return made


def played(made: Stream, marks: str, every: int = 20) -> Stream:
    """The stream once these marks have come in, so many at a time; alike at every tick but for estimates."""
    taken = rows(marks)
    for place in range(0, len(taken), every):
        made.take(taken[place : place + every])
        assert len(made.fold.trail) <= made.fold.limit
        if not made.fold.estimates:
            assert alike(made.folded(), made.measured(), made.fold.steady[1] != at(3))
    return made


def alike(folded: Known, measured: Known, is_baseline: bool = True) -> bool:
    """Whether two say the same; the share only counts in the baseline."""
    same = (folded.outages, folded.has_missed) == (measured.outages, measured.has_missed)
    return same and (folded.share == measured.share or not is_baseline)


# what a run looks like that is long


def test_samples_whose_windows_hold_are_left_behind() -> None:
    made = played(stream(), "+" * 1000)
    assert (made.folded(), made.fold.estimates) == (Known([], Fraction(1), has_missed=False), {})


def test_an_outage_that_is_surely_over_is_left_behind() -> None:
    made = played(stream(), "+" * 100 + "-" * 5 + "+" * 500 + "T" + "+" * 500)
    assert made.fold.estimates == {}
    first, second = made.folded().outages
    assert first == (at(10), at(10.502), at(10.402))
    assert second == (at(60.5), at(60.602), at(61.5))


def test_errors_that_an_objective_bears_are_no_outage_however_long_they_last() -> None:
    made = played(stream(objective="90%", window=2.0), ("+" * 19 + "-") * 50)
    assert (made.folded().outages, made.fold.estimates) == ([], {})


def test_a_window_reaches_over_what_is_left_behind() -> None:
    for good in range(170, 200, 5):  # two of twenty may be bad
        for between, has_missed in ((8, True), (9, False)):
            marks = "+" * good + "-" + "+" * 9 + "-" + "+" * between + "-" + "+" * 60
            made = stream(objective="90%", window=2.0)
            assert played(made, marks).folded().has_missed == has_missed


def test_the_first_window_is_filled_up_only_once() -> None:
    made = played(stream(objective="80%", window=1.0), "+" * 90 + "." * 15 + "-" + "+" * 5)
    assert [outage[0] for outage in made.folded().outages] == [at(10.5)]


def test_what_a_warm_up_saw_does_not_count() -> None:
    made = stream(steady_s=(100, 100))
    made.take(rows("-" * 900))
    assert len(made.fold.trail) <= made.fold.limit
    assert (made.folded(), made.fold.estimates) == (Known([], None, has_missed=False), {})
    made.fold.steady = (at(88), at(100))
    made.take(rows("+" * 200, start_s=90))
    assert made.folded().outages == [(at(88), at(90.002), at(89.902))]


def test_what_the_recorder_skipped_is_bad_while_what_it_sent_before_hangs() -> None:
    made = stream(limit=128, knows_own_delays=True)
    taken = rows("+" * 200)
    hung = rows("T", start_s=20.05)
    hung["done_ns"] = at(23)
    made.take(taken)
    made.take(rows("S" * 25, start_s=20.1))
    assert made.folded().outages == []
    made.take(hung)
    assert made.folded() == made.measured()
    assert made.folded().outages[0][0] == at(20.05)


# what does not fit


@pytest.mark.parametrize("marks", ["-" * 2000, "-+" * 1000, "--+" * 700])
@pytest.mark.parametrize("objective", ["100%", "99%", "60%"])
def test_an_outage_of_any_length_is_kept_in_the_same_room(marks: str, objective: str) -> None:
    made = stream(objective=objective)
    played(made, "+" * 100 + marks)
    assert list(made.fold.estimates) == [LONG_OUTAGE]
    assert made.folded() == Known(made.measured().outages, Fraction(1), has_missed=True)
    made.take(rows("+" * 100, start_s=10 + len(marks) / 10))
    (outage,) = made.folded().outages
    assert outage[:2] == made.measured().outages[0][:2]
    assert outage[1] is not None


def test_a_long_outage_with_a_long_sustain_period_is_over_when_it_has_passed() -> None:
    made = played(stream(sustain_s=30), "+" * 100 + "-" * 200 + "+" * 299)
    assert made.folded().outages == [(at(10), None, at(29.902))]
    made.take(rows("+", start_s=59.9))
    assert made.folded().outages == [(at(10), at(30.002), at(29.902))]


def test_a_relapse_in_a_long_sustain_period_is_part_of_the_outage() -> None:
    made = played(stream(sustain_s=30), "+" * 100 + "-" * 200 + "+" * 250 + "-" + "+" * 299)
    assert made.folded().outages == made.measured().outages == [(at(10), None, at(55.002))]
    made.take(rows("+" * 400, start_s=85))
    assert made.folded().outages == made.measured().outages == [(at(10), at(55.102), at(55.002))]
    made.take(rows("-" + "+" * 400, start_s=125))
    assert made.folded().outages == made.measured().outages


def test_a_window_with_more_samples_than_are_kept_holds_those_that_are() -> None:
    made = played(stream(window=20.0, objective="50%"), "+" * 200 + "-" * 100)
    assert LONG_WINDOW in made.fold.estimates
    assert made.folded().has_missed


def test_an_outage_in_the_baseline_is_not_forgotten() -> None:
    made = played(stream(steady_s=(0, 1000)), "+" * 50 + "--" + "+" * 500)
    assert made.folded() == made.measured()
    assert (made.folded().has_missed, made.folded().share) == (True, Fraction(550, 552))


def test_more_outages_than_are_kept_count_as_one() -> None:
    with patch.object(fold, "MOST_OVER", 2):
        made = played(stream(sustain_s=0.5), ("+" * 30 + "-") * 40)
    assert list(made.fold.estimates) == [MANY]
    found, told = made.folded().outages, made.measured().outages
    assert (found[0], found[1][0], found[-1]) == (told[0], told[1][0], told[-1])


# what comes late


@pytest.fixture
def settled() -> Stream:
    """A stream of a load whose first minute is behind."""
    return played(stream(good=0.5, period=None), "+" * 600)


def test_a_sample_that_is_far_too_late_counts_as_the_earliest_that_is_open(settled: Stream) -> None:
    settled.take(rows("-", start_s=20))
    assert list(settled.fold.estimates) == [LATE]
    ((impact_ns, recovered_ns, until_ns),) = settled.folded().outages
    assert at(50) < impact_ns < at(60)
    assert recovered_ns is None or recovered_ns > impact_ns
    assert until_ns == impact_ns


def test_a_right_answer_that_is_far_too_late_is_bad_by_how_long_it_took(settled: Stream) -> None:
    late = rows("+", start_s=20)
    late["done_ns"] = at(20.4)
    settled.take(late)
    assert settled.folded().outages == []
    late["done_ns"] = at(60)
    settled.take(late)
    assert len(settled.folded().outages) == 1


def test_a_skipped_sample_that_is_far_too_late_says_nothing(settled: Stream) -> None:
    settled.take(rows("S", start_s=20))
    assert (settled.folded().outages, list(settled.fold.estimates)) == ([], [LATE])


def test_a_sample_that_was_sent_in_the_warm_up_is_not_late(settled: Stream) -> None:
    settled.take(rows("T", start_s=-1))
    assert (settled.folded().outages, settled.fold.estimates) == ([], {})


def test_nothing_is_no_news() -> None:
    made = stream()
    made.take(rows(""))
    assert made.folded() == Known([], None, has_missed=False)


# several files, and clocks that are known better


def test_rows_move_when_the_clock_of_their_recorder_is_known_better() -> None:
    made = stream(limit=1000)
    made.take(rows("+" * 50), "load.2.samples")
    made.take(rows("+" * 30 + "--" + "+" * 30), "load.1.samples")
    made.fold.move("load.1.samples", S)
    made.fold.move("load.3.samples", S)
    made.parts["load.1.samples"] = [rows("+" * 30 + "--" + "+" * 30, start_s=1)]
    assert made.folded() == made.measured()
    assert made.folded().outages == [(at(4), at(4.102), at(4.102))]


def test_samples_of_one_moment_are_ordered_by_their_files() -> None:
    made = stream(limit=1000, objective="99%")
    for file, marks in (("load.2.samples", "+" * 40 + "+-" * 5), ("load.1.samples", "+" * 40 + "-+" * 5)):
        made.take(rows(marks), file)
    assert made.folded() == made.measured()


def test_samples_of_one_moment_without_end_take_no_more_room() -> None:
    made = stream()
    for _ in range(50):
        one = rows("+" * 40)
        one["scheduled_ns"] = at(5)
        made.take(one)
        assert len(made.fold.trail) <= made.fold.limit
    assert made.folded().outages == []


# random runs


def streams(run: Run) -> Iterator[tuple[Stream, Rows, int, int]]:
    """Each SLI's stream, its rows, between how many files they are shared out, and how often is looked."""
    chance = random.Random(run.seed)
    for about in run.plan.slis:
        of_series = [row for row in run.rows[about.recorder] if about.match in (None, row.series)]
        if of_series:
            written = rows_of(of_series)
            a_window = len(written) * about.window_ns / np.ptp(written["done_ns"])
            limit = 24 + round(a_window * chance.choice((1, 2, 2.5, 3, 4)))
            files = chance.choice((1, 2, 3)) if about.source == "load" else 1
            made = Stream(Fold(about, run.plan.sustain_ns, limit), run.plan)
            yield made, written, files, chance.choice((200, 500, 700)) * MS


def compared(run: Run, seen: Counter[str]) -> None:
    """At every tick of a run the fold says what all samples so far say, but for estimates."""
    begin_ns = run.history.phases["baseline"][0]
    method_ns = run.history.phases.get("method", (NEVER_NS,))[0]
    for made, written, files, every_ns in streams(run):
        for at_ns, new in ticks(written, ZERO - S // 2, every_ns):
            is_baseline = at_ns < method_ns
            made.fold.steady = (min(begin_ns, at_ns), min(at_ns, method_ns))
            file = np.arange(len(new)) % files
            for number in range(files):
                made.take(new[file == number], f"load.{number}.samples")
            assert len(made.fold.trail) <= made.fold.limit
            if at_ns < begin_ns:
                continue
            folded, measured = made.folded(), made.measured()
            seen[_kind(made, folded, measured)] += 1
            if not made.fold.estimates:
                assert alike(folded, measured, is_baseline), (run.seed, made.sli.name, at_ns)


def _kind(made: Stream, folded: Known, measured: Known) -> str:
    if not made.fold.estimates:
        return "exact" if len(made.fold.trail) < sum(map(len, made.parts.values())) else "whole"
    open_ones = [any(end is None for _, end, _ in known.outages) for known in (folded, measured)]
    if made.sli.objective == "100%" and list(made.fold.estimates) == [LONG_OUTAGE]:
        assert [each[:2] for each in folded.outages] == [each[:2] for each in measured.outages]
    return "alike" if open_ones[0] == open_ones[1] else "unlike"


def test_at_every_tick_of_a_run_it_is_known_what_all_samples_so_far_say() -> None:
    seen: Counter[str] = Counter()
    for seed in range(RUNS):
        compared(Maker(seed).make(), seen)
    assert seen["exact"] > 100 and seen["whole"] > 100
    assert seen["alike"] > 10 * seen["unlike"]


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
def test_of_many_runs_it_is_known_at_every_tick_what_all_samples_so_far_say(part: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(RUNS + part, RUNS + SOAKED_RUNS, PARTS):
        compared(Maker(seed).make(), seen)
    assert seen["alike"] > 10 * seen["unlike"]
