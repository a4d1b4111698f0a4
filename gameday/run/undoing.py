"""One undo in a disposable process: `python -m gameday.run.undoing undo|verify`, the call on its input."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any


def run(what: str, call: dict[str, Any]) -> str:
    """Undo, or verify that it is undone. Raises when it is not."""
    if "activity" in call:
        return _activity(call["activity"]) if what == "undo" else "declared in the experiment"
    name = call["func"] if what == "undo" else call["verify"]
    if name is None:
        raise RuntimeError("the fault offers no way to verify its undo")
    result = getattr(importlib.import_module(call["module"]), name)(**call["arguments"])
    if what == "verify" and result is not True:
        raise RuntimeError(f"{name} says it is not undone")
    return str(result)


def _activity(activity: dict[str, Any]) -> str:
    from chaoslib.activity import run_activity

    output = run_activity(activity, {}, {})
    if activity["provider"]["type"] == "process" and output["status"] != 0:
        raise RuntimeError(f"exit code {output['status']}: {output['stderr'].strip()}")
    return f"'{activity['name']}' succeeded"


def main() -> None:
    """Run the call; the exit code says whether it worked, the last line says what happened."""
    try:
        message, code = run(sys.argv[1], json.load(sys.stdin)), 0
    except Exception as error:  # noqa: BLE001 - the process ends either way, and says why
        message, code = f"{type(error).__name__}: {error}", 1
    sys.stdout.write(" ".join(message.split()) + "\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
