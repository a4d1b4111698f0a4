"""The guardian: a small detached process that undoes everything when the runner disappears or stands still.

It is started before the first fault and holds one end of a pipe whose other end only the runner has. A line
there is a heartbeat: for how many seconds the runner may be silent. The line `done` is a clean end. The end
of the pipe without it means that the runner is gone. A runner that is stopped (SIGSTOP, Ctrl-Z), or silent
for too long, is killed: while it stands still, so do `max-duration`, `gameday halt` and Ctrl-C.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any, BinaryIO

from gameday import redact
from gameday.processes import Identity, python
from gameday.run.children import open_log
from gameday.units import spoken

DONE = "done"
READ_AT_ONCE = 65_536
BEAT_EVERY_S = 1.0
# how long a runner may be silent, unless it has said otherwise; a busy host and a slow disk take their time
SILENT_S = 60.0
# how long it may be stopped
STOPPED_S, LOOK_EVERY_S = 5.0, 1.0


class Guardian:
    """The runner's end of the pipe.

    orders: the custody that it looks after, the runner's identity, `sealing`, `secrets`, and `claim`, a
    descriptor that it holds as well, or None.
    """

    def __init__(self, orders: dict[str, Any], log: Path) -> None:
        self.orders = orders
        self.log = log
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = python("gameday.run.guardian")
        held = () if self.orders["claim"] is None else (self.orders["claim"],)
        self.last_beat_s = 0.0
        with open_log(self.log) as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, pass_fds=held
            )
        if process.stdin is not None:
            process.stdin.write(json.dumps(self.orders).encode() + b"\n")
            process.stdin.flush()
            os.set_blocking(process.stdin.fileno(), False)
        return process

    @property
    def is_alive(self) -> bool:
        """Whether it watches."""
        return self.process.poll() is None

    @property
    def code(self) -> int | None:
        """Its exit code; None while it watches."""
        return self.process.returncode

    def replace(self) -> None:
        """Start another one, after this one was killed."""
        self.process = self._start()

    def beat(self, within_s: float = SILENT_S) -> None:
        """Tell it that the runner runs, and for how long it may be silent; `inf` when nothing is broken."""
        now_s = time.monotonic()
        is_due = within_s != SILENT_S or now_s - self.last_beat_s > BEAT_EVERY_S
        if is_due and self.process.stdin is not None:
            self.last_beat_s = now_s
            with contextlib.suppress(BrokenPipeError, BlockingIOError):
                os.write(self.process.stdin.fileno(), f"{within_s:g}\n".encode())

    def release(self) -> None:
        """Tell it that the run has come to its end."""
        try:
            self.process.communicate(f"{DONE}\n".encode(), timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
        except BrokenPipeError:
            self.process.wait()


def main() -> None:
    """Watch until the run has ended, or the runner is gone or stands still; then recover the run."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    pipe = os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
    line, words = first_line(pipe)
    if not line:
        return
    orders = json.loads(line)
    runner = Identity(**orders["runner"])
    reason = watch(pipe, words, runner)
    if reason is not None:
        runner.kill()  # one that is stopped has the lock, and may be woken
        recover_now(orders, reason)


def first_line(pipe: BinaryIO) -> tuple[bytes, bytes]:
    """The orders, and what came with them."""
    data = b""
    while b"\n" not in data and (piece := pipe.read(READ_AT_ONCE)):
        data += piece
    line, _, rest = data.partition(b"\n")
    return line, rest


def watch(pipe: BinaryIO, words: bytes, runner: Identity) -> str | None:
    """Why the run has to be recovered; None after a clean end. words: what has been read already."""
    within_s, heard_s, stopped_since_s = SILENT_S, time.monotonic(), None
    while True:
        *said, words = words.split(b"\n")
        for word in said:
            if word == DONE.encode():
                return None
            within_s, heard_s = float(word), time.monotonic()
        if select.select([pipe], [], [], LOOK_EVERY_S)[0]:
            piece = pipe.read(READ_AT_ONCE)
            if not piece:
                return "the runner disappeared"
            words += piece
            continue
        now_s = time.monotonic()
        is_stopped = runner.is_stopped and within_s != math.inf
        stopped_since_s = (stopped_since_s or now_s) if is_stopped else None
        if stopped_since_s is not None and now_s - stopped_since_s > STOPPED_S:
            return "the runner was stopped"
        if now_s - heard_s > within_s:
            return f"the runner hung, and was not heard of for {spoken(within_s)}"


def recover_now(orders: dict[str, Any], reason: str) -> None:
    """Put everything back and judge the run."""
    sys.excepthook = lambda kind, error, trace: sys.stderr.write(
        redact.text("".join(traceback.format_exception(kind, error, trace)))
    )
    from gameday.evidence.seal import Sealing
    from gameday.run.custody import Custody
    from gameday.run.recovery import recover
    from gameday.run.rollbacks import Rollbacks

    custody = Custody.load(Path(orders["custody"]))
    if custody is None or custody.about is None:
        return  # the run has come to its end, and the word of it was lost
    redact.learn(**orders["secrets"])
    sealing = Sealing(**orders["sealing"])
    reason = f"{reason}; the guardian put everything back"
    left = recover(custody, reason, lambda: sealing, Rollbacks.of(custody.about))
    if left.trouble is not None:
        sys.stderr.write(f"{left.trouble}\n")


if __name__ == "__main__":
    main()
