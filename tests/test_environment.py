"""What only gameday itself may see is not even in what the process was started with."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

LOOKS = """
import json, os, sys
from pathlib import Path
from gameday import environment

environment.begin()
print(json.dumps({
    "hidden": [environment.hidden(name) for name in environment.HIDDEN],
    "started with": Path("/proc/self/environ").read_text(),
    "children get": dict(os.environ),
    "arguments": sys.argv[1:],
    "open": [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if int(n) > 2 and
             os.path.exists(f"/proc/self/fd/{n}")],
    "pid": os.getpid(),
}))
"""
KEY = {
    "GAMEDAY_SIGNING_KEY": "-----BEGIN canary ü\n" + "x" * 100_000,
    "GAMEDAY_SIGNING_KEY_PASSWORD": "canary",
    "GAMEDAY_LISTEN_TOKEN": "canary of a receiver",
}


def seen(**more: str) -> dict[str, object]:
    process = subprocess.Popen(
        [sys.executable, "-c", LOOKS, "run", "a b", "--key=x"],
        stdout=subprocess.PIPE,
        env={**os.environ, "OTHER": "stays", **more},
    )
    said, _ = process.communicate(timeout=60)
    found = dict(json.loads(said))
    assert found["pid"] == process.pid
    assert found["arguments"] == ["run", "a b", "--key=x"]
    assert not [name for name in found["open"] if "memfd" in name]
    return found


def test_what_a_process_was_started_with_has_no_key_but_the_process_knows_it() -> None:
    found = seen(**KEY)
    assert found["hidden"] == list(KEY.values())
    started_with, children_get = str(found["started with"]), str(found["children get"])
    for text in (started_with, children_get):
        assert "canary" not in text and "GAMEDAY_SIGNING" not in text and "stays" in text
    assert "HANDED_OVER" not in children_get


@pytest.mark.parametrize("descriptor", ["", "x", "99", "-1"])
def test_without_a_key_nothing_is_started_anew_whatever_is_handed_over(descriptor: str) -> None:
    found = seen(GAMEDAY_HANDED_OVER=descriptor)
    assert found["hidden"] == [None] * len(KEY)
    assert "HANDED_OVER" not in str(found["children get"])
