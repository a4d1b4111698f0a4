"""Look at what an experiment would touch, in a process of its own: it imports other people's code.

`python -m gameday.guardrails.look` reads `{"document", "variables", "scopes"}` on standard input and prints a
JSON list: the touches, in the order of the file. Nothing is changed: a fault runs as far as its first
`yield`, clusters and clouds are only asked; and neither is done where a scope does not allow it.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from gameday import hosts
from gameday.errors import GamedayError
from gameday.experiment import Experiment
from gameday.experiment.calls import CONTROLS, PROBES, UNDO, Call, calls
from gameday.experiment.rules import Scope, Targets
from gameday.faults.protocol import Undo, hits_one, is_fault, nothing_to_undo, preview
from gameday.guardrails import places
from gameday.guardrails.allowed import all_allowed
from gameday.guardrails.observers import observers
from gameday.guardrails.places import Values
from gameday.guardrails.touch import AWS, KUBERNETES, Touch
from gameday.places import Place
from gameday.processes import import_from_here, python

LIMIT_S = 60.0
Dictionary = dict[str, Any]


def touches(experiment: Experiment, scopes: Sequence[Scope] = ()) -> list[Touch]:
    """What all that the experiment calls, its probes, load and ledger would touch; nothing is changed.

    scopes: where something is looked up only if each of them allows it. Raises GamedayError when it cannot be
    found out at all.
    """
    orders = {
        "document": experiment.document,
        "variables": experiment.variables,
        "scopes": [scope.model_dump(mode="json", by_alias=True) for scope in scopes],
    }
    command = python("gameday.guardrails.look")
    try:
        done = subprocess.run(
            command,
            input=json.dumps(orders, default=str),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise GamedayError(f"the targets could not be found within {LIMIT_S:g} s") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise GamedayError(f"the targets could not be found: {said[0]}")
    found = [Touch.from_json(data) for data in json.loads(done.stdout)]
    return [*observers(experiment.blocks), *found]


def main() -> None:
    """Look, and print."""
    orders = json.loads(sys.stdin.read())
    answer = sys.stdout
    # what other people's modules print must not mix with the answer
    sys.stdout = sys.stderr
    import_from_here()
    scopes = [Scope.model_validate(scope) for scope in orders["scopes"]]
    found = list(look(orders["document"], orders["variables"], scopes))
    answer.write(json.dumps([touch.as_json() for touch in found]))


def look(document: Dictionary, variables: Dictionary, scopes: Sequence[Scope] = ()) -> Iterator[Touch]:
    """A touch for everything that is called."""
    from chaoslib.configuration import load_configuration
    from chaoslib.secret import load_secrets

    configuration = load_configuration(document.get("configuration") or {}, variables)
    known = {key: value for key, value in configuration.items() if not isinstance(value, dict)}
    values = Values(known, load_secrets(document.get("secrets") or {}, configuration))
    if _names_a_vault(document.get("secrets")):
        yield _vault(str(known.get("vault_addr") or os.environ.get("VAULT_ADDR") or "http://localhost:8200"))
    for call in calls(document):
        yield from Look(call, values, scopes).touches()


def _names_a_vault(secrets: Any) -> bool:
    if not isinstance(secrets, dict):
        return False
    return secrets.get("type") == "vault" or any(_names_a_vault(each) for each in secrets.values())


def _vault(address: str) -> Touch:
    base = Touch("the vault", PROBES, 0, does="asks for secrets", is_declarable=False)
    try:
        return Touch(**{**base.as_json(), "places": places.of_hosts([hosts.of_url(address)])})
    except hosts.Unclear as error:
        return Touch(**{**base.as_json(), "unknown": str(error)})


class Look:
    """One call, with the configuration and the secrets filled in."""

    def __init__(self, call: Call, values: Values, scopes: Sequence[Scope] = ()) -> None:
        self.call = call
        self.provider = call.provider
        self.values = values
        self.scopes = scopes
        written = self.provider.get("arguments") or {}
        # what people read has no secrets in it, what is asked has
        self.shown = values.shown(written)
        self.arguments = values.filled_in(written)
        self.base: Dictionary = {
            "step": call.step,
            "part": call.part,
            "index": call.index,
            "role": call.activity.get("role"),
            "undo": self._declared_undo(),
        }

    def touches(self) -> Iterator[Touch]:
        """What it would touch, and the command that a fault has for its undo."""
        yield self.touch()
        restart = self.arguments.get("restart") if isinstance(self.arguments, dict) else None
        if restart and places.names_its_places(self.provider):
            words = shlex.join(map(str, restart)) if isinstance(restart, list) else str(restart)
            self.base |= {"step": f"undo of {self.call.step}", "part": UNDO}
            yield self._made(does=f"runs {words}", unknown="what a command touches is not known")

    def touch(self) -> Touch:
        """What it would touch."""
        kind = self.provider.get("type")
        if self.call.part == CONTROLS:
            module = self.provider.get("module")
            return self._made(does=f"runs {module}", unknown="what a control touches is not known")
        if kind == "python":
            return self._python(str(self.provider.get("module")), str(self.provider.get("func")))
        if kind == "http":
            return self._http()
        does = f"runs {self._command(self.provider, self.shown)}"
        return self._made(does=does, unknown="what a command touches is not known")

    def _made(self, unknown: str = "", uncounted: str = "", **more: Any) -> Touch:
        """The touch, with what the file declares for what nobody can find out; what is found out stays.

        unknown: why something about it is not known. uncounted: why it is not known how much is hit.
        """
        found: Dictionary = {"places": (), "hit": 0, "found": None, "is_declarable": True, **more}
        try:
            declared = None if self.call.targets is None else Targets.model_validate(self.call.targets)
            said = _places_in(declared) if declared else ()
        except (ValidationError, hosts.Unclear):
            return Touch(**{**self.base, **found, "unknown": "its targets: cannot be read"})
        if declared and found["is_declarable"]:
            if not found["places"]:
                unknown = ""
            uncounted = ""
            found |= {"places": tuple(dict.fromkeys((*found["places"], *said)))}
            found |= {"hit": max(found["hit"], declared.count), "found": declared.of}
        return Touch(**{**self.base, **found, "unknown": unknown or uncounted})

    def _http(self) -> Touch:
        url = str(self.values.shown(str(self.provider.get("url", ""))))
        does = f"{self.provider.get('method', 'GET')} {url}"
        try:
            there = places.of_url(self.provider, self.values)
        except hosts.Unclear as error:
            return self._made(does=does, unknown=str(error))
        return self._made(does=does, places=there, targets=(url,), hit=1)

    def _python(self, module: str, func: str) -> Touch:
        try:
            function = places.function_of(self.provider)
        except Exception as error:  # noqa: BLE001 - whatever other people's modules raise
            return self._made(does=f"calls {module}.{func}", unknown=str(error))
        does = first_sentence(function) or f"calls {module}.{func}"
        if is_fault(function) or module.startswith("gameday."):
            return self._named(function, does)
        finder = {"chaosk8s": KUBERNETES, "chaosaws": AWS}.get(module.partition(".")[0])
        if finder is None:
            return self._made(does=does, unknown=f"what {module}.{func} touches is not known")
        return self._found(finder, function, does)

    def _found(self, finder: str, function: Callable[..., Any], does: str) -> Touch:
        asked = importlib.import_module(f"gameday.guardrails.{finder}")
        configuration, secrets = self.values.configuration, self._secrets()
        if later := self.values.unknown_in(self.provider.get("arguments")):
            unknown = f"${{{later[0]}}} is known only when it is called"
            return self._made(does=does, unknown=unknown, is_declarable=False)
        may_be_asked = lambda place: all_allowed(self.scopes, [place])  # noqa: E731
        try:
            found = asked.find(function, self.arguments, configuration, secrets, may_be_asked)
        except Exception as error:  # noqa: BLE001 - whatever the API said, the targets are not known
            said = " ".join(str(error).split())[:200]
            return self._made(does=does, unknown=f"{type(error).__name__}: {said}", is_declarable=False)
        return self._made(does=does, **found, is_declarable=False)

    def _secrets(self) -> Dictionary:
        """Those that the provider asks for, as Chaos Toolkit hands them over."""
        wanted = self.provider.get("secrets") or []
        groups = [self.values.secrets.get(name) for name in wanted]
        return {key: value for group in groups if isinstance(group, dict) for key, value in group.items()}

    def _named(self, function: Callable[..., Any], does: str) -> Touch:
        """A fault, or a function of gameday: it names where it acts."""
        try:
            there = places.of_function(function, self.provider.get("arguments") or {}, self.values)
        except hosts.Unclear as error:
            return self._made(does=does, unknown=str(error))
        if not there:
            where = f"{self.provider.get('module')}.{function.__name__}"
            return self._made(does=does, unknown=f"on which host {where} acts is not known")
        return self._previewed(function, self._made(does=does, places=there, hit=1), does)

    def _previewed(self, function: Callable[..., Any], made: Touch, does: str) -> Touch:
        """What a fault finds, where it may be asked."""
        known: Dictionary = {"does": does, "places": made.places, "hit": made.hit}
        if not is_fault(function):
            return self._made(**known, targets=(str(self.shown),))
        if not all_allowed(self.scopes, made.places):
            return self._made(**known, unknown="it is not looked for where nothing may be touched")
        try:
            with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):  # noqa: PTH123
                undo = preview(function, self.arguments)
        except Exception as error:  # noqa: BLE001 - a fault of somebody else may raise anything
            return self._made(**known, unknown=str(error) or type(error).__name__)
        known |= {"targets": (undo.target or str(self.shown),), **_undo_of(undo, self.base["undo"])}
        one = function.__module__.startswith("gameday.") or hits_one(function)
        return self._made(**known, uncounted="" if one else "it may break more than one")

    def _declared_undo(self) -> str:
        undo = self.call.activity.get("undo")
        provider = undo.get("provider") if isinstance(undo, dict) else None
        if not isinstance(provider, dict):
            return "none"
        if provider.get("type") == "process":
            return f"runs {self._command(provider, self.values.shown(provider.get('arguments') or {}))}"
        url = self.values.shown(str(provider.get("url") or ""))
        return str(url or f"calls {provider.get('module')}.{provider.get('func')}")

    def _command(self, provider: Dictionary, arguments: Any) -> str:
        path = str(self.values.shown(str(provider.get("path"))))
        if isinstance(arguments, dict):
            arguments = [part for pair in arguments.items() for part in pair]
        words = arguments.split() if isinstance(arguments, str) else [str(word) for word in arguments]
        return shlex.join([path, *words])


def _undo_of(undo: Undo, declared: str) -> Dictionary:
    """How the fault would be put back, from what its undo says of itself."""
    if undo.func is nothing_to_undo:
        return {"undo": declared}
    said = first_sentence(undo.func) or undo.func.__name__
    return {"undo": said.partition(": ")[2] or said}


def first_sentence(function: Callable[..., Any]) -> str:
    """What a function says of itself, in a sentence; empty when it says nothing."""
    paragraph = (inspect.getdoc(function) or "").partition("\n\n")[0]
    words = " ".join(paragraph.split())
    return words.partition(". ")[0].rstrip(".") + "." if words else ""


def _places_in(targets: Targets) -> tuple[Place, ...]:
    """Where the file says that something acts. Raises Unclear."""
    clouds = [Place(AWS, each.account, region) for each in targets.aws for region in each.regions]
    known = targets.kubernetes
    clusters = [Place(KUBERNETES, each.context, name) for each in known for name in each.namespaces]
    return (*map(places.host, targets.hosts), *clusters, *clouds)


if __name__ == "__main__":
    main()
