"""The undo that an experiment declares for a third-party action: logged so that it can be played without it.

What the undo gets of configuration and secrets is logged as the experiment says it: a reference (`type: env`,
`vault`, `file`) is logged, and followed when the undo is played. A secret itself never is.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from gameday import redact
from gameday.errors import FaultError
from gameday.experiment.meant import as_meant, packed
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
        undo = {"type": "action", "name": f"undo {name}", **activity["undo"]}
        needed = {
            "configuration": self._configuration(undo, configuration or {}),
            "secrets": self._secrets(undo),
        }
        if lost := {*needed["secrets"]} & {*self.given}:
            raise FaultError(
                f"the undo of '{name}' needs secrets of --var-file ({', '.join(sorted(lost))}), which would "
                "be gone when it is played: take them from the environment, a vault or a file"
            )
        log.owe(name, name, packed({"activity": undo, **needed}))

    def _secrets(self, undo: Dictionary) -> Dictionary:
        """The groups of secrets that the undo asks for, or fills one of into a text."""
        text, named = json.dumps(undo, default=str), undo.get("provider", {}).get("secrets") or []
        return {
            group: values
            for group, values in self.secrets.items()
            if group in named or (isinstance(values, dict) and any(f"${{{key}}}" in text for key in values))
        }

    def _configuration(self, undo: Dictionary, made: Dictionary) -> Dictionary:
        """The configuration, but for secrets that the undo does not name.

        What a probe gave stands as it is now: asked again, it may say something else.
        """
        text = json.dumps(undo, default=str)
        found = {}
        for name, value in self.configuration.items():
            is_probed = isinstance(value, dict) and value.get("type") == "probe"
            taken = made.get(name) if is_probed else value
            if f"${{{name}}}" in text or not redact.holds_known(json.dumps(taken, default=str)):
                found[name] = taken
        return found


def play(call: Dictionary) -> str:
    """Play a declared undo. Raises when it fails, or what it refers to cannot be had any more."""
    from chaoslib.activity import run_activity
    from chaoslib.configuration import load_configuration
    from chaoslib.secret import load_secrets

    from gameday.guardrails.gate import must_pass

    call = as_meant(call)
    activity = call["activity"]
    configuration = load_configuration(call.get("configuration") or {})
    secrets = load_secrets(call.get("secrets") or {}, configuration)
    must_pass(activity, configuration, secrets)
    output = run_activity(activity, configuration, secrets)
    if activity["provider"]["type"] == "process":  # to the log: Chaos Toolkit keeps what it printed
        sys.stderr.write(output["stdout"] + output["stderr"])
    if activity["provider"]["type"] == "process" and output["status"] != 0:
        raise RuntimeError(f"exit code {output['status']}: {output['stderr'].strip()}")
    return f"'{activity['name']}' succeeded"
