"""Break name resolution: a name leads somewhere else."""

from __future__ import annotations

import ipaddress
import re

from gameday.errors import FaultError
from gameday.faults.host import Host, at, token
from gameday.faults.protocol import Steps, Undo, fault, landed
from gameday.faults.where import on_host
from gameday.places import Aim

__all__ = ["override"]

SYSTEM = "/etc/hosts"
NAME = re.compile(r"(?!-)[A-Za-z0-9_.-]{1,253}(?<!-)")


@fault(where=on_host)
def override(name: str, address: str, hosts_file: str = SYSTEM, host: str | None = None) -> Steps:
    """Make a name resolve to another address: a tagged first line in a hosts file.

    name: the name. address: where it leads now; one that nobody has, such as 192.0.2.1, makes it dead.
    hosts_file: the file; that of a container or namespace may be elsewhere. host: where the file is.
    Processes that keep what they once resolved do not notice. Undo: that line, and nothing else, goes.
    Landed: the file says so and, for /etc/hosts, `getent` resolves the name to the address.
    """
    line = f"{checked_address(address)}\t{checked_name(name)}"
    with at(host) as here:
        hosts_file = here.absolute(hosts_file)
        refuse_second(content(here, hosts_file), name, hosts_file)
        tag = f"# gameday {token()}"
        yield Aim(on_host(host), (f"the name {name} in {hosts_file}",), undo=forget)
        yield Undo(forget, verify=is_forgotten, hosts_file=hosts_file, tag=tag, host=host)
        with here.locked(hosts_file):
            here.write(hosts_file, f"{line}\t{tag}\n{content(here, hosts_file)}")
        says_so = tag in content(here, hosts_file)
        if says_so and hosts_file == SYSTEM:
            found = (here.run(["getent", "ahosts", name]).out.split() or ["nothing"])[0]
            return landed(found == checked_address(address), f"{name} resolves to {found}")
    return landed(says_so, f"{hosts_file} {'begins with' if says_so else 'lacks'} {address} {name}")


def forget(hosts_file: str, tag: str, host: str | None = None) -> str:
    """Undo of `override`: remove the tagged line."""
    with at(host) as here, here.locked(hosts_file):
        lines = content(here, hosts_file).splitlines(keepends=True)
        kept = [line for line in lines if not line.rstrip().endswith(tag)]
        if kept == lines:
            return f"{hosts_file} has no line of gameday's any more"
        here.write(hosts_file, "".join(kept))
    return f"{hosts_file} is without gameday's line again"


def is_forgotten(hosts_file: str, tag: str, host: str | None = None) -> bool:
    """Whether the tagged line is gone."""
    with at(host) as here:
        return tag not in content(here, hosts_file)


def content(here: Host, hosts_file: str) -> str:
    """What the hosts file says."""
    text = here.read(hosts_file)
    if text is None:
        raise FaultError(f"there is no hosts file {hosts_file} on {here.name}")
    return text


def refuse_second(text: str, name: str, hosts_file: str) -> None:
    """Raise FaultError if the file knows the name already: a resolver would then return both addresses."""
    for number, line in enumerate(text.splitlines(), 1):
        if name.lower() in line.partition("#")[0].lower().split()[1:]:
            raise FaultError(f"{hosts_file}:{number}: '{name}' stands there already; remove it there first")


def checked_address(address: str) -> str:
    """An IP address. Raises FaultError when it is not one."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        raise FaultError(f"'{address}' is not an IP address; write for example 192.0.2.1") from None


def checked_name(name: str) -> str:
    """A host name. Raises FaultError when it is not one."""
    if not NAME.fullmatch(name):
        raise FaultError(f"'{name}' is not a host name; write for example db1.example.org")
    return name
