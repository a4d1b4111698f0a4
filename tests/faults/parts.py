"""What tests of faults share: the parts they need, and how an undo is replayed from its log."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from gameday.faults.undolog import Entry

REPLAY = (
    "import json, sys; from gameday.run.undoing import undo, verify;"
    "call = json.load(sys.stdin); print(undo(call)); verify(call)"
)


def need(*tools: str) -> None:
    """Skip the test when a tool is missing, unless GAMEDAY_REQUIRE_ALL=1."""
    sbin = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing(*(f"{tool} is not installed" for tool in tools if shutil.which(tool, path=sbin) is None))


def need_root() -> None:
    """Skip the test unless it may make mounts and namespaces."""
    missing(*(["only root may do this"] if os.geteuid() != 0 else []))


def missing(*reasons: str) -> None:
    """Skip the test for the first reason, if there is one."""
    for reason in reasons:
        if os.environ.get("GAMEDAY_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


def function(entry: Entry, part: str = "func") -> Callable[..., Any]:
    """The undo, or the verification, that an entry of the log names, with its arguments."""
    found = getattr(importlib.import_module(entry.call["module"]), entry.call[part])
    return lambda: found(**entry.call["arguments"])


def replay(entry: Entry) -> str:
    """Play an undo and its verification from the log's line alone, in another process."""
    call = json.dumps(entry.call)
    command = [sys.executable, "-c", REPLAY]
    done = subprocess.run(command, input=call, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def undo_twice(entry: Entry) -> str:
    """Play an undo in another process and again in this one: the second must find nothing to do."""
    assert function(entry, "verify")() is False
    said = replay(entry)
    function(entry)()
    assert function(entry, "verify")() is True
    return said
