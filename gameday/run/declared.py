"""The undo that an experiment declares for a third-party action: logged so that it can be played without it.

What the undo gets of configuration and secrets is logged as the experiment says it: a reference (`type: env`,
`vault`, `file`) is logged, and followed when the undo is played. A secret itself never is.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from gameday import redact
from gameday.errors import FaultError
from gameday.experiment.meant import as_meant, packed
from gameday.experiment.undos import activity_of, terms_of
from gameday.faults import context
from gameday.faults.undolog import UndoLog

Dictionary = dict[str, Any]


class Declared:
    """The declared undos of one experiment.

    variables, secrets: what the command line set of its configuration and its secrets.
    """

    def __init__(self, experiment: Dictionary, variables: Dictionary, secrets: Dictionary) -> None:
        configuration = experiment.get("configuration") or {}
        self.configuration = {name: variables.get(name, value) for name, value in configuration.items()}
        self.secrets: Dictionary = experiment.get("secrets") or {}
        self.given = secrets

    def owe(self, activity: Dictionary, configuration: Any) -> None:
        """Log the undo that an action declares, before the action acts; whoever cannot must not play it.

        configuration: what the engine made of it. Raises FaultError when a secret would be logged.
        """
        log = UndoLog.of_this_run()
        if log is None or not isinstance(activity.get("undo"), dict):
            return
        name = str(activity.get("name"))
        undo, verify = declared_undo(activity)
        terms = terms_of(activity["undo"]).terms()
        parts = [undo] if verify is None else [undo, verify]
        call = {
            "activity": undo,
            **({} if verify is None else {"verify": verify}),
            "configuration": self._configuration(parts, configuration or {}),
            "secrets": self._secrets(parts),
            **terms.as_data(),
            **context.found(terms.needs, os.environ),
        }
        if lost := {*call["secrets"]} & {*self.given}:
            raise FaultError(
                f"the undo of '{name}' needs secrets of --var-file ({', '.join(sorted(lost))}), which would "
                "be gone when it is played: take them from the environment, a vault or a file"
            )
        log.owe(name, name, packed(call))

    def _secrets(self, parts: list[Dictionary]) -> Dictionary:
        """The groups of secrets that the undo asks for, or fills one of into a text."""
        text = json.dumps(parts, default=str)
        named = [name for part in parts for name in part.get("provider", {}).get("secrets") or []]
        return {
            group: values
            for group, values in self.secrets.items()
            if group in named or (isinstance(values, dict) and any(f"${{{key}}}" in text for key in values))
        }

    def _configuration(self, parts: list[Dictionary], made: Dictionary) -> Dictionary:
        """The configuration, but for secrets that the undo does not name.

        What a probe gave stands as it is now: asked again, it may say something else.
        """
        text = json.dumps(parts, default=str)
        found = {}
        for name, value in self.configuration.items():
            is_probed = isinstance(value, dict) and value.get("type") == "probe"
            taken = made.get(name) if is_probed else value
            if f"${{{name}}}" in text or not redact.holds_known(json.dumps(taken, default=str)):
                found[name] = taken
        return found


def declared_undo(activity: Dictionary) -> tuple[Dictionary, Dictionary | None]:
    """The undo that an action declares, and the probe that reads it back, as activities."""
    name, declared = str(activity.get("name")), activity["undo"]
    undo = {"type": "action", "name": f"undo {name}", **activity_of(declared)}
    verify = declared.get("verify")
    is_read_back = isinstance(verify, dict)
    return undo, {"type": "probe", "name": f"verify undo {name}", **verify} if is_read_back else None


def play(call: Dictionary) -> str:
    """Play a declared undo. Raises when it fails, or what it refers to cannot be had any more."""
    activity = call["activity"]
    output, _, _ = _played(activity, call)
    if activity["provider"]["type"] == "process":  # to the log: Chaos Toolkit keeps what it printed
        sys.stderr.write(output["stdout"] + output["stderr"])
    if activity["provider"]["type"] == "process" and output["status"] != 0:
        raise RuntimeError(f"exit code {output['status']}: {output['stderr'].strip()}")
    return f"'{activity['name']}' succeeded"


def holds(call: Dictionary) -> bool:
    """Whether the probe that reads a declared undo back is within its tolerance. Raises when it fails."""
    from chaoslib.hypothesis import within_tolerance

    verify = as_meant(call["verify"])
    output, configuration, secrets = _played(verify, call)
    return bool(within_tolerance(verify["tolerance"], output, configuration=configuration, secrets=secrets))


def _played(activity: Dictionary, call: Dictionary) -> tuple[Any, Dictionary, Dictionary]:
    """What an activity gave, and the configuration and secrets that it was given."""
    from chaoslib.activity import run_activity
    from chaoslib.configuration import load_configuration
    from chaoslib.secret import load_secrets

    from gameday.guardrails.gate import must_pass

    activity, call = as_meant(activity), as_meant(call)
    configuration = load_configuration(call.get("configuration") or {})
    secrets = load_secrets(call.get("secrets") or {}, configuration)
    must_pass(activity, configuration, secrets)
    return run_activity(activity, configuration, secrets), configuration, secrets
