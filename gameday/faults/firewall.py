"""The rules of a partition: nftables in a table of its own, or tagged rules of iptables.

`inside` is what enters a network namespace, `name` what everything of one partition bears.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from gameday.errors import FaultError
from gameday.faults.host import Host

Network = IPv4Network | IPv6Network

PORTS_OF_A_RULE = 15  # iptables takes no more


@dataclass(frozen=True, slots=True)
class Cut:
    """What to stop: traffic with these networks, on these ports of either end, in these directions.

    `spared` is an address and a port of this host that stay open to each other: gameday's own way.
    """

    networks: list[Network]
    ports: list[int]
    directions: tuple[str, ...]
    spared: tuple[str, int] | None


def firewall_of(here: Host) -> str:
    """The firewall to use: nft, or else iptables."""
    for tool in ("nft", "iptables"):
        if here.has(tool, "--version"):
            return tool
    raise FaultError(f"neither nft nor iptables is installed on {here.name}: apt install nftables")


def lay_nft(here: Host, inside: list[str], name: str, cut: Cut) -> int:
    """Lay the rules in a table of their own, all at once; returns how many drop."""
    chains = [list(nft_chain(way, cut)) for way in cut.directions]
    lines = [f"table inet {name} {{", *(line for chain in chains for line in chain), "}"]
    here.do([*inside, "nft", "-f", "-"], "\n".join([*lines, ""]))
    return sum(line.endswith("drop") for line in lines)


def nft_chain(way: str, cut: Cut) -> Iterator[str]:
    """One direction's chain. Whatever other tables accept, a drop is final."""
    far, near_port, hook = ("daddr", "sport", "output") if way == "out" else ("saddr", "dport", "input")
    yield f"chain {way} {{ type filter hook {hook} priority filter; policy accept;"
    if cut.spared is not None:
        yield f"{family(cut.spared[0])} {far} {cut.spared[0]} tcp {near_port} {cut.spared[1]} accept"
    numbers = ", ".join(map(str, cut.ports))
    on_ports = [f"meta l4proto {{ tcp, udp, sctp }} th {end} {{ {numbers} }} " for end in ("sport", "dport")]
    for network in cut.networks:
        for on_port in on_ports if cut.ports else [""]:
            yield f"{family(network)} {far} {network} {on_port}counter drop"
    yield "}"


def family(address: object) -> str:
    """The word of nft for an address's family."""
    return "ip6" if ":" in str(address) else "ip"


def lay_iptables(here: Host, inside: list[str], name: str, cut: Cut) -> int:
    """Lay tagged rules before all others; returns how many drop."""
    drops = [rule for way in cut.directions for rule in iptables_rules(way, cut)]
    # each goes before the last: what is spared comes first in the end
    for tool, rule in [*drops, *(spare(way, cut.spared) for way in cut.directions if cut.spared)]:
        chain, *rest = rule
        tag = ["-m", "comment", "--comment", name]
        here.do([*inside, tool, "-w", "5", "-I", chain, "1", *rest[:-2], *tag, *rest[-2:]])
    return len(drops)


def iptables_rules(way: str, cut: Cut) -> Iterator[tuple[str, list[str]]]:
    """One direction's rules: the tool, then chain, matches and target."""
    chain, far = ("OUTPUT", "-d") if way == "out" else ("INPUT", "-s")
    some = [cut.ports[at : at + PORTS_OF_A_RULE] for at in range(0, len(cut.ports), PORTS_OF_A_RULE)]
    on_ports = [
        ["-p", protocol, "-m", "multiport", "--ports", ",".join(map(str, ports))]
        for ports in some
        for protocol in ("tcp", "udp", "sctp")
    ]
    for network in cut.networks:
        for on_port in on_ports or [[]]:
            yield iptables_for(network), [chain, far, str(network), *on_port, "-j", "DROP"]


def spare(way: str, spared: tuple[str, int]) -> tuple[str, list[str]]:
    """The rule that keeps gameday's own way open."""
    chain, far, near_port = ("OUTPUT", "-d", "--sport") if way == "out" else ("INPUT", "-s", "--dport")
    address, port = spared
    return iptables_for(address), [chain, far, address, "-p", "tcp", near_port, str(port), "-j", "ACCEPT"]


def iptables_for(address: object) -> str:
    """The iptables of an address's family."""
    return "ip6tables" if ":" in str(address) else "iptables"


def lay(here: Host, inside: list[str], firewall: str, name: str, cut: Cut) -> int:
    """Lay the rules; returns how many of them drop."""
    return (lay_nft if firewall == "nft" else lay_iptables)(here, inside, name, cut)


def is_laid(here: Host, inside: list[str], firewall: str, name: str) -> bool:
    """Whether anything of that name is in the firewall."""
    return has_table(here, inside, name) if firewall == "nft" else bool(tagged(here, inside, name))


def lift(here: Host, inside: list[str], firewall: str, name: str) -> None:
    """Remove what bears the name, and nothing else."""
    if firewall == "iptables":
        for tool, rule in tagged(here, inside, name):
            here.do([*inside, tool, "-w", "5", "-D", *rule])
    elif has_table(here, inside, name):
        here.do([*inside, "nft", "delete", "table", "inet", name])


def has_table(here: Host, inside: list[str], name: str) -> bool:
    """Whether nftables has a table of that name."""
    return f"table inet {name}" in here.do([*inside, "nft", "list", "tables"]).splitlines()


def tagged(here: Host, inside: list[str], name: str) -> list[tuple[str, list[str]]]:
    """The rules of iptables that bear the tag, with their tool, ready to be deleted."""
    found = []
    for tool in ("iptables", "ip6tables"):
        if tool == "ip6tables" and here.run([*inside, "test", "-e", "/proc/net/if_inet6"]).code != 0:
            continue  # a kernel without IPv6
        for line in here.do([*inside, tool, "-w", "5", "-S"]).splitlines():
            words = shlex.split(line)
            if name in words and words[0] == "-A":
                found.append((tool, words[1:]))
    return found


def dropped_packets(here: Host, inside: list[str], name: str, firewall: str) -> list[int]:
    """For each dropping rule that the kernel lists, how many packets it has dropped."""
    if firewall == "nft":
        text = here.do([*inside, "nft", "list", "table", "inet", name])
        return [int(packets) for packets in re.findall(r"counter packets (\d+) bytes \d+ drop", text)]
    tools = {tool for tool, _ in tagged(here, inside, name)}
    lines = [line for tool in tools for line in here.do([*inside, tool, "-w", "5", "-v", "-S"]).splitlines()]
    rules = [line for line in lines if name in shlex.split(line) and line.endswith("-j DROP")]
    return [int(packets) for line in rules for packets in re.findall(r" -c (\d+) \d+ ", line)]
