"""The guardian: a small detached process that undoes everything when the runner disappears.

It is started before the first fault and holds one end of a pipe whose other end only the runner has. The
line `done` before the end of the pipe is a clean end. Anything else means that the runner is gone.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

from gameday import redact
from gameday.processes import python
from gameday.run.children import open_log

DONE = "done"
READ_AT_ONCE = 65_536


class Guardian:
    """The runner's end of the pipe."""

    def __init__(self, orders: dict[str, Any], log: Path) -> None:
        self.orders = orders
        self.log = log
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = python("gameday.run.guardian")
        with open_log(self.log) as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        if process.stdin is not None:
            process.stdin.write(json.dumps(self.orders).encode() + b"\n")
            process.stdin.flush()
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

    def release(self) -> None:
        """Tell it that the run has come to its end."""
        try:
            self.process.communicate(DONE.encode(), timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
        except BrokenPipeError:
            self.process.wait()


def main() -> None:
    """Watch until the pipe ends; recover the run if that was not a clean end."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    data = b""
    while piece := os.read(sys.stdin.fileno(), READ_AT_ONCE):
        data += piece
    line, _, rest = data.partition(b"\n")
    if rest.strip() == DONE.encode() or not line:
        return
    recover_now(json.loads(line))


def recover_now(orders: dict[str, Any]) -> None:
    """Put everything back and judge the run."""
    sys.excepthook = lambda kind, error, trace: sys.stderr.write(
        redact.text("".join(traceback.format_exception(kind, error, trace)))
    )
    from gameday.evidence.pack import Pack
    from gameday.evidence.seal import Sealing
    from gameday.run.recovery import recover
    from gameday.run.rollbacks import Rollbacks

    rollbacks = Rollbacks(orders["experiment"], tuple(orders["variables"]), orders["rollbacks"])
    redact.learn(**orders["secrets"])
    sealing = Sealing(**orders["sealing"])
    reason = "the runner disappeared; the guardian put everything back"
    recover(Pack(Path(orders["pack"])), rollbacks, reason, sealing)


if __name__ == "__main__":
    main()
