"""The engine's feed: what chaoslib does, told to the runner; and the places where the runner holds it."""

from __future__ import annotations

import json
import logging
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

from chaoslib.run import RunEventHandler

from gameday import clock, redact
from gameday.events import Event
from gameday.experiment.model import ROLES
from gameday.experiment.secrets import secrets_of
from gameday.faults.protocol import current_step
from gameday.files import write_atomically
from gameday.phases import BASELINE, METHOD, UNDO, VERIFICATION
from gameday.run.line import Line
from gameday.run.plain import plain

logger = logging.getLogger("chaostoolkit")

# of a step: what is told of it, and the key of the activity
TOLD = {"kind": "type", "role": "role", "runbook": "runbook"}


class Feed(RunEventHandler):  # type: ignore[misc]
    """Tells of every activity, keeps the journal on disk, and waits before recovery and rollbacks.

    chaoslib drops what a handler raises, so nothing here may decide whether an activity is played.
    """

    def __init__(self, line: Line, journal: dict[str, Any], path: Path) -> None:
        self.line = line
        self.journal = journal
        self.path = path
        self.part = BASELINE
        # chaoslib starts and ends an activity in one thread; others may share its name and its dictionary
        self.here = threading.local()

    def started(self, experiment: dict[str, Any], journal: Any) -> None:
        # by now its title is filled in
        self.journal["experiment"]["title"] = experiment["title"]

    def running(
        self, experiment: Any, journal: Any, configuration: dict[str, Any], secrets: Any = None, *_: Any
    ) -> None:
        # what a probe or a vault gave is known only now
        redact.learn(secrets_of({"configuration": configuration, "secrets": secrets}, {}))

    def start_method(self, experiment: Any) -> None:
        self.line.wait("method")
        self.part = METHOD
        self.line.tell("method-started")

    def method_completed(self, experiment: Any, state: Any = None) -> None:
        self.line.wait("recovery")

    def start_hypothesis_after(self, experiment: Any) -> None:
        self.part = VERIFICATION

    def hypothesis_after_completed(self, experiment: Any, state: Any, journal: Any) -> None:
        self.save()

    def start_rollbacks(self, experiment: Any) -> None:
        self.part = UNDO
        self.line.wait("undo")

    def start_activity(self, activity: dict[str, Any]) -> None:
        name = str(activity.get("name"))
        current_step.set(name)
        self.here.id = uuid.uuid4().hex[:12]
        self.line.tell(Event.STEP_STARTED, id=self.here.id, name=name, part=self.part, **_told(activity))

    def activity_completed(self, activity: dict[str, Any], run: dict[str, Any]) -> None:
        output = run.get("output")
        # an activity that interrupts the run has no status and no exception yet: it is on its way out
        interruption = None if "status" in run else sys.exception()
        at_ns = clock.now_ns()
        self.save()  # first: whoever has heard that it is over may end this process
        self.line.tell(
            Event.STEP_ENDED,
            t_ns=at_ns,
            id=getattr(self.here, "id", None),
            name=str(activity.get("name")),
            role=_told(activity)["role"],
            part=self.part,
            status=run.get("status", "failed"),
            error=_text(interruption) if interruption else _last_line(run.get("exception")),
            exit_code=_exit_code(activity, output),
            **_proof(output),
        )

    def not_played(self, activity: dict[str, Any], error: BaseException) -> None:
        """Tell of an activity that chaoslib could not even begin, or could not bring to its end."""
        name, step = _text(activity.get("name") or activity.get("ref")), uuid.uuid4().hex[:12]
        told = _told(activity)
        told["kind"] = told["kind"] or "action"
        self.line.tell(Event.STEP_STARTED, id=step, name=name, part=self.part, **told)
        ended = {"role": told["role"], "part": self.part, "status": "failed", "exit_code": None}
        self.line.tell(Event.STEP_ENDED, id=step, name=name, error=f"it cannot be played: {error}", **ended)
        self.save()

    def save(self) -> None:
        """Put the journal on disk as it is now. Whatever keeps it from that must not stop the rollbacks."""
        try:
            write_atomically(self.path, as_json(self.journal))
        except Exception as error:  # noqa: BLE001 - the disk, or what an activity said
            logger.warning("The journal cannot be written: %s", error)


def as_json(journal: dict[str, Any]) -> str:
    """The journal as JSON; what JSON cannot say is written as text."""
    return json.dumps(redact.data(plain(journal)), indent=2, ensure_ascii=False)


def _told(activity: dict[str, Any]) -> dict[str, str | None]:
    """What is told of a step; a role or a runbook of another kind is a note of Chaos Toolkit's."""
    told = {key: _text(activity.get(of)) for key, of in TOLD.items()}
    is_text = isinstance(activity.get("runbook"), str)
    return {
        **told,
        "role": told["role"] if told["role"] in ROLES else None,
        "runbook": told["runbook"] if is_text else None,
    }


def _text(value: Any) -> str | None:
    """What stands in the record as text, whatever it is."""
    return None if value is None else str(plain(value))


def _proof(output: Any) -> dict[str, Any]:
    """Whether a fault of gameday's protocol landed, and on what; nothing for any other activity."""
    if isinstance(output, dict) and {"fault", "landed", "proof"} <= set(output):
        listed = {key: output.get(key) for key in ("where", "targets")}
        aimed = {key: list(map(_text, said)) for key, said in listed.items() if isinstance(said, list)}
        return {"landed": plain(output["landed"]) is True, "proof": _text(output["proof"]), **aimed}
    return {}


def _exit_code(activity: dict[str, Any], output: Any) -> int | None:
    """A process's exit code: chaoslib calls a process that failed a success."""
    is_process = activity.get("provider", {}).get("type") == "process"
    code = output.get("status") if is_process and isinstance(output, dict) else None
    return code if isinstance(code, int) else None


def _last_line(exception: Any) -> str | None:
    lines = exception if isinstance(exception, list) else []
    return str(lines[-1]).strip().removeprefix("chaoslib.exceptions.ActivityFailed: ") if lines else None
