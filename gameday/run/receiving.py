"""The receiver of alarms as the run sees it: a process that may never begin, hang or end, and is no loss."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field
from pathlib import Path

from gameday import clock, environment, redact
from gameday.errors import GamedayError
from gameday.events import Event
from gameday.reading import Unreadable, read_text
from gameday.run.alarms import PATH
from gameday.run.children import Child
from gameday.run.custody import Custody
from gameday.run.inbox import folder_of
from gameday.run.timeline import Timeline
from gameday.units import spoken

SHORTEST_TOKEN, LARGEST_TOKEN = 16, 4_096
WAITING = 64  # connections that nobody has taken yet
SILENT_S, BEGINS_WITHIN_S = 15.0, 60.0


@dataclass(frozen=True, slots=True)
class Listening:
    """A bound address, and the token that whoever posts must have."""

    socket: socket.socket
    token: str = field(repr=False)

    @classmethod
    def at(cls, address: str, token_file: Path | None) -> Listening:
        """Bind the address before anything is touched. Raises GamedayError with what to do."""
        token = _token(token_file)
        redact.learn((token,))
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        if not host or not port.isdecimal() or int(port) > 65_535:
            raise GamedayError(f"--listen {address!r}: write for example 127.0.0.1:9094")
        try:
            family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
        except ValueError:
            raise GamedayError(
                f"--listen {address!r}: {host!r} is no IP address; write 127.0.0.1:9094"
            ) from None
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((host, int(port)))
            bound.listen(WAITING)
        except OSError as error:
            bound.close()
            raise GamedayError(f"--listen {address}: {error.strerror}; choose another port") from None
        return cls(bound, token)

    @property
    def url(self) -> str:
        """Where alarms are posted to."""
        host, port = self.socket.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}"


def _token(file: Path | None) -> str:
    """The token of the file, else of the environment."""
    token, where = environment.hidden(environment.TOKEN) or "", environment.TOKEN
    if file is not None:
        where = str(file)
        try:
            token = read_text(file, LARGEST_TOKEN)
        except FileNotFoundError:
            raise GamedayError(f"--listen-token-file {file}: there is no such file") from None
        except Unreadable as error:
            raise GamedayError(f"--listen-token-file {file}: {error}") from None
    token = token.strip()
    if len(token) < SHORTEST_TOKEN or not token.isprintable():
        raise GamedayError(
            f"--listen needs a token of at least {SHORTEST_TOKEN} characters in {where}, "
            "such as: openssl rand -hex 24"
        )
    return token


class Receiving:
    """The receiver of one run. Nothing of it may be felt by the run."""

    def __init__(self, listening: Listening, custody: Custody, timeline: Timeline) -> None:
        self.listening = listening
        self.custody = custody
        self.timeline = timeline
        self.url = listening.url
        self.child: Child | None = None
        self.is_ready = False
        self.silent_at_ns = clock.now_ns() + round(BEGINS_WITHIN_S * clock.NS_PER_S)

    def start(self) -> None:
        """Start it; it becomes ready by itself."""
        orders = {
            "socket": self.listening.socket.fileno(),
            "token": self.listening.token,
            "inbox": str(folder_of(self.custody)),
        }
        log, held = self.custody.pack.logs / "receiver.log", (self.listening.socket.fileno(),)
        try:
            self.child = Child.recorder("receiver", "gameday.run.receiver", orders, log, held)
            self.custody.remember("receiver", self.child.pid)
        except OSError as error:
            self._lost(f"it could not be started: {error.strerror}")
        finally:
            self.listening.socket.close()

    def look(self) -> None:
        """Note that it is ready, or that it is gone; it is not waited for."""
        if self.child is None:
            return
        for message in self.child.messages():
            self.silent_at_ns = clock.now_ns() + round(SILENT_S * clock.NS_PER_S)
            if message.get("event") == "ready" and not self.is_ready:
                self.is_ready = True
                self.timeline.add(Event.RECEIVER_READY, url=self.url)
        if not self.child.is_alive:
            self._lost(f"it ended with exit code {self.child.code}; see logs/receiver.log")
        elif clock.now_ns() > self.silent_at_ns:
            self._lost(f"it was not heard of for {spoken(SILENT_S if self.is_ready else BEGINS_WITHIN_S)}")

    def stop(self) -> None:
        """End it."""
        child, self.child = self.child, None
        if child is not None:
            child.stop()

    def _lost(self, reason: str) -> None:
        child, self.child = self.child, None
        if child is not None:
            child.kill()
        self.timeline.add(Event.RECEIVER_LOST, reason=reason)
