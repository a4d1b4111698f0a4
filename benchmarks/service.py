"""A web server that answers at once and counts: what the load and the prober are pointed at.

`python benchmarks/service.py` prints its port, serves until standard input ends, and answers `/count`
with how many other requests it has answered. After `/break` it answers every request with an error, until
`/mend`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"
ERROR = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


class Connection(asyncio.Protocol):
    """HTTP/1.1, one request after another, without bodies."""

    count = 0
    is_broken = False

    def connection_made(self, transport: Any) -> None:
        """Keep the connection."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer."""
        if data.startswith(b"GET /count"):
            body = b"%d" % Connection.count
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            return
        if data.startswith((b"GET /break", b"GET /mend")):
            Connection.is_broken = data.startswith(b"GET /break")
            self.transport.write(ANSWER)
            return
        Connection.count += 1
        self.transport.write(ERROR if Connection.is_broken else ANSWER)


@contextmanager
def service() -> Iterator[str]:
    """The address of a running server."""
    command = [sys.executable, str(Path(__file__))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def answered(address: str) -> int:
    """How many requests the server has answered."""
    with urllib.request.urlopen(f"{address}/count", timeout=10) as answer:
        return int(answer.read())


def mend(address: str) -> None:
    """Let a broken server answer again."""
    urllib.request.urlopen(f"{address}/mend", timeout=10).close()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(_serve())
