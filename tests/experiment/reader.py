"""Reads a file as the commands do before they do anything, and holds what must hold of it."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gameday.errors import GamedayError, InvalidInput
from gameday.experiment.calls import calls
from gameday.experiment.kept import without_secrets
from gameday.experiment.load import Experiment, load
from gameday.guardrails import covered, foreign, organisation
from gameday.measure.plan import plan_of
from gameday.redact import Redactor
from gameday.run import engine

LIMIT_S = 2.0  # of processor time: the machine may be busy
WALL_LIMIT_S = 60.0
# what Python tells before something changes outside of the process, or is asked of it
TOUCHING = (
    "socket.connect",
    "subprocess.Popen",
    "os.system",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
)
_listening: list[list[str]] = []  # whoever wants to hear it


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _listening:
        return
    if event == "open":
        path, mode, flags = arguments
        is_cache = "__pycache__" in str(path)  # Python's own
        if not is_cache and (set(mode or "") & set("wax+") or (mode is None and flags & 0o3)):
            _listening[-1].append(f"open {path!r} {mode} {flags:o}")
    elif event in TOUCHING or event.startswith("os.exec"):
        _listening[-1].append(f"{event} {arguments!r}"[:200])


sys.addaudithook(_hear)


class TooSlow(BaseException):
    """It took too long."""


@contextmanager
def nothing_touched() -> Iterator[None]:
    """Fails when something is written, started, connected to."""
    _listening.append([])
    try:
        yield
        assert _listening[-1] == []
    finally:
        _listening.pop()


@contextmanager
def within_the_limit(limit_s: float = LIMIT_S) -> Iterator[None]:
    """Fails when it takes too long, by the processor's time or by far too much of anybody's."""

    def too_slow(number: int, frame: Any) -> None:
        raise TooSlow(f"more than {limit_s} s of processor, or {WALL_LIMIT_S} s")

    before = [signal.signal(number, too_slow) for number in (signal.SIGPROF, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    left_s, _ = signal.setitimer(signal.ITIMER_REAL, WALL_LIMIT_S)
    began = time.monotonic()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before[0])
        signal.signal(signal.SIGALRM, before[1])
        signal.setitimer(signal.ITIMER_REAL, max(0.01, left_s - time.monotonic() + began) if left_s else 0)


@contextmanager
def trusted() -> Iterator[None]:
    """Whatever is asked about a file of somebody else: yes, so that all of it is looked at."""
    before = foreign.consent.ask
    foreign.consent.ask = lambda question: True
    try:
        yield
    finally:
        foreign.consent.ask = before


def said_of(path: Path) -> str | None:
    """What is wrong with an experiment or a gameday.toml; None when it is valid, and can be worked with."""
    try:
        with trusted(), nothing_touched(), within_the_limit():
            if path.suffix == ".toml":
                organisation.read(path)
            else:
                _work_with(load(path))
    except InvalidInput as invalid:
        lines = str(invalid).splitlines()
        assert lines and all(len(line) < 1000 for line in lines), lines
        str(invalid).encode()  # what no terminal could show
        assert all(problem.line >= 0 and problem.column >= 0 for problem in invalid.problems)
        return str(invalid)
    except GamedayError as error:
        return str(error)
    return None


def _work_with(experiment: Experiment) -> None:
    """What every command does with a valid file before anything is touched."""
    orders = json.loads(json.dumps(experiment.document, allow_nan=False).encode())
    assert orders == experiment.document
    without_secrets(experiment.text, experiment.path.suffix, Redactor(experiment.secrets, experiment.names))
    json.dumps(asdict(plan_of(experiment.blocks)), allow_nan=False)
    organisation.rule_sets(experiment)
    assert covered.files_of(experiment) is not None and list(calls(experiment.document)) is not None
    assert experiment.sha256 and experiment.title
    trouble = engine.validate(orders)
    assert trouble is None or trouble.encode()
