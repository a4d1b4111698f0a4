"""What an experiment has Chaos Toolkit call: the guardrails look at all of it."""

from __future__ import annotations

from typing import Any

from gameday.experiment.calls import of_activity

HOSTS = {"hosts": ["db1"]}


def process(name: str) -> dict[str, Any]:
    return {"provider": {"type": "process", "path": name}}


def test_what_reads_an_undo_back_is_a_call_that_touches_what_the_undo_touches() -> None:
    tolerance = {"type": "probe", "name": "judge", **process("judge")}
    verify = {**process("look"), "tolerance": tolerance}
    undo = {**process("back"), "verify": verify, "targets": HOSTS}
    found = list(of_activity({"type": "action", "name": "break", **process("break"), "undo": undo}))
    assert [(call.part, call.step, call.provider["path"], call.targets) for call in found] == [
        ("method", "break", "break", None),
        ("undo", "undo of break", "back", HOSTS),
        ("probes", "verify of the undo of break", "look", HOSTS),
        ("probes", "judge", "judge", HOSTS),
    ]
