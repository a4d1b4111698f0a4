"""The places that a call names itself: the web address, and the hosts among a fault's arguments.

Before a run with what is known then, and again at the moment of the call, when everything is.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from string import Template
from typing import Any

from gameday import hosts
from gameday.errors import FaultError
from gameday.experiment.observers import Probe
from gameday.experiment.plain import texts
from gameday.faults import network
from gameday.faults.protocol import is_fault
from gameday.guardrails.touch import HOST, Place

Dictionary = dict[str, Any]
Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Values:
    """What is filled in for `${name}`: the configuration, and the secrets, of which no text may be shown."""

    configuration: Dictionary
    secrets: Dictionary = field(default_factory=dict, repr=False)

    def filled_in(self, value: Any) -> Any:
        """A value with everything filled in, as Chaos Toolkit does it. Not for people."""
        from chaoslib import substitute

        return substitute(value, self.configuration, self._groups)

    def shown(self, value: Any) -> Any:
        """A value without secrets, for people."""
        from chaoslib import substitute

        return substitute(value, self.configuration, {})

    def unknown_in(self, value: Any) -> list[str]:
        """The names in a value that nothing is known for yet."""
        known = {*self.configuration, *(name for group in self._groups.values() for name in group)}
        return [name for text in texts(value) for name in _names(text) if name not in known]

    @property
    def _groups(self) -> dict[str, Dictionary]:
        """The secrets that Chaos Toolkit fills in: those in a group."""
        return {name: group for name, group in self.secrets.items() if isinstance(group, dict)}


def _names(text: str) -> list[str]:
    try:
        return Template(text).get_identifiers()
    except ValueError:
        return []


def host(name: str) -> Place:
    """A host as a place. Raises Unclear."""
    return Place(HOST, hosts.of_name(name))


LOCAL = Place(HOST, hosts.LOCALHOST)


def of_hosts(names: Iterable[str]) -> tuple[Place, ...]:
    """Hosts that are read already."""
    return tuple(Place(HOST, name) for name in names)


def of_url(provider: Dictionary, values: Values) -> tuple[Place, ...]:
    """Where an HTTP call goes. Raises Unclear."""
    written = provider.get("url")
    return of_hosts([_known(written, values, hosts.of_url)])


def of_function(function: Function, arguments: Dictionary, values: Values) -> tuple[Place, ...]:
    """Where a fault acts, or another function of gameday; none for somebody else's that names no host.

    Raises Unclear when a host that is named cannot be read.
    """
    found: list[str] = []
    for key, written in _with_defaults(function, arguments).items():
        last = key.rpartition("_")[2]
        if written in (None, "") or last not in READ:
            continue
        found += _listed(_known(written, values, READ[last]))
    found += _tried_by(function, values.filled_in(arguments))
    if not found and function.__module__.startswith("gameday."):
        return (LOCAL,)
    return of_hosts(dict.fromkeys(found))


def _with_defaults(function: Function, arguments: Dictionary) -> Dictionary:
    try:
        given = inspect.signature(function).bind_partial(**arguments)
    except TypeError:  # the call itself will say what is wrong
        return arguments
    given.apply_defaults()
    return dict(given.arguments)


def _known(written: Any, values: Values, read: Callable[[str], Any]) -> Any:
    """What an address says, once it is known. A part that comes later may matter: then it is Unclear."""
    try:
        said = read(str(values.filled_in(written)))
    except (hosts.Unclear, FaultError) as error:
        if later := values.unknown_in(written):
            raise hosts.Unclear(_comes_later(later)) from None
        raise hosts.Unclear(str(error)) from None
    if read is not hosts.of_url and (later := values.unknown_in(written)):
        raise hosts.Unclear(_comes_later(later))
    return said


def _comes_later(names: list[str]) -> str:
    return f"${{{names[0]}}} is known only when it is called"


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _of_ssh(text: str) -> str:
    from gameday.faults.ssh import Ssh

    return hosts.of_name(Ssh.parse(text).name) if "://" in text else hosts.of_name(text)


READ: dict[str, Callable[[str], Any]] = {"host": _of_ssh, "dsn": hosts.of_dsn, "url": hosts.of_url}


def _tried_by(function: Function, arguments: Dictionary) -> list[str]:
    """The address that a partition tries to connect to, to see that it no longer can."""
    if inspect.unwrap(function) is not inspect.unwrap(network.partition) or not arguments.get("ports"):
        return []
    with contextlib.suppress(FaultError, TypeError, ValueError):  # the fault itself says what is wrong
        first = network.networks_of(arguments["to"], arguments["ports"], bool(arguments.get("everything")))[0]
        if first.num_addresses == 1:
            return [hosts.of_name(str(first[0]))]
    return []


def function_of(provider: Dictionary) -> Function:
    """The function that a Python provider calls. Raises ImportError or AttributeError."""
    function: Function = getattr(
        importlib.import_module(str(provider.get("module"))), str(provider.get("func"))
    )
    return function


def names_its_places(provider: Dictionary) -> bool:
    """Whether a Python provider calls a fault, or another function of gameday."""
    if str(provider.get("module")).startswith("gameday."):
        return True
    try:
        return is_fault(function_of(provider))
    except Exception:  # noqa: BLE001 - whatever its import does, the call will say it
        return False


def of_probe(probe: Probe) -> tuple[Place, ...]:
    """Where the probe of an SLI goes. Raises Unclear."""
    if probe.http is not None:
        return of_hosts([hosts.of_url(probe.http)])
    if probe.tcp is not None:
        return of_hosts([hosts.of_host_and_port(probe.tcp)])
    return of_hosts(hosts.of_dsn(str(probe.sql)))
