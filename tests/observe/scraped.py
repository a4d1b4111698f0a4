"""A real Prometheus that scrapes a small exporter, whose metrics a test writes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

from gameday.observe.ports import free_port
from tests.faults.parts import need

EVERY_S = 0.1


@dataclass
class Scraped:
    """The Prometheus, and what the exporter says; None: it answers 500, as one that cannot say."""

    url: str = ""
    metrics: str | None = "lag 1\n"
    scrapes: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def say(self, metrics: str | None) -> None:
        """Let the exporter say something else, and wait until it is scraped and stored."""
        self.metrics = metrics
        seen = self.scrapes
        deadline_s = time.monotonic() + 10
        while self.scrapes < seen + 2:
            assert time.monotonic() < deadline_s, "it is not scraped"
            time.sleep(0.02)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It accepts connections, and does not answer."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)


@contextlib.contextmanager
def scraped(folder: Path) -> Iterator[Scraped]:
    """Both, running. The test is skipped where Prometheus is not installed."""
    need("prometheus")
    found = Scraped()

    class Exporter(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.scrapes += 1
            self.send_response(500 if found.metrics is None else 200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write((found.metrics or "").encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    exporter = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    Thread(target=exporter.serve_forever, args=(0.05,), daemon=True).start()
    port = free_port()
    settings = folder / "prometheus.yml"
    settings.write_text(
        f"global: {{scrape_interval: {round(EVERY_S * 1000)}ms}}\n"
        "scrape_configs:\n"
        "- job_name: drill\n"
        f"  static_configs: [{{targets: ['127.0.0.1:{exporter.server_port}']}}]\n"
    )
    found.url = f"http://127.0.0.1:{port}"
    command = ["prometheus", f"--config.file={settings}", f"--storage.tsdb.path={folder / 'data'}"]
    with (folder / "prometheus.log").open("wb") as log:
        found.process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
        )
    try:
        _until_ready(found)
        yield found
    finally:
        found.process.kill()
        found.process.wait()
        exporter.shutdown()
        exporter.server_close()


def _until_ready(found: Scraped) -> None:
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        with contextlib.suppress(OSError), urlopen(f"{found.url}/-/ready", timeout=1):
            found.say(found.metrics)
            return
        time.sleep(0.05)
    raise AssertionError("Prometheus did not start")
