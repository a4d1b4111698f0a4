"""The experiments that the simulation plays."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gameday.experiment.load import Experiment, load
from tests.simulation import service


def step(
    name: str, func: str, role: str | None = None, after: float = 0.3, **arguments: Any
) -> dict[str, Any]:
    provider = {"type": "python", "module": service.__name__, "func": func, "arguments": arguments}
    made = {"type": "action", "name": name, "provider": provider, "pauses": {"after": after}}
    return {**made, "role": role} if role else made


def break_(part: str, state: str = "broken", takes_s: float = 0.2) -> dict[str, Any]:
    return step(f"break {part} to be {state}", "break_part", "fault", part=part, state=state, takes_s=takes_s)


def fail_over_slowly(part: str, settles: bool) -> dict[str, Any]:
    return step(f"fail {part} over", "fail_part_over", "fault", part=part, settles=settles)


PROBE = {"tcp": "127.0.0.1:1", "every": "50ms", "timeout": "40ms"}
UNDECLARED = {
    **step("break c by hand", "break_undeclared", part="c", state="gone"),
    "undo": {"provider": step("", "put_back", part="c", before="well")["provider"]},
}
WATCHED: dict[str, Any] = {
    "objectives": {
        "rto": "2s",
        "sustain": "500ms",
        "baseline": "1s",
        "after-check": "200ms",
        "deadline": "3s",
    },
    "slis": [{"name": "up", "source": "probe", "probe": PROBE, "objective": "100%", "window": "500ms"}],
}
LEDGER = {"ledger": {"http": "http://127.0.0.1:1/orders", "rate": "20/s", "timeout": "40ms"}}
LOAD = {"load": {"locustfile": "customers.py", "host": "http://127.0.0.1:1", "users": 5, "warm-up": "200ms"}}
FAIL_OVER = step("fail over", "fail_over", "failover")
FAIL_BACK = step("fail back", "fail_back", "failback")
EXPERIMENTS: dict[str, dict[str, Any]] = {
    "plain": {"method": [break_("a"), break_("b"), break_("a", "worse")], "rollbacks": [FAIL_BACK]},
    "watched": {
        **WATCHED,
        "method": [break_("a"), FAIL_OVER, break_("b", takes_s=0)],
        "rollbacks": [step("do nothing", "do_nothing")],
    },
    "whole": {
        **WATCHED,
        **LEDGER,
        **LOAD,
        "method": [break_("a"), UNDECLARED, FAIL_OVER],
        "rollbacks": [step("do nothing", "do_nothing")],
    },
    "declared": {"method": [UNDECLARED, break_("a")], "rollbacks": []},
    "halting": {
        **WATCHED,
        "halt": [{"when": "up < 50%", "for": "300ms"}],
        "method": [break_("a"), break_("b")],
    },
    "limited": {**WATCHED, "max-duration": "3s", "method": [break_("a"), step("hang", "hang")]},
    "lost for good": {**WATCHED, "method": [break_("a"), break_("b", takes_s=1)]},
    "slow": {"method": [break_("a"), fail_over_slowly("d", settles=False), break_("b")]},
    "settling": {
        **WATCHED,
        "method": [FAIL_OVER, *(fail_over_slowly(part, settles=True) for part in "de"), break_("a")],
        "rollbacks": [FAIL_BACK],
    },
    "mended in rollbacks": {"method": [break_("a")], "rollbacks": [break_("b"), FAIL_BACK]},
}


FOLDER = TemporaryDirectory(prefix="gameday-simulation-")


@functools.cache
def experiment(name: str) -> Experiment:
    """An experiment, read as a user's file is."""
    folder = Path(FOLDER.name) / name
    folder.mkdir()
    (folder / "customers.py").write_text("")
    path = folder / "experiment.json"
    path.write_text(
        json.dumps({"title": name, "description": "A drill of a simulation.", **EXPERIMENTS[name]})
    )
    return load(path)
