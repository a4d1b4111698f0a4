"""What every logbook keeps, wherever it lies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.errors import GamedayError
from gameday.faults.logbook import Logbook, opened
from gameday.faults.undolog import LOG_VARIABLE, UndoLog
from tests.contracts.others import offered

ADDRESSES = ["{}/undo.jsonl", "objects:{}/undo"]
CALL = {"module": "faults", "func": "thaw", "verify": None, "arguments": {"pid": 7}}


@pytest.fixture(params=ADDRESSES, ids=["file", "objects"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with offered():
        yield request.param.format(tmp_path)


@pytest.fixture
def book(where: str) -> Logbook:
    return opened(where)


def test_a_book_that_nobody_has_written_in_has_no_lines(book: Logbook) -> None:
    assert list(book.lines()) == []


def test_what_is_appended_is_there_for_whoever_opens_the_book_by_its_address(book: Logbook) -> None:
    lines = [b"one", "zwei é".encode(), b'{"three": 3}', b"four " * 1000]
    for line in lines:
        book.append(line)
        assert list(opened(book.where).lines())[-1] == line
    assert list(book.lines()) == lines


def test_several_write_at_the_same_time_and_every_line_is_whole(where: str) -> None:
    def write(name: str) -> None:
        book = opened(where)
        for number in range(25):
            book.append(f"{name}{number}".encode() * 20)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = list(opened(where).lines())
    assert sorted(written) == sorted(
        f"{name}{number}".encode() * 20 for name in "abc" for number in range(25)
    )
    for name in "abc":  # and what one writes is in its order
        own = [line for line in written if line.startswith(name.encode())]
        assert own == [f"{name}{number}".encode() * 20 for number in range(25)]


def test_an_undo_log_is_the_same_in_it(where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(LOG_VARIABLE, where)
    log = UndoLog.of_this_run()
    assert log is not None
    log.copy = tmp_path / "copy.jsonl"
    first, second = (log.owe(step, "pause", CALL) for step in ("first", "second"))
    log.note(second, "undone")
    (owed,) = UndoLog(opened(where)).owed()
    assert (owed.id, owed.step, owed.call["arguments"]) == (first, "first", {"pid": 7})
    assert log.copy.read_bytes() == b"".join(line + b"\n" for line in log.book.lines())


@pytest.mark.parametrize("where", ["/a:b/undo.jsonl", "undo:log/x" * 0 + "relative.jsonl", "./k:x"])
def test_a_path_is_a_path_even_with_a_colon(where: str) -> None:
    assert opened(where).where == str(Path(where))


def test_an_address_that_no_package_knows_is_told() -> None:
    with pytest.raises(
        GamedayError, match=r"the undo log nowhere:x cannot be opened: no plug-in offers 'nowhere'"
    ):
        opened("nowhere:x")
