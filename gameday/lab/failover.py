"""The failover lab: a primary, a streaming standby, and an orders service that knows one of them."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from gameday.errors import GamedayError
from gameday.faults.owned import claim
from gameday.faults.postgresql import connected, wait_until
from gameday.files import write_atomically
from gameday.lab.orders import SCHEMA
from gameday.lab.postgresql import Node, free_ports
from gameday.processes import python

STATE = "lab.json"
DONE = b"done"  # what a keeper hears at an end in order
HEALTHY_WITHIN_S = 10.0
CHILD_ENDS_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """The two servers of a lab, as any process finds them by the lab's folder.

    `home` is the primary at the start, `away` its standby, whoever leads now.
    """

    folder: Path
    home: Node
    away: Node
    is_synchronous: bool
    service_port: int

    @classmethod
    def of(cls, folder: Path) -> Cluster:
        """The cluster of a running lab. Raises GamedayError when there is none in this folder."""
        try:
            state = json.loads((folder / STATE).read_text())
        except FileNotFoundError:
            raise GamedayError(f"there is no lab in {folder}") from None
        home, away = (Node(name, folder / name, port) for name, port in state["nodes"].items())
        return cls(folder, home, away, state["synchronous"], state["service-port"])

    def save(self) -> None:
        """Write the state file."""
        nodes = {node.name: node.port for node in self.nodes}
        state = {
            "nodes": nodes,
            "synchronous": self.is_synchronous,
            "service-port": self.service_port,
        }
        write_atomically(self.folder / STATE, json.dumps(state, indent=2) + "\n")

    @property
    def nodes(self) -> tuple[Node, Node]:
        """Both servers."""
        return self.home, self.away

    @property
    def routing(self) -> Path:
        """The file with the DSN of the primary that the service uses."""
        return self.folder / "primary.dsn"

    def named(self, name: str) -> Node:
        """A server by its name."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise GamedayError(f"there is no node '{name}'; write {self.home.name} or {self.away.name}")

    def primary(self) -> Node | None:
        """The server that takes writes now; None when neither does. Raises GamedayError when both do."""
        leading = [node for node in self.nodes if node.is_primary()]
        if len(leading) > 1:
            raise GamedayError("both servers are primaries; fence one of them first")
        return leading[0] if leading else None

    @property
    def service_url(self) -> str:
        """The address of the orders service."""
        return f"http://127.0.0.1:{self.service_port}"

    def route_to(self, node: Node) -> None:
        """Send the service to a server."""
        write_atomically(self.routing, node.dsn + "\n")

    def wait_until_healthy(self) -> None:
        """Wait until the service answers that it is healthy. Raises GamedayError when it does not."""
        if not wait_until(lambda: is_healthy(f"{self.service_url}/health"), HEALTHY_WITHIN_S):
            raise GamedayError(f"the orders service is not healthy; see {self.folder / 'orders.log'}")

    def discard(self) -> None:
        """Stop both servers at once."""
        for node in self.nodes:
            node.discard()


class FailoverLab:
    """Start the lab in a folder, and stop all of it at the end, or when this process dies."""

    def __init__(self, folder: Path, synchronous: bool) -> None:
        self.folder = folder.resolve()
        self.is_synchronous = synchronous
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def variables(self) -> dict[str, str]:
        """Values for the experiment's configuration."""
        home, away = self.cluster.nodes
        return {
            "lab": str(self.folder),
            "service_url": self.cluster.service_url,
            "routing_file": str(self.cluster.routing),
            "primary_data": str(home.data),
            "primary_pidfile": str(home.pidfile),
            "primary_dsn": home.dsn,
            "standby_data": str(away.data),
            "standby_pidfile": str(away.pidfile),
            "standby_dsn": away.dsn,
        }

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        home_port, away_port, service_port = free_ports(3)
        home = Node("primary", self.folder / "primary", home_port)
        away = Node("standby", self.folder / "standby", away_port)
        self.cluster = Cluster(self.folder, home, away, self.is_synchronous, service_port)
        self.cluster.save()
        claim(self.folder)
        self._stack.callback(self.cluster.discard)
        keeper = self._child("keeper", "gameday.lab.keeper", str(self.folder))
        self._stack.callback(tell, keeper, DONE)
        home.create()
        home.start()
        with connected(home.dsn) as server:
            server.execute(SCHEMA)
        away.clone(home)
        away.follow(home)
        away.start()
        home.wait_until_streaming(away)
        if self.is_synchronous:
            home.set_synchronous(away)
        self.cluster.route_to(home)
        options = ("--port", str(service_port), "--routing", str(self.cluster.routing))
        self._child("orders", "gameday.lab.orders", *options)
        self.cluster.wait_until_healthy()

    def _child(self, name: str, module: str, *options: str) -> subprocess.Popen[bytes]:
        """Start a Python module that ends when its standard input does."""
        with (self.folder / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                python(module, *options),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._stack.callback(end, child)
        return child


def tell(child: subprocess.Popen[bytes], word: bytes) -> None:
    """Say something to a child, if it still listens."""
    if child.stdin is not None:
        with suppress(OSError):
            child.stdin.write(word)
            child.stdin.flush()


def end(child: subprocess.Popen[bytes]) -> None:
    """Let a child end by closing its standard input; kill it if it does not."""
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(CHILD_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def is_healthy(url: str) -> bool:
    """Whether a health page answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=1) as response:  # noqa: S310  always http://127.0.0.1
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
