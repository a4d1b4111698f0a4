"""Look at what an experiment would touch, in a process of its own: it imports other people's code.

`python -m gameday.guardrails.look` reads `{"document", "variables", "scopes"}` on standard input and prints a
JSON list: the touches, in the order of the file. Nothing is changed: a fault runs as far as its first
`yield`, clusters and clouds are only asked; and neither is done where a scope does not allow it.
"""

from __future__ import annotations

import inspect
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from gameday import asking, hosts
from gameday.environment import of_child
from gameday.errors import GamedayError
from gameday.experiment.calls import CONTROLS, PROBES, UNDO, Call, calls
from gameday.experiment.load import Experiment
from gameday.experiment.rules import Targets
from gameday.guardrails import finders, places
from gameday.guardrails.finders import Asked, Finder
from gameday.guardrails.observers import observers
from gameday.guardrails.patience import Patience
from gameday.guardrails.touch import Touch
from gameday.guardrails.values import Values
from gameday.places import Aim, Place, places_in
from gameday.processes import import_from_here, python
from gameday.scopes import Scope, all_allow

LIMIT_S = 60.0
ANSWERS_WITHIN_S, ALL_ANSWER_WITHIN_S = 25.0, 50.0  # those who know a call's targets
NO_UNDO = "none"
Dictionary = dict[str, Any]


def touches(experiment: Experiment, scopes: Sequence[Scope] = ()) -> list[Touch]:
    """What all that the experiment calls, its probes, load and ledger would touch; nothing is changed.

    scopes: where something is looked up only if each of them allows it. Raises GamedayError when it cannot be
    found out at all.
    """
    orders = {
        "document": experiment.document,
        "variables": experiment.variables,
        "scopes": [scope.as_json() for scope in scopes],
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
            env=of_child(),
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
    # what other people's modules, and what these start, print must not mix with the answer
    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    import_from_here()
    scopes = [Scope.model_validate(scope) for scope in orders["scopes"]]
    found = list(look(orders["document"], orders["variables"], scopes))
    with open(answer, "w") as out:  # noqa: PTH123 - a descriptor
        out.write(json.dumps([touch.as_json() for touch in found]))


def look(document: Dictionary, variables: Dictionary, scopes: Sequence[Scope] = ()) -> Iterator[Touch]:
    """A touch for everything that is called."""
    from chaoslib.configuration import load_configuration
    from chaoslib.secret import load_secrets

    configuration = load_configuration(document.get("configuration") or {}, variables)
    known = {key: value for key, value in configuration.items() if not isinstance(value, dict)}
    values = Values(known, load_secrets(document.get("secrets") or {}, configuration))
    if _names_a_vault(document.get("secrets")):
        yield _vault(str(known.get("vault_addr") or os.environ.get("VAULT_ADDR") or "http://localhost:8200"))
    patience = Patience(ANSWERS_WITHIN_S, ALL_ANSWER_WITHIN_S)
    for call in calls(document):
        yield from Look(call, values, scopes, patience).touches()


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

    def __init__(self, call: Call, values: Values, scopes: Sequence[Scope], patience: Patience) -> None:
        self.call = call
        self.provider = call.provider
        self.values = values
        self.scopes = scopes
        self.patience = patience
        # what people read has no secrets in it
        self.shown = values.shown(self.provider.get("arguments") or {})
        self.base: Dictionary = {
            "step": call.step,
            "part": call.part,
            "index": call.index,
            "role": call.activity.get("role"),
            "undo": self._declared_undo(),
        }

    def touches(self) -> Iterator[Touch]:
        """What it would touch, and the command that its undo would run."""
        yield self.touch()
        if words := self._runs():
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
            said = declared.named() if declared else ()
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

    def _asks(self) -> Touch:
        """A question to people touches nothing."""
        told = self.shown if isinstance(self.shown, dict) else {}
        within = told.get("within", asking.USUAL_WAIT)
        return self._made(does=f"asks people, within {within}: {told.get('what', '')}", is_declarable=False)

    def _python(self, module: str, func: str) -> Touch:
        if module == asking.__name__:
            return self._asks()
        does = f"calls {module}.{func}"
        try:
            function = finders.function_of(self.provider)
        except Exception as error:  # noqa: BLE001 - whatever other people's modules raise
            return self._made(does=does, unknown=str(error))
        does = first_sentence(function) or does
        own = finders.of_function(function)
        try:
            finder = own or finders.of_module(module)
        except GamedayError as error:
            return self._made(does=does, unknown=str(error), is_declarable=False)
        if finder is None:
            return self._made(does=does, unknown=f"what {module}.{func} touches is not known")
        if own is None and (why := self.values.comes_later(self.provider.get("arguments"))):
            return self._made(does=does, unknown=why, is_declarable=False)
        return self._aimed(finder, Asked.of(function, self.provider, self.values), does, own is not None)

    def _aimed(self, finder: Finder, asked: Asked, does: str, is_declarable: bool) -> Touch:
        """What a finder knows: where, and what is there where it may be asked."""
        known: Dictionary = {"does": does, "is_declarable": is_declarable}
        try:
            there = places_in(self.patience.answer(finder.where, asked))
            if not there:
                name = f"{self.provider.get('module')}.{self.provider.get('func')}"
                return self._made(**known, unknown=f"on which host {name} acts is not known")
            known |= {"places": there, "hit": 1}
            if not all_allow(self.scopes, there):
                return self._made(**known, unknown="it is not looked for where nothing may be touched")
            aim = self.patience.answer(finder.aim, asked, there)
            must_be_an_aim(aim, there)
        except GamedayError as error:
            if is_declarable and self.base["undo"] == NO_UNDO:
                known |= {"undo": "not known"}
            return self._made(**known, unknown=str(error))
        known |= {"targets": aim.targets, "hit": aim.count, "found": aim.found}
        undo = self.base["undo"] if aim.undo is None else in_words(aim.undo)
        return self._made(**known, undo=undo, uncounted=str(aim.uncounted))

    def _runs(self) -> str:
        """The command that the undo of a fault would run, or that a function of gameday does."""
        finder: Any = finders.of_provider(self.provider)
        if finder is None:
            return ""
        asked = Asked.of(finders.function_of(self.provider), self.provider, self.values)
        try:
            return str(self.patience.answer(finder.runs, asked))
        except GamedayError as error:
            return f"a command: {error}"

    def _declared_undo(self) -> str:
        undo = self.call.activity.get("undo")
        provider = undo.get("provider") if isinstance(undo, dict) else None
        if not isinstance(provider, dict):
            return NO_UNDO
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


def must_be_an_aim(aim: Any, places: tuple[Place, ...]) -> None:
    """Raise GamedayError for what is no aim at these places."""
    if not isinstance(aim, Aim):
        raise GamedayError(f"what it hits is said by an Aim, not by {aim!r:.100}")
    if outside := aim.outside(places):
        raise GamedayError(f"it aims at {outside}, where it does not say that it acts")


def in_words(undo: Callable[..., Any]) -> str:
    """How a fault would be put back, from what its undo says of itself."""
    said = first_sentence(undo) or getattr(undo, "__name__", "something")
    return said.partition(": ")[2] or said


def first_sentence(function: Callable[..., Any]) -> str:
    """What a function says of itself, in a sentence; empty when it says nothing."""
    paragraph = (inspect.getdoc(function) or "").partition("\n\n")[0]
    words = " ".join(paragraph.split())
    return words.partition(". ")[0].rstrip(".") + "." if words else ""


if __name__ == "__main__":
    main()
