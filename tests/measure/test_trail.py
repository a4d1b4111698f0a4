"""The newest samples in the order of their schedule, and what is kept of older ones."""

from __future__ import annotations

import numpy as np

from gameday.measure.samples import ROW_TYPE
from gameday.measure.trail import Rows, Trail


def rows(*times: tuple[int, int, int]) -> Rows:
    """Rows that were scheduled, sent and done at these times."""
    made = np.zeros(len(times), dtype=ROW_TYPE)
    for place, name in enumerate(("scheduled_ns", "sent_ns", "done_ns")):
        made[name] = [time_ns[place] for time_ns in times]
    return made


def at_once(*scheduled_ns: int) -> Rows:
    return rows(*((time_ns, time_ns, time_ns) for time_ns in scheduled_ns))


def numbered(made: Rows, first: int) -> Rows:
    made["value"] = np.arange(first, first + len(made))
    return made


def scheduled(trail: Trail) -> list[int]:
    return [int(time_ns) for time_ns in trail.rows["scheduled_ns"]]


def test_rows_are_in_order_however_they_come_in() -> None:
    trail = Trail()
    for times in ((5, 1, 9), (3,), (), (12, 11), (10, 2)):
        trail.add(at_once(*times), "a")
    assert scheduled(trail) == [1, 2, 3, 5, 9, 10, 11, 12]
    assert len(trail) == 8


def test_rows_of_one_moment_keep_the_order_of_their_file_and_of_the_files_names() -> None:
    trail = Trail()
    trail.add(numbered(at_once(1, 7, 7), 0), "load.2.samples")
    trail.add(numbered(at_once(7), 10), "load.10.samples")
    trail.add(numbered(at_once(7), 3), "load.2.samples")
    trail.add(numbered(at_once(7, 8), 20), "load.1.samples")
    assert trail.rows["value"].tolist() == [0, 20, 10, 1, 2, 3, 21]


def test_the_rows_of_a_file_move_in_time_and_no_others() -> None:
    trail = Trail()
    trail.add(rows((1, 2, 3), (4, 5, 6)), "a")
    trail.add(rows((2, 2, 9)), "b")
    trail.move("a", 10)
    trail.move("c", 10)
    assert [tuple(row) for row in trail.rows[["scheduled_ns", "sent_ns", "done_ns"]]] == [
        (2, 2, 9),
        (11, 12, 13),
        (14, 15, 16),
    ]


def test_of_what_is_dropped_what_was_under_way_stays() -> None:
    trail = Trail()
    trail.add(rows((1, 1, 20), (2, 2, 9), (3, 3, 10), (4, 4, 5), (10, 10, 11), (12, 12, 12)), "a")
    trail.drop(10, 100)
    assert scheduled(trail) == [1, 3, 4, 10, 12]  # 4: when the recorder had last sent something


def test_when_the_recorder_had_last_sent_something_is_known_before_what_it_sent_since() -> None:
    trail = Trail()
    trail.add(rows((1, 1, 2), (2, 6, 7), (3, 4, 5), (4, 11, 12), (5, 8, 9), (10, 12, 13)), "a")
    trail.drop(10, 100)
    assert scheduled(trail) == [2, 4, 10]


def test_no_more_is_kept_than_there_is_room_for() -> None:
    trail = Trail()
    trail.add(rows(*((number, number, 1000) for number in range(100))), "a")
    trail.drop(90, 16)
    assert scheduled(trail) == [88, 89, *range(90, 100)]
    trail.add(at_once(*[95] * 50), "a")
    trail.drop(95, 16)
    assert len(trail) == 16
    trail.add(at_once(200), "a")
    trail.drop(100, 16)
    assert scheduled(trail)[-1] == 200
