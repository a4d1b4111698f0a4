"""What people see is never waited for."""

from __future__ import annotations

import io
import threading
import time

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
    patient = Patient(terminal)
    began_s = time.monotonic()
    for number in range(20_000):
        print("line", number, file=patient)  # type: ignore[call-overload]
    patient.drain(0.05)
    assert time.monotonic() - began_s < SOON_S
    terminal.goes_on.set()


def test_everything_is_shown_in_its_order() -> None:
    terminal = io.StringIO()
    patient = Patient(terminal)
    for number in range(100):
        patient.write(f"{number} ")
    patient.drain()
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
    patient = Patient(terminal)
    patient.write("one")
    patient.write("two")
    patient.drain()
    assert terminal.getvalue() == "two"
