"""Logs of a run's processes: what they print goes through a filter that takes the secrets out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from gameday import redact
from gameday.environment import of_child
from gameday.files import put_in_place, without_surrogates
from gameday.processes import has_ended

FILTER = Path(redact.__file__).with_name("filter.py")
LAST_WORDS_S = 2.0

Filters = list[subprocess.Popen[bytes]]
_of_process: Filters = []
# of several runs in one process, none waits for the words of another's children
_of_run: ContextVar[Filters | None] = ContextVar("the filters of a run", default=None)


@contextmanager
def within_run() -> Iterator[None]:
    """Start the filters of one run, in this thread."""
    before = _of_run.set([])
    try:
        yield
    finally:
        _of_run.reset(before)


def _filters() -> Filters:
    found = _of_run.get()
    return _of_process if found is None else found


@contextmanager
def writer(log: Path) -> Iterator[int]:
    """A descriptor for a child's standard output or error, whose text ends in the log, cleaned.

    The filter is a process of its own: what a child printed before it was killed is still written.
    """
    if str(log) == os.devnull:
        descriptor = os.open(log, os.O_WRONLY)
        yield descriptor
        os.close(descriptor)
        return
    text_out, text_in = os.pipe()
    if not pour(text_out, log):  # on a machine that can start no more than the child itself, the child counts
        _to_nowhere(text_in)
    try:
        yield text_in
    finally:
        os.close(text_in)


def pour(text_out: int, log: Path) -> bool:
    """Let the end of a pipe go into the log, cleaned; whether that can be. The descriptor is closed."""
    secrets_out, secrets_in = os.pipe()
    command = [sys.executable, "-I", "-S", str(FILTER), str(secrets_out), str(log)]
    try:
        _filters().append(
            subprocess.Popen(
                command,
                stdin=text_out,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(secrets_out,),
                start_new_session=True,
                env=of_child(),
            )
        )
        with os.fdopen(secrets_in, "w", closefd=False) as secrets:
            json.dump(redact.known(), secrets)
    except OSError:
        return False
    finally:
        for descriptor in (text_out, secrets_out, secrets_in):
            os.close(descriptor)
    return True


def note_failure(folder: Path) -> None:
    """Write down where gameday itself failed, cleaned. A disk that takes none of it stops nothing."""
    with suppress(OSError), (folder / "gameday.log").open("a", encoding="utf-8") as file:
        file.write(redact.text(without_surrogates(traceback.format_exc())))


def settle(folder: Path) -> None:
    """Put copies in the logs' place: what outlives the run may still print, but not into what is sealed."""
    for left in folder.glob(".*"):  # of somebody who was killed here
        left.unlink(missing_ok=True)
    for log in sorted(folder.glob("*.log")):
        if log.is_file() and not log.is_symlink():
            draft = log.with_name(f".{log.name}")
            with suppress(OSError):  # a full disk; the log itself is as good while nothing prints
                shutil.copyfile(log, draft)
                put_in_place(draft, log)
            draft.unlink(missing_ok=True)


def _to_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor, inheritable=False)
    os.close(nowhere)


def finish() -> None:
    """Wait until the filters have written the last words of children that are gone."""
    until_s = time.monotonic() + LAST_WORDS_S
    for process in _filters():
        has_ended(process, max(0.0, until_s - time.monotonic()))  # what still prints may go on
    _filters().clear()
