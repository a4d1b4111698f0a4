"""The guardian: a small detached process that undoes everything when the runner disappears or stands still.

It is started before the first fault and listens to a lifeline, `lifeline.py`. A runner that is stopped
(SIGSTOP, Ctrl-Z), or silent for too long, is killed: while it stands still, so do `max-duration`,
`gameday halt` and Ctrl-C. One elsewhere calls `guard` with a lifeline of its own.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any, BinaryIO, cast

from gameday import hosts, redact
from gameday.environment import of_child
from gameday.processes import Identity, has_ended, python
from gameday.run.children import open_log
from gameday.run.lifeline import READ_AT_ONCE, SILENT_S, End, Heart, Lifeline, PipeHeart, PipeLifeline
from gameday.units import spoken

# how long a runner may be stopped
STOPPED_S, LOOK_EVERY_S = 5.0, 1.0
END_WITHIN_S = 5.0


class Guardian:
    """The runner's end of it.

    orders: the custody that it looks after, the runner's identity, `sealing`, `secrets`, and `claim`: what
    the run's claim shares, so that it holds that as well.
    """

    def __init__(self, orders: dict[str, Any], log: Path) -> None:
        self.orders = orders
        self.log = log
        self._start()

    def _start(self) -> None:
        command = python("gameday.run.guardian")
        held = tuple(self.orders["claim"].get("descriptors", ()))
        told = of_child()
        hosts.hand_down(told, hosts.told())
        with open_log(self.log) as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=held,
                env=told,
            )
        pipe = cast(BinaryIO, self.process.stdin)
        pipe.write(json.dumps(self.orders).encode() + b"\n")
        pipe.flush()
        self.heart: Heart = PipeHeart(pipe)

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
        self._start()

    def beat(self, within_s: float = SILENT_S) -> None:
        """Tell it that the runner runs, and for how long it may be silent; `inf` when nothing is broken."""
        self.heart.beat(within_s)

    def leave(self) -> None:
        """Tell it that nobody works on the run any more, though the runner's process may live on."""
        self.heart.leave()

    def release(self) -> None:
        """Tell it that the run has come to its end."""
        self.heart.done()
        if not has_ended(self.process, END_WITHIN_S):
            self.process.kill()
            self.process.wait()


def main() -> None:
    """Watch a runner on this host, which has started this process."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    pipe = os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
    line, words = first_line(pipe)
    if line:
        orders = json.loads(line)
        guard(PipeLifeline(pipe, Identity(**orders["runner"]), words), orders)


def guard(lifeline: Lifeline, orders: dict[str, Any]) -> None:
    """Watch until the run has ended, or the runner is gone or stands still; then recover the run."""
    reason = watch(lifeline)
    if reason is not None:
        if reason != End.LEFT.value:
            lifeline.cut()
        recover_now(orders, reason)


def first_line(pipe: BinaryIO) -> tuple[bytes, bytes]:
    """The orders, and what came with them."""
    data = b""
    while b"\n" not in data and (piece := pipe.read(READ_AT_ONCE)):
        data += piece
    line, _, rest = data.partition(b"\n")
    return line, rest


def watch(lifeline: Lifeline) -> str | None:
    """Why the run has to be recovered; None after a clean end."""
    within_s, heard_s, stopped_since_s = SILENT_S, time.monotonic(), None
    while True:
        heard = lifeline.heard(LOOK_EVERY_S)
        for word in heard:
            if isinstance(word, End):
                return None if word is End.DONE else word.value
            within_s, heard_s = word, time.monotonic()
        if heard:
            continue
        now_s = time.monotonic()
        is_stopped = within_s != math.inf and lifeline.is_stopped
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
    from gameday.run.claim import taken_over
    from gameday.run.custody import Custody
    from gameday.run.recovery import recover
    from gameday.run.rollbacks import Rollbacks

    custody = Custody.load(Path(orders["custody"]))
    if custody is None or custody.about is None:
        return  # the run has come to its end, and the word of it was lost
    redact.learn(**orders["secrets"])
    sealing = Sealing(**orders["sealing"])
    reason = f"{reason}; the guardian put everything back"
    with taken_over(orders["claim"]) as keep_it:
        left = recover(custody, reason, lambda: sealing, Rollbacks.of(custody.about), tick=keep_it)
    if left.trouble is not None:
        sys.stderr.write(f"{left.trouble}\n")


if __name__ == "__main__":
    main()
