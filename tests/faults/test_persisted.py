"""Undo logs of an earlier gameday stay playable: modules, functions, arguments in them are an interface.

`logs/` has a log of every fault that owes something, as the gameday wrote it that first had this fault. They
are never written anew: what is owed in another way later gets a file of its own beside them.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
from chaoslib.activity import ensure_activity_is_valid

import gameday.faults
from gameday.faults.protocol import is_fault
from gameday.faults.undolog import Entry, UndoLog

LOGS = sorted((Path(__file__).parent / "logs").glob("*.jsonl"))
OWE_NOTHING = {"process.resume", "postgresql.promote"}


def owed(path: Path) -> Entry:
    (entry,) = UndoLog(path).owed()
    return entry


@pytest.mark.parametrize(
    "path", [path for path in LOGS if path.stem != "declared"], ids=lambda path: path.stem
)
def test_what_a_fault_of_old_owes_can_still_be_called(path: Path) -> None:
    call = owed(path).call
    module = importlib.import_module(call["module"])
    for part in ("func", "verify"):
        inspect.signature(getattr(module, call[part])).bind(**call["arguments"])


def test_a_declared_undo_of_old_is_still_an_activity() -> None:
    (path,) = (path for path in LOGS if path.stem == "declared")
    call = owed(path).call
    ensure_activity_is_valid(call["activity"])
    assert call["configuration"]["pointer"] == "current" and list(call["secrets"]) == ["k8s"]


def test_there_is_a_log_of_every_fault_that_owes_something() -> None:
    offered = set()
    for found in pkgutil.iter_modules(gameday.faults.__path__):
        module = importlib.import_module(f"gameday.faults.{found.name}")
        names = getattr(module, "__all__", [])
        offered |= {f"{found.name}.{name}" for name in names if is_fault(getattr(module, name))}
    assert offered - OWE_NOTHING == {path.stem for path in LOGS} - {"declared"}
