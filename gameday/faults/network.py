"""Break a network: cut a host off from addresses, delay or lose its packets.

Each fault touches the traffic of one host itself, or of one network namespace (`namespace`, as
`ip netns list` shows it), and not what a host forwards for its containers: name their namespace. What it
lays down bears a name of its own, so that its undo removes that and nothing else. `host` is where: nothing
for this host, or `ssh://root@db1:22`; a partition there always spares the SSH port that gameday came by,
for the addresses it came from.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import socket
import threading
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from pathlib import Path
from typing import Any

from gameday import hosts
from gameday.errors import FaultError
from gameday.faults.firewall import Cut, Network, dropped_packets, firewall_of, is_laid, lay, lift
from gameday.faults.host import Host, Local, at, token
from gameday.faults.protocol import Steps, Undo, fault, landed
from gameday.faults.where import on_host
from gameday.places import Aim, Place

__all__ = ["latency", "loss", "partition"]

DIRECTIONS = {"out": ("out",), "in": ("in",), "both": ("out", "in")}
WIDEST = {4: 8, 6: 16}  # prefix lengths: anything wider is a partition from everything
CONNECTS_WITHIN_S = 0.5
NEW_NETWORK_NAMESPACE = 0x40000000  # CLONE_NEWNET
NETNS = "/run/netns"
QUEUE_PACKETS = 100_000  # netem's own 1000 would lose packets at a delay of 100 ms and 10,000 packets/s
MOST_LOSS_BY_SSH_PERCENT = 50


def around(
    to: list[str], ports: list[int] | None = None, everything: bool = False, host: str | None = None
) -> tuple[Place, ...]:
    """Where a partition acts, and the address that it tries, from this host only, to connect to."""
    first = networks_of(to, ports, everything)[0]
    is_tried = host is None and ports and first.num_addresses == 1
    return (on_host(host), *([hosts.place(str(first[0]))] if is_tried else []))


@fault(where=around)
def partition(
    to: list[str],
    ports: list[int] | None = None,
    direction: str = "both",
    everything: bool = False,
    *,
    namespace: str | None = None,
    host: str | None = None,
) -> Steps:
    """Cut a host off from addresses: packets vanish, as if a cable were pulled.

    to: IPv4 and IPv6 addresses or networks. ports: only TCP, UDP and SCTP traffic that has one of these
    ports at either end. direction: out, in or both, seen from the host. everything: permits what would cut
    loopback wholesale, or more than a /8 (IPv6: /16). namespace, host: where. By nftables in a table of its
    own, by tagged iptables rules where there is no nft. Undo: that table, those rules, go. Landed: the
    kernel lists every rule and, if something accepted TCP connections on the first address and port
    before, none comes about any more.
    """
    cut_from = networks_of(to, ports, everything)
    if direction not in DIRECTIONS:
        raise FaultError(f"direction is out, in or both, not '{direction}'")
    with at(host) as here:
        inside = entrance(here, namespace)
        name = f"gameday_{token()}"
        cut = Cut(cut_from, ports_of(ports), DIRECTIONS[direction], here.administrator())
        firewall = firewall_of(here)
        is_laid(here, inside, firewall, name)  # whoever may not list rules could not undo: fail before acting
        connected = connects(here, cut, namespace)
        yield Aim(around(to, ports, everything, host), (network_of(namespace),), undo=heal)
        rules: dict[str, Any] = {"name": name, "firewall": firewall}
        yield Undo(heal, verify=is_healed, **rules, namespace=namespace, host=host)
        expected = lay(here, inside, firewall, name, cut)
        still_connects = connected and connects(here, cut, namespace)
        dropped = dropped_packets(here, inside, name, firewall)
    seen = "; a port that answered no longer does" if connected and not still_connects else ""
    proof = f"{len(dropped)} of {expected} rules by {firewall}, {sum(dropped)} packets dropped{seen}"
    return landed(len(dropped) == expected and not still_connects, proof)


def heal(name: str, firewall: str, namespace: str | None, host: str | None = None) -> str:
    """Undo of `partition`: remove its table, or its tagged rules."""
    with at(host) as here:
        if is_gone(here, namespace):
            return f"the namespace {namespace} is gone, and its rules with it"
        lift(here, entrance(here, namespace), firewall, name)
    return f"{name} is gone"


def is_healed(name: str, firewall: str, namespace: str | None, host: str | None = None) -> bool:
    """Whether nothing of that name is left in the firewall."""
    with at(host) as here:
        return is_gone(here, namespace) or not is_laid(here, entrance(here, namespace), firewall, name)


@fault(where=on_host)
def latency(
    interface: str,
    delay_ms: float,
    jitter_ms: float = 0,
    to: list[str] | None = None,
    *,
    namespace: str | None = None,
    host: str | None = None,
) -> Steps:
    """Delay what an interface sends.

    interface: such as eth0. delay_ms: by how much. jitter_ms: give or take. to: only what goes to these
    addresses or networks. namespace, host: where. Undo: the queueing discipline goes. Landed: the kernel
    lists it.
    """
    if not 0 <= jitter_ms <= delay_ms <= 60_000 or delay_ms == 0:
        raise FaultError(f"0 <= jitter_ms <= delay_ms <= 60000, not {jitter_ms:g} and {delay_ms:g}")
    netem = ["delay", f"{delay_ms:g}ms", f"{jitter_ms:g}ms"]
    return (yield from impair(netem, interface, to, namespace, host))


@fault(where=on_host)
def loss(
    interface: str,
    percent: float,
    to: list[str] | None = None,
    *,
    namespace: str | None = None,
    host: str | None = None,
) -> Steps:
    """Lose a share of the packets that an interface sends.

    interface: such as eth0. percent: how many of them. to: only what goes to these addresses or networks.
    namespace, host: where; on another host more than 50 % is refused, since the undo has to get through.
    Undo: the queueing discipline goes. Landed: the kernel lists it.
    """
    if not 0 < percent <= 100:
        raise FaultError(f"percent is more than 0 and at most 100, not {percent:g}")
    if host is not None and namespace is None and percent > MOST_LOSS_BY_SSH_PERCENT:
        raise FaultError(f"losing {percent:g} % would lose the way back to {host}; cut it with partition")
    return (yield from impair(["loss", f"{percent:g}%"], interface, to, namespace, host))


def impair(
    netem: list[str], interface: str, to: list[str] | None, namespace: str | None, host: str | None
) -> Steps:
    """Give an interface a queueing discipline that treats its packets so, owed first."""
    networks = networks_of(to, None, everything=True) if to is not None else None
    handle = f"{1 + int(token()[:4], 16) % 0x7FFF:x}"
    with at(host) as here:
        inside = entrance(here, namespace)
        refuse_unlike_default(here, inside, interface)
        yield Aim(on_host(host), (f"{interface} of {network_of(namespace)}",), undo=smooth)
        queue: dict[str, Any] = {"interface": interface, "handle": handle}
        yield Undo(smooth, verify=is_smooth, **queue, namespace=namespace, host=host)
        try:
            for command in shaping(interface, handle, netem, networks):
                here.do([*inside, "tc", *command])
        except FaultError as error:
            take_off(here, inside, interface, handle)
            if "kind is unknown" in str(error) or "No such file" in str(error):
                lacking = f"the kernel of {here.name} lacks sch_netem: modprobe sch_netem, or another kernel"
                raise FaultError(lacking) from None
            raise
        shown = qdiscs(here, inside, interface)
        is_there = handle in shown and "netem" in shown
    return landed(is_there, f"{interface} {'has' if is_there else 'lacks'} netem {' '.join(netem)}")


def smooth(interface: str, handle: str, namespace: str | None, host: str | None = None) -> str:
    """Undo of `latency` and `loss`: remove their queueing discipline; the kernel puts back its default."""
    with at(host) as here:
        if is_gone(here, namespace):
            return f"the namespace {namespace} is gone, and {interface} with it"
        take_off(here, entrance(here, namespace), interface, handle)
    return f"{interface} queues as before"


def is_smooth(interface: str, handle: str, namespace: str | None, host: str | None = None) -> bool:
    """Whether the queueing discipline is gone."""
    with at(host) as here:
        return is_gone(here, namespace) or not has_qdisc(here, entrance(here, namespace), interface, handle)


def networks_of(to: Sequence[str], ports: Sequence[int] | None, everything: bool) -> list[Network]:
    """The networks meant, without overlaps. Raises FaultError for one that is none, or that is too wide."""
    texts = [to] if isinstance(to, str) else list(to)
    if not texts:
        raise FaultError("`to` names no address")
    found: list[Network] = []
    for text in texts:
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            raise FaultError(
                f"'{text}' is not an address or network; write 10.0.0.7 or 10.0.0.0/24"
            ) from None
        if not everything:
            refuse_wide(network, ports)
        found.append(network)
    fours = collapse_addresses(network for network in found if isinstance(network, IPv4Network))
    sixes = collapse_addresses(network for network in found if isinstance(network, IPv6Network))
    return [*fours, *sixes]


def refuse_wide(network: Network, ports: Sequence[int] | None) -> None:
    """Raise FaultError for a network that would cut off nearly everything, or all of loopback."""
    if network.prefixlen < WIDEST[network.version]:
        raise FaultError(f"{network} is nearly everything; say `everything: true` if that is meant")
    if network.is_loopback and not ports:
        raise FaultError(f"{network} without ports cuts loopback; name the ports, or say `everything: true`")


def ports_of(ports: Sequence[int] | None) -> list[int]:
    """The ports. Raises FaultError for one that is none."""
    try:
        found = sorted({int(port) for port in ports or ()})
    except (TypeError, ValueError):
        raise FaultError(f"ports are numbers, for example [5432], not {ports!r}") from None
    if any(not 1 <= port <= 65_535 for port in found):
        raise FaultError(f"ports are 1 to 65535, not {ports!r}")
    return found


def network_of(namespace: str | None) -> str:
    """Which network is meant, for people."""
    return f"the network of namespace {namespace}" if namespace else "the network of the host"


def entrance(here: Host, namespace: str | None) -> list[str]:
    """What to put before a command to run it in the namespace. Raises FaultError when there is none."""
    if namespace is None:
        return []
    if is_gone(here, namespace):
        raise FaultError(f"there is no network namespace '{namespace}' on {here.name}")
    return ["ip", "netns", "exec", namespace]


def is_gone(here: Host, namespace: str | None) -> bool:
    """Whether a namespace that was named is not there."""
    if namespace is None:
        return False
    if not re.fullmatch(r"\w[\w.-]*", namespace):
        raise FaultError(f"'{namespace}' is not the name of a network namespace")
    return here.run(["test", "-e", f"{NETNS}/{namespace}"]).code != 0


def connects(here: Host, cut: Cut, namespace: str | None) -> bool:
    """Whether the first address and port take a TCP connection. Tried from this host only."""
    first = cut.networks[0]
    if not isinstance(here, Local) or not cut.ports or first.num_addresses > 1:
        return False
    answers: list[bool] = []

    def attempt() -> None:
        # a namespace entered is this thread's alone, and ends with it
        with contextlib.suppress(OSError):
            if namespace is not None:
                enter(namespace)
            with socket.create_connection((str(first[0]), cut.ports[0]), CONNECTS_WITHIN_S):
                answers.append(True)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(2 * CONNECTS_WITHIN_S)
    return bool(answers)


def enter(namespace: str) -> None:
    """Move this thread into a network namespace (os.setns comes with Python 3.12)."""
    descriptor = os.open(Path(NETNS) / namespace, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(descriptor, NEW_NETWORK_NAMESPACE) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter namespace {namespace}")
    finally:
        os.close(descriptor)


def shaping(interface: str, handle: str, netem: list[str], networks: list[Network] | None) -> list[list[str]]:
    """The tc commands. For some addresses only: a fourth band that nothing else uses, and filters into it."""
    impaired = ["netem", "limit", str(QUEUE_PACKETS), *netem]
    if networks is None:
        return [["qdisc", "add", "dev", interface, "root", "handle", f"{handle}:", *impaired]]
    on = ["dev", interface]
    filters = [filter_into(interface, handle, network) for network in networks]
    bands = ["qdisc", "add", *on, "root", "handle", f"{handle}:", "prio", "bands", "4"]
    return [bands, ["qdisc", "add", *on, "parent", f"{handle}:4", *impaired], *filters]


def filter_into(interface: str, handle: str, network: Network) -> list[str]:
    """The tc filter that sends what goes to a network into the fourth band."""
    protocol, match, priority = ("ipv6", "ip6", "2") if network.version == 6 else ("ip", "ip", "1")
    added = ["filter", "add", "dev", interface, "parent", f"{handle}:", "protocol", protocol]
    return [*added, "prio", priority, "u32", "match", match, "dst", str(network), "flowid", f"{handle}:4"]


def qdiscs(here: Host, inside: list[str], interface: str) -> str:
    """The queueing disciplines of an interface, as tc shows them."""
    return here.do([*inside, "tc", "qdisc", "show", "dev", interface])


def has_qdisc(here: Host, inside: list[str], interface: str, handle: str) -> bool:
    """Whether the interface, if it is still there, has the queueing discipline of that handle."""
    done = here.run([*inside, "tc", "qdisc", "show"])
    if done.code != 0:
        raise FaultError(f"tc failed on {here.name}: {done.err.strip() or done.code}")
    return any(
        re.match(rf"qdisc \w+ {handle}: dev {re.escape(interface)} ", line) for line in done.out.splitlines()
    )


def refuse_unlike_default(here: Host, inside: list[str], interface: str) -> None:
    """Raise FaultError when somebody gave the interface a discipline: it could not be put back."""
    shown = qdiscs(here, inside, interface)
    roots = [line for line in shown.splitlines() if " root " in f"{line} "]
    configured = [line for line in roots if " 0: " not in line]
    if configured:
        raise FaultError(f"{interface} on {here.name} has a discipline of its own: {configured[0].strip()}")


def take_off(here: Host, inside: list[str], interface: str, handle: str) -> None:
    """Remove the queueing discipline of that handle, if it is there."""
    if has_qdisc(here, inside, interface, handle):
        here.do([*inside, "tc", "qdisc", "del", "dev", interface, "root", "handle", f"{handle}:"])
