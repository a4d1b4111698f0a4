"""The engine's line to the runner: events out, orders in, on pipes of their own, from any thread."""

from __future__ import annotations

import json
import os
import select
import threading
import time
from typing import Any

from gameday import clock, redact
from gameday.asking import Answer, Ask, NotAnswered
from gameday.events import Event
from gameday.faults.protocol import current_step
from gameday.run.plain import plain

RUNNER_IS_GONE = 70
GO_ON = "go on"
READ_AT_ONCE = 65_536
LOOK_EVERY_S = 1.0
# the runner says when an ask is over; one that does not is waited for a little longer
RUNNER_IS_LATE_S = 60.0


class Line:
    """Tells the runner what happens, and hands each order to whoever waits for it.

    Whoever waits reads for all who wait: no thread of its own, which would be in the way of activities that
    fork, or that patch threads.
    """

    def __init__(self, orders: int, events: int) -> None:
        # an activity's children must not hold the line open
        for descriptor in (orders, events):
            os.set_inheritable(descriptor, False)
        self.orders = orders
        self.events = os.fdopen(events, "w", buffering=1)
        self._writing = threading.Lock()
        self._turn = threading.Condition()
        self._is_read = False
        self._buffer = b""
        self._came: dict[str, dict[str, Any]] = {}

    def tell(self, event: str, **more: Any) -> None:
        """Tell the runner, on the run clock. Without a runner nothing more may be broken: the engine ends."""
        message = redact.event(plain({"event": event, "t_ns": clock.now_ns(), **more}))
        try:
            with self._writing:
                self.events.write(json.dumps(message) + "\n")
        except BrokenPipeError:
            os._exit(RUNNER_IS_GONE)

    def first(self) -> dict[str, Any]:
        """What the engine is to do: the first order, before anybody waits for another."""
        while b"\n" not in self._buffer:
            self._read_on()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return dict(json.loads(line))

    def wait(self, why: str) -> None:
        """Wait until the runner says to go on."""
        self.tell("waiting", why=why)
        self._order(GO_ON)

    def ask(self, ask: Ask) -> Answer:
        """Ask people through the runner. Raises NotAnswered, with why, when there is no answer."""
        step = current_step.get()
        self.tell(
            Event.ASKED, id=ask.id, what=ask.what, choices=ask.choices, within_s=ask.within_s, step=step
        )
        order = self._order(ask.id, ask.within_s + RUNNER_IS_LATE_S) or {}
        if "answer" not in order:
            raise NotAnswered(f"{ask.what}: {order.get('why', 'nobody has answered')}")
        return Answer(str(order["answer"]), str(order.get("by", "")))

    def _order(self, key: str, within_s: float | None = None) -> dict[str, Any] | None:
        """The next order under this key; None when it does not come in time."""
        end_s = None if within_s is None else time.monotonic() + within_s
        while True:
            with self._turn:
                if key in self._came:
                    return self._came.pop(key)
                if end_s is not None and time.monotonic() > end_s:
                    return None
                if self._is_read:
                    self._turn.wait(LOOK_EVERY_S)
                    continue
                self._is_read = True
            try:
                self._read_on()
            finally:
                with self._turn:
                    self._is_read = False
                    self._sort_out()
                    self._turn.notify_all()

    def _read_on(self) -> None:
        """Take in what comes next. The end of the pipe is the end of the runner."""
        if select.select([self.orders], [], [], LOOK_EVERY_S)[0]:
            data = os.read(self.orders, READ_AT_ONCE)
            if not data:
                os._exit(RUNNER_IS_GONE)
            self._buffer += data

    def _sort_out(self) -> None:
        """Put each whole order where whoever waits for it looks: `go on`, or the answer to an ask."""
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            if line == GO_ON.encode():
                self._came[GO_ON] = {}
            else:
                order = json.loads(line)
                self._came[str(order["ask"])] = order
