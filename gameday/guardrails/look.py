"""Look at what an experiment would touch, in a process of its own: it imports other people's code.

`python -m gameday.guardrails.look` reads `{"document", "variables"}` on standard input and prints a JSON
list: the touches, in the order of the file. Nothing is changed: a fault runs as far as its first
`yield`, clusters and clouds are only asked.
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
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from gameday.errors import FaultError, GamedayError
from gameday.experiment import Experiment
from gameday.experiment.activities import walk
from gameday.experiment.rules import Targets
from gameday.faults.protocol import Undo, is_fault, nothing_to_undo, preview
from gameday.guardrails.touch import AWS, HOST, KUBERNETES, Place, Touch
from gameday.processes import import_from_here, python

LOCAL = Place(HOST, "localhost")
LIMIT_S = 60.0
Dictionary = dict[str, Any]


def touches(experiment: Experiment) -> list[Touch]:
    """What every action of the experiment, its load and its ledger would touch; nothing is changed.

    Raises GamedayError when it cannot be found out at all.
    """
    orders = {"document": experiment.document, "variables": experiment.variables}
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
    return [*_observers(experiment), *found]


def _observers(experiment: Experiment) -> Iterator[Touch]:
    """The load and the ledger: they break nothing, but they do touch a system."""
    load, ledger = experiment.blocks.load, experiment.blocks.ledger
    if load is not None:
        yield Touch(
            "load", "load", 0, does=f"{load.users} users on {load.host}", places=(_place_of_url(load.host),)
        )
    if ledger is not None:
        addresses = [ledger.http.url if ledger.http else None, ledger.redis]
        places = tuple(_place_of_url(address) for address in addresses if address)
        if ledger.postgresql:
            places = (_place_of_dsn(ledger.postgresql),)
        unknown = "" if places else f"where the store '{ledger.store}' writes is not known"
        yield Touch("ledger", "ledger", 0, does=f"{ledger.rate:g} writes/s", places=places, unknown=unknown)


def _place_of_url(url: str) -> Place:
    return host_named(urlsplit(url).hostname)


def _place_of_dsn(dsn: str) -> Place:
    from psycopg.conninfo import conninfo_to_dict

    options = conninfo_to_dict(dsn)
    name = options.get("host") or options.get("hostaddr") or options.get("service")
    return host_named(None if str(name).startswith("/") else name)


def host_named(name: Any) -> Place:
    """A host; nothing, or any name of loopback, is `localhost`."""
    name = str(name) if name else "localhost"
    return LOCAL if name in ("localhost", "::1") or name.startswith("127.") else Place(HOST, name)


def main() -> None:
    """Look, and print."""
    orders = json.loads(sys.stdin.read())
    answer = sys.stdout
    # what other people's modules print must not mix with the answer
    sys.stdout = sys.stderr
    import_from_here()
    found = list(look(orders["document"], orders["variables"]))
    answer.write(json.dumps([touch.as_json() for touch in found]))


def look(document: Dictionary, variables: Dictionary) -> Iterator[Touch]:
    """A touch for every action of the method and the rollbacks."""
    from chaoslib.configuration import load_configuration
    from chaoslib.secret import load_secrets

    configuration = load_configuration(document.get("configuration") or {}, variables)
    known = {key: value for key, value in configuration.items() if not isinstance(value, dict)}
    secrets = load_secrets(document.get("secrets") or {}, configuration)
    named = {activity.get("name"): activity for _, activity in walk(document)}
    for path, activity in walk(document):
        activity = named.get(activity.get("ref"), activity)  # noqa: PLW2901 - what the reference means
        if activity.get("type") == "action":
            yield _Look(activity, str(path[0]), int(path[-1]), known, secrets).touch()


class _Look:
    """One activity, with the configuration and the secrets filled in."""

    def __init__(
        self, activity: Dictionary, part: str, index: int, configuration: Dictionary, secrets: Dictionary
    ) -> None:
        from chaoslib import substitute

        self.activity = activity
        provider = activity.get("provider") or {}
        self.provider = provider
        self.configuration = configuration
        flat = {
            key: value
            for target in secrets.values()
            if isinstance(target, dict)
            for key, value in target.items()
        }
        wanted = provider.get("secrets") or []
        self.secrets = {key: value for name in wanted for key, value in (secrets.get(name) or {}).items()}
        # what people read has no secrets in it, what is asked has
        self.shown = substitute(provider.get("arguments") or {}, configuration, {})
        self.arguments = substitute(provider.get("arguments") or {}, configuration, flat)
        self.url = substitute(str(provider.get("url", "")), configuration, {})
        self.base: Dictionary = {
            "step": str(activity.get("name", "")),
            "part": part,
            "index": index,
            "role": activity.get("role"),
            "undo": self._declared_undo(),
        }

    def touch(self) -> Touch:
        """What it would touch."""
        kind = self.provider.get("type")
        if kind == "python":
            return self._python(str(self.provider.get("module")), str(self.provider.get("func")))
        if kind == "http":
            does = f"{self.provider.get('method', 'GET')} {self.url}"
            return self._made(does=does, places=(_place_of_url(self.url),), targets=(self.url,), hit=1)
        does = f"runs {self._command(self.provider, self.shown)}"
        return self._made(does=does, unknown="what a command touches is not known")

    def _made(self, **more: Any) -> Touch:
        """The touch, with what the file declares in place of what nobody can find out."""
        declared = self.activity.get("targets")
        if declared is not None:
            targets = Targets.model_validate(declared)
            places = (*(host_named(name) for name in targets.hosts), *_cloud_places(targets))
            more |= {"places": places, "hit": targets.count, "found": targets.of, "unknown": ""}
        return Touch(**{**self.base, **more})

    def _python(self, module: str, func: str) -> Touch:
        try:
            function: Callable[..., Any] = getattr(importlib.import_module(module), func)
        except (ImportError, AttributeError) as error:
            return self._made(does=f"calls {module}.{func}", unknown=str(error))
        does = first_sentence(function) or f"calls {module}.{func}"
        if is_fault(function):
            return self._fault(function, does)
        finder = {"chaosk8s": KUBERNETES, "chaosaws": AWS}.get(module.partition(".")[0])
        if finder is None or self.activity.get("targets") is not None:
            return self._made(does=does, unknown=f"what {module}.{func} touches is not known")
        asked = importlib.import_module(f"gameday.guardrails.{finder}")
        try:
            return self._made(
                does=does, **asked.find(function, self.arguments, self.configuration, self.secrets)
            )
        except Exception as error:  # noqa: BLE001 - whatever the API said, the targets are not known
            said = " ".join(str(error).split())[:200]
            return self._made(does=does, unknown=f"{type(error).__name__}: {said}")

    def _fault(self, function: Callable[..., Any], does: str) -> Touch:
        place = self._place_of_fault()
        try:
            with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):  # noqa: PTH123
                undo = preview(function, self.arguments)
        except (FaultError, TypeError, OSError) as error:
            return self._made(does=does, places=(place,), unknown=str(error))
        targets = (undo.target or str(self.shown),)
        return self._made(
            does=does, places=(place,), targets=targets, hit=1, **_undo_of(undo, self.base["undo"])
        )

    def _place_of_fault(self) -> Place:
        if self.arguments.get("host"):
            from gameday.faults.ssh import Ssh

            with contextlib.suppress(FaultError):
                return host_named(Ssh.parse(str(self.arguments["host"])).name)
        return _place_of_dsn(str(self.arguments["dsn"])) if "dsn" in self.arguments else LOCAL

    def _declared_undo(self) -> str:
        undo = self.activity.get("undo")
        provider = undo.get("provider") if isinstance(undo, dict) else None
        if not isinstance(provider, dict):
            return "none"
        from chaoslib import substitute

        arguments = substitute(provider.get("arguments") or {}, self.configuration, {})
        if provider.get("type") == "process":
            return f"runs {self._command(provider, arguments)}"
        return str(provider.get("url") or f"calls {provider.get('module')}.{provider.get('func')}")

    def _command(self, provider: Dictionary, arguments: Any) -> str:
        from chaoslib import substitute

        path = substitute(str(provider.get("path")), self.configuration, {})
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


def _cloud_places(targets: Targets) -> Iterator[Place]:
    for scope in targets.kubernetes:
        yield from (Place(KUBERNETES, scope.context, namespace) for namespace in scope.namespaces)
    for account in targets.aws:
        yield from (Place(AWS, account.account, region) for region in account.regions)


if __name__ == "__main__":
    main()
