"""Logs of a run's processes: what they print goes through a filter that takes the secrets out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gameday import redact

FILTER = Path(redact.__file__).with_name("filter.py")
LAST_WORDS_S = 2.0

_filters: list[subprocess.Popen[bytes]] = []


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
    secrets_out, secrets_in = os.pipe()
    command = [sys.executable, "-I", "-S", str(FILTER), str(secrets_out), str(log)]
    _filters.append(
        subprocess.Popen(
            command,
            stdin=text_out,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(secrets_out,),
            start_new_session=True,
        )
    )
    os.close(text_out)
    os.close(secrets_out)
    with os.fdopen(secrets_in, "w") as secrets:
        json.dump(redact.known(), secrets)
    try:
        yield text_in
    finally:
        os.close(text_in)


def finish() -> None:
    """Wait until the filters have written the last words of children that are gone."""
    for process in _filters:
        try:
            process.wait(LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            continue  # something that a child started still prints; it may go on
    _filters.clear()
