"""Partitions between two network namespaces of the test's own; the host's tables are never touched."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from gameday.errors import FaultError
from gameday.faults import network
from gameday.faults.host import Local
from gameday.faults.network import enter, latency, loss, networks_of, partition, shaping
from gameday.faults.undolog import UndoLog
from gameday.testing import check_fault
from tests.faults.parts import function, need, need_root, undo_twice

HERE, THERE, ELSEWHERE, THERE6 = "10.213.7.1", "10.213.7.2", "10.213.7.3", "fd13:7::2"
PORT, OTHER = 5432, 8080


@dataclass(frozen=True)
class Link:
    """A namespace with one interface, and the namespace at its other end, where something listens."""

    near: str
    far: str

    def connects(self, address: str, port: int = PORT, within_s: float = 0.3) -> bool:
        with contextlib.suppress(OSError), in_namespace(self.near, lambda: connect(address, port, within_s)):
            return True
        return False

    def connects_after_s(self, address: str) -> float:
        start_s = time.monotonic()
        assert self.connects(address, within_s=3)
        return time.monotonic() - start_s


def connect(address: str, port: int, within_s: float = 0.3) -> socket.socket:
    return socket.create_connection((address, port), within_s)


def listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family)


def in_namespace(name: str, work: Callable[[], Any]) -> Any:
    """What `work` returns inside a namespace, which a thread enters."""
    found: list[Any] = []

    def there() -> None:
        enter(name)
        try:
            found.append(work())
        except OSError as error:
            found.append(error)

    thread = threading.Thread(target=there)
    thread.start()
    thread.join(10)
    if isinstance(found[0], OSError):
        raise found[0]
    return found[0]


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


@pytest.fixture
def link() -> Iterator[Link]:
    need_root()
    need("ip")
    link = Link(f"gd-{uuid4().hex[:8]}", f"gd-{uuid4().hex[:8]}")
    servers: list[socket.socket] = []
    try:
        for name in (link.near, link.far):
            ip("netns", "add", name)
        ip("-n", link.near, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", link.far)
        for name in (link.near, link.far):
            for device in ("lo", "eth0"):
                ip("-n", name, "link", "set", device, "up")
        # after both ends are up: IPv6 takes a second to find a neighbour that was not there yet
        for name, addresses in [(link.near, [HERE, "fd13:7::1"]), (link.far, [THERE, ELSEWHERE, THERE6])]:
            for address in addresses:
                width, *more = ["/64", "nodad"] if ":" in address else ["/24"]
                ip("-n", name, "addr", "add", address + width, "dev", "eth0", *more)
        for address, port in [(THERE, PORT), (THERE, OTHER), (ELSEWHERE, PORT), (THERE6, PORT)]:
            servers.append(in_namespace(link.far, partial(listen, address, port)))
        assert Local().wait_until(lambda: link.connects(THERE6), 10)
        yield link
    finally:
        for server in servers:
            server.close()
        for name in (link.near, link.far):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=10, check=False)


@pytest.fixture(params=["nft", "iptables"])
def firewall(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    need(request.param)
    monkeypatch.setattr(network, "firewall_of", lambda _: request.param)
    return str(request.param)


def test_a_partition_cuts_both_families_until_its_undo(
    link: Link, firewall: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()

    def connects() -> tuple[bool, ...]:
        found = tuple(link.connects(address) for address in (THERE, THERE6, ELSEWHERE))
        seen.add(found)
        return found

    check_fault(partition, {"to": [THERE, THERE6], "namespace": link.near}, state=connects)
    assert seen == {(True, True, True), (False, False, True)}


def test_named_ports_alone_are_cut_and_a_connection_test_proves_it(
    link: Link, firewall: str, undo_log: UndoLog
) -> None:
    result = partition([THERE], ports=[PORT], namespace=link.near)
    assert result["landed"] and "a port that answered no longer does" in result["proof"]
    assert (link.connects(THERE), link.connects(THERE, OTHER)) == (False, True)
    undo_twice(undo_log.owed()[0])
    assert link.connects(THERE)


@pytest.mark.parametrize("direction", ["in", "out"])
def test_a_connection_that_stands_falls_silent_in_one_direction(
    link: Link, firewall: str, direction: str, undo_log: UndoLog
) -> None:
    server = in_namespace(link.far, lambda: listen(THERE, 9000))
    client = in_namespace(link.near, lambda: connect(THERE, 9000))
    peer, _ = server.accept()
    peer.settimeout(0.2)
    with server, client, peer:
        assert partition(["10.213.7.0/24"], direction=direction, namespace=link.near)["landed"]
        client.sendall(b"x")
        if direction == "out":
            with pytest.raises(TimeoutError):
                peer.recv(1)
        else:
            assert peer.recv(1) == b"x"
        assert "packets dropped" in undo_log.entries()[0].detail
        function(undo_log.owed()[0])()
        peer.settimeout(5)
        if direction == "out":
            assert peer.recv(1) == b"x"


def test_two_partitions_do_not_undo_each_other(link: Link, firewall: str, undo_log: UndoLog) -> None:
    partition([THERE], namespace=link.near)
    partition([ELSEWHERE], namespace=link.near)
    second, first = undo_log.owed()
    undo_twice(first)
    assert (link.connects(THERE), link.connects(ELSEWHERE)) == (True, False)
    undo_twice(second)


def test_rules_of_others_stay(link: Link, firewall: str, undo_log: UndoLog) -> None:
    def rules() -> str:
        lines = Local().do(["ip", "netns", "exec", link.near, "nft", "list", "ruleset"])
        return lines.replace("packets 0 bytes 0", "")

    if firewall == "nft":
        Local().do(["ip", "netns", "exec", link.near, "nft", "add", "table", "inet", "theirs"])
    else:
        theirs = ["iptables", "-A", "OUTPUT", "-d", "192.0.2.1", "-j", "DROP"]
        Local().do(["ip", "netns", "exec", link.near, *theirs])
    partition([THERE], namespace=link.near)
    undo_twice(undo_log.owed()[0])
    assert ("theirs" if firewall == "nft" else "192.0.2.1") in rules() and "gameday" not in rules()


def test_everything_is_cut_only_when_asked(link: Link, firewall: str, undo_log: UndoLog) -> None:
    result = partition(["0.0.0.0/0", "::/0"], everything=True, namespace=link.near)
    assert result["landed"] and not link.connects(ELSEWHERE) and not link.connects(THERE6)


def test_a_namespace_that_went_took_its_rules_along(link: Link, firewall: str, undo_log: UndoLog) -> None:
    partition([THERE], namespace=link.near)
    ip("netns", "del", link.near)
    (entry,) = undo_log.owed()
    assert "its rules with it" in function(entry)() and function(entry, "verify")()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"to": ["0.0.0.0/0"]}, "0.0.0.0/0 is nearly everything; say `everything: true`"),
        ({"to": ["128.0.0.0/1"]}, "is nearly everything"),
        ({"to": ["::/0"], "ports": [80]}, "is nearly everything"),
        ({"to": ["127.0.0.0/8"]}, "cuts loopback; name the ports"),
        ({"to": ["::1"]}, "cuts loopback; name the ports"),
        ({"to": ["db1.example"]}, "'db1.example' is not an address"),
        ({"to": []}, "names no address"),
        ({"to": ["192.0.2.1"], "ports": [0]}, "ports are 1 to 65535"),
        ({"to": ["192.0.2.1"], "ports": ["x"]}, "ports are numbers"),
        ({"to": ["192.0.2.1"], "direction": "sideways"}, "direction is out, in or both"),
        ({"to": ["192.0.2.1"], "namespace": "no-such"}, "there is no network namespace 'no-such'"),
        ({"to": ["192.0.2.1"], "namespace": "../x"}, "is not the name of a network namespace"),
    ],
)
def test_what_is_unclear_or_too_wide_is_refused_and_nothing_is_owed(
    arguments: dict[str, Any], message: str, undo_log: UndoLog
) -> None:
    with pytest.raises(FaultError, match=message):
        partition(**arguments)
    assert undo_log.entries() == []


def has_netem(link: Link) -> bool:
    tried = Local().run(["tc", "-n", link.far, "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"])
    return tried.code == 0


@pytest.mark.parametrize("to", [None, [THERE, THERE6]])
def test_a_kernel_without_netem_is_named_and_nothing_is_left(
    link: Link, to: list[str] | None, undo_log: UndoLog
) -> None:
    need("tc")
    if has_netem(link):
        pytest.skip("this kernel has netem")
    with pytest.raises(FaultError, match="lacks sch_netem"):
        latency("eth0", 50, to=to, namespace=link.near)
    (entry,) = undo_log.owed()
    assert function(entry, "verify")() is True
    assert "qdisc noqueue 0: root" in Local().do(["tc", "-n", link.near, "qdisc", "show", "dev", "eth0"])


@pytest.mark.parametrize("to", [None, [THERE, THERE6]])
def test_packets_are_late_until_the_undo(link: Link, to: list[str] | None, undo_log: UndoLog) -> None:
    need("tc")
    if not has_netem(link):
        pytest.skip("this kernel lacks sch_netem, and no package brings it")
    assert latency("eth0", 150, 1, to, namespace=link.near)["landed"]
    assert link.connects_after_s(THERE) > 0.14 and link.connects_after_s(THERE6) > 0.14
    assert (link.connects_after_s(ELSEWHERE) < 0.1) == bool(to)
    undo_twice(undo_log.owed()[0])
    assert link.connects_after_s(THERE) < 0.1
    assert loss("eth0", 100, namespace=link.near)["landed"]
    assert not link.connects(THERE)
    undo_twice(undo_log.owed()[0])


def test_for_some_addresses_a_band_of_their_own_is_shaped() -> None:
    bands, netem, four, six = shaping(
        "eth0", "6ad", ["delay", "9ms"], networks_of(["10.0.0.7", "fd00::/8"], None, True)
    )
    assert " ".join(bands) == "qdisc add dev eth0 root handle 6ad: prio bands 4"
    assert " ".join(netem) == "qdisc add dev eth0 parent 6ad:4 netem limit 100000 delay 9ms"
    assert " ".join(four).endswith("protocol ip prio 1 u32 match ip dst 10.0.0.7/32 flowid 6ad:4")
    assert " ".join(six).endswith("protocol ipv6 prio 2 u32 match ip6 dst fd00::/8 flowid 6ad:4")


def test_a_discipline_that_somebody_configured_is_left_alone(link: Link, undo_log: UndoLog) -> None:
    need("tc")
    tc = ["tc", "-n", link.near, "qdisc"]
    Local().do([*tc, "add", "dev", "eth0", "root", "handle", "1:", "pfifo"])
    with pytest.raises(FaultError, match="has a discipline of its own: qdisc pfifo 1: root"):
        loss("eth0", 5, namespace=link.near)
    assert undo_log.entries() == []


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: latency("eth0", 0), "0 <= jitter_ms <= delay_ms"),
        (lambda: latency("eth0", 10, 20), "0 <= jitter_ms <= delay_ms"),
        (lambda: loss("eth0", 101), "percent is more than 0 and at most 100"),
        (lambda: loss("eth0", 60, host="ssh://db1"), "would lose the way back"),
        (lambda: loss("no-such0", 5), "no-such0"),
    ],
)
def test_an_impairment_that_makes_no_sense_is_refused(
    broken: Callable[[], object], message: str, undo_log: UndoLog
) -> None:
    need("tc")
    with pytest.raises(FaultError, match=message):
        broken()
    assert undo_log.entries() == []
