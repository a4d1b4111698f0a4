"""One undo in a disposable process, started ahead so that it is warm when it is needed.

`python -m gameday.run.undoing MODULE…` imports the modules and waits for a call, one JSON line on its
standard input. It answers with two JSON lines: `{"ok", "said"}` for the undo, and for its verification,
whose `ok` is null when nothing can tell. Here it is polled, for as long as the call's terms say; here, too, a
service that is asked too often is given time. Whoever started this process ends it when that takes too long.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from gameday import clock
from gameday.faults import context
from gameday.faults.throttled import patiently
from gameday.processes import import_from_here
from gameday.terms import Terms


def undo(call: dict[str, Any]) -> str:
    """Put back. Raises when that fails."""
    context.restore(call, os.environ)
    work_where(call)
    if "activity" in call:
        from gameday.run import declared

        return declared.play(call)
    return str(_function(call, "func")(**call["arguments"]))


def work_where(call: dict[str, Any]) -> None:
    """Work in the folder that relative paths of the call mean; gameday's own calls have none.

    Raises RuntimeError when it is gone: elsewhere such a path would say that there is nothing to undo.
    """
    cwd = call.get("cwd")
    if cwd is None:
        return
    try:
        os.chdir(cwd)
    except OSError as error:
        if not str(call.get("module", "")).startswith("gameday.faults."):
            raise RuntimeError(
                f"its working folder {cwd} is gone ({error.strerror}); make it again"
            ) from None
    else:
        import_from_here()  # an undo may lie in a module beside its experiment


class NoWayToVerify(Exception):
    """Nothing can read back what this undo did, so nobody knows more than that it was played."""


def verify(call: dict[str, Any]) -> str:
    """Read the state back. Raises when it is not as it was, NoWayToVerify when nothing can tell."""
    if "activity" in call:
        return verify_declared(call)
    if call["verify"] is None:
        raise NoWayToVerify("the fault offers no way to verify its undo")
    if _function(call, "verify")(**call["arguments"]) is not True:
        raise RuntimeError(f"{call['verify']} says that it is not undone")
    return "verified"


def verify_declared(call: dict[str, Any]) -> str:
    """The same of an undo that the experiment declares."""
    if "verify" not in call:
        raise NoWayToVerify("the experiment declares no way to read it back")
    from gameday.run import declared

    if not declared.holds(call):
        raise RuntimeError("its verify is not within its tolerance")
    return "verified"


def _function(call: dict[str, Any], key: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(importlib.import_module(call["module"]), call[key])
    return function


def read_back(call: dict[str, Any], until_ns: int) -> str:
    """Verify until it holds, as often as the call's terms say. Raises what was wrong the last time."""
    poll_s = Terms.of(call).poll_s
    for asked in itertools.count(1):
        try:
            said = patiently(partial(verify, call), until_ns)
        except NoWayToVerify:
            raise
        except Exception as error:
            if poll_s is None:
                raise
            if clock.now_ns() + round(poll_s * clock.NS_PER_S) >= until_ns:
                raise RuntimeError(f"{type(error).__name__}: {error} (asked {asked} times)") from error
            clock.pause(poll_s)
        else:
            break
    return said


def answers(call: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What there is to say: of the undo, and of its verification if it was undone."""
    until_ns = clock.now_ns() + round(Terms.of(call).within_s * clock.NS_PER_S)
    undone = attempt(lambda call: patiently(partial(undo, call), until_ns), call)
    yield undone
    if undone["ok"]:
        yield attempt(lambda call: read_back(call, until_ns), call)


def attempt(part: Callable[[dict[str, Any]], str], call: dict[str, Any]) -> dict[str, Any]:
    """Try a part of the call; how it went."""
    is_ok: bool | None
    try:
        is_ok, said = True, part(call)
    except NoWayToVerify as error:
        is_ok, said = None, str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent must hear it
        is_ok, said = False, f"{type(error).__name__}: {error}"
    return {"ok": is_ok, "said": " ".join(said.split())}


def main() -> None:
    """Warm up, wait for the call, do it."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # what an undo prints must not be taken for an answer
    out = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    import_from_here()
    for module in sys.argv[1:]:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    line = sys.stdin.readline()
    if line:
        for answer in answers(json.loads(line)):
            os.write(out, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()
