"""The load: Locust as a subprocess, with the user's own locustfile unchanged."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

from gameday import redact
from gameday.experiment.observers import Load, Workers
from gameday.observe.ports import free_port
from gameday.processes import python

RECORDER = Path(__file__).with_name("locust_recorder.py")
EVERY_ADDRESS = ("", "*", "0.0.0.0", "[::]")  # noqa: S104 - compared with, never bound


def command(load: Load, locustfile: Path) -> list[str]:
    """The command line of Locust for this load."""
    arguments = [
        *python("locust"),
        *("--locustfile", f"{locustfile},{RECORDER}"),
        *("--users", str(load.users)),
        *("--spawn-rate", f"{load.spawn_rate:g}"),
        *("--headless", "--only-summary", "--loglevel", "WARNING", "--stop-timeout", "1"),
    ]
    if load.workers is not None:
        host, port = _address(load.workers)
        arguments += ["--master", "--master-bind-host", host, "--master-bind-port", port]
        arguments += ["--expect-workers", str(load.workers.expect)]
        arguments += ["--expect-workers-max-wait", str(round(load.workers.within))]
    elif load.processes > 1:
        port = str(free_port())
        arguments += ["--processes", str(load.processes), "--master-bind-host", "127.0.0.1"]
        arguments += ["--master-bind-port", port, "--master-host", "127.0.0.1", "--master-port", port]
    return [*arguments, *load.user_classes]


def worker_command(load: Load) -> str:
    """What to type on another host so that it joins this load; empty for a load without remote workers.

    It needs Locust there and nothing else: locustfile and recorder come from the master.
    """
    if load.workers is None:
        return ""
    host, port = _address(load.workers)
    if host in EVERY_ADDRESS:
        host = socket.gethostname()
    return f"locust -f - --worker --master-host {host} --master-port {port}"


def environment(load: Load, samples: Path, secrets: int | None = None) -> dict[str, str]:
    """The environment of Locust: where its recorder writes, and whose end is its end.

    secrets: a descriptor on which the recorder reads what it must not write down. The host is here and not
    among the arguments, which the process list shows.
    """
    return {
        **os.environ,
        "LOCUST_HOST": load.host,
        "GAMEDAY_SAMPLES": str(samples),
        "GAMEDAY_SECRETS": "" if secrets is None else str(secrets),
        "GAMEDAY_RUNNER": str(os.getpid()),
        "PYTHONUNBUFFERED": "1",
    }


def secrets_for_locust() -> int:
    """A descriptor that holds what this process knows to be secret; no file has a name for it."""
    descriptor = os.memfd_create("gameday-secrets", 0)
    os.write(descriptor, json.dumps(redact.known()).encode())
    return descriptor


def running_users(samples: Path) -> int:
    """How many users run, once all of them do; 0 before."""
    try:
        return int((samples / "load.users").read_text() or 0)
    except FileNotFoundError:
        return 0


def _address(workers: Workers) -> tuple[str, str]:
    """Where the master listens: host and port."""
    host, _, port = workers.bind.rpartition(":")
    return host, port
