"""What people see is never waited for."""

from __future__ import annotations

import io
import threading
import time

import pytest

from gameday.run import patient
from gameday.run.patient import Patient

SOON_S = 5.0


class Stopped(io.StringIO):
    """A terminal after Ctrl-S."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()

    def write(self, text: str) -> int:
        self.goes_on.wait(60)
        return super().write(text)


def test_a_terminal_that_takes_nothing_is_not_waited_for() -> None:
    terminal = Stopped()
    stream = Patient(terminal)
    began_s = time.monotonic()
    for number in range(20_000):
        print("line", number, file=stream)  # type: ignore[call-overload]
    stream.drain(0.05)
    assert time.monotonic() - began_s < SOON_S
    terminal.goes_on.set()


def test_what_comes_while_too_much_waits_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient, "MOST_WAITING", 5)
    terminal = Stopped()
    stream = Patient(terminal)
    for number in range(100):
        stream.write(f"{number} ")
    terminal.goes_on.set()
    stream.drain()
    shown = terminal.getvalue().split()
    assert shown == [str(number) for number in range(len(shown))] and 5 <= len(shown) <= 7


def test_everything_is_shown_in_its_order() -> None:
    terminal = io.StringIO()
    stream = Patient(terminal)
    for number in range(100):
        stream.write(f"{number} ")
    stream.drain()
    assert terminal.getvalue().split() == [str(number) for number in range(100)]


def test_a_stream_that_fails_is_tried_again() -> None:
    class Fails(io.StringIO):
        count = 0

        def write(self, text: str) -> int:
            self.count += 1
            if self.count == 1:
                raise OSError("Input/output error")
            return super().write(text)

    terminal = Fails()
    stream = Patient(terminal)
    stream.write("one")
    stream.write("two")
    stream.drain()
    assert terminal.getvalue() == "two"
