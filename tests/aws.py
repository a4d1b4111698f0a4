"""AWS for tests: a moto server that boto3 talks to over HTTP."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.request import urlopen

import pytest

from gameday.observe.ports import free_port

ACCOUNT = "123456789012"


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The address of a moto server."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), urlopen(f"{address}/moto-api/", timeout=1):
                break
            time.sleep(0.1)
        yield address
    finally:
        process.kill()
        process.wait()


def use(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make boto3 talk to that server."""
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test-secret-key",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
