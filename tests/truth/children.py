"""The processes of a scene: the part that breaks, and the recorder that watches it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def child(command: list[str], orders: Any) -> Iterator[subprocess.Popen[str]]:
    """A Python process that is given its orders, and killed at the end."""
    process = subprocess.Popen(
        [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        order(process, orders)
        yield process
    finally:
        process.kill()
        process.communicate()


def order(process: subprocess.Popen[str], orders: Any) -> None:
    """One more line of orders."""
    assert process.stdin is not None
    process.stdin.write(json.dumps(orders) + "\n")
    process.stdin.flush()


def line(process: subprocess.Popen[str]) -> str:
    """The next line of what it says."""
    assert process.stdout is not None
    return process.stdout.readline()
