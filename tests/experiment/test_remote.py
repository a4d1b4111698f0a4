"""An experiment at a web address: only the one that was meant, within bounds, and without a folder."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gameday.errors import GamedayError, InvalidInput
from gameday.experiment.load import load
from gameday.experiment.remote import fetched

PLAIN = b"title: t\ndescription: d\nmethod: []\n"
LOADED = PLAIN + b"load: {locustfile: users.py, host: 'http://x.example'}\n"
ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/x.yaml": (200, {}, PLAIN),
    "/plain": (
        200,
        {"Content-Type": "application/json"},
        b'{"title": "t", "description": "d", "method": []}',
    ),
    "/loaded.yaml": (200, {}, LOADED),
    "/gone.yaml": (404, {}, b"no"),
    "/moved.yaml": (302, {"Location": "/x.yaml"}, b""),
    "/round.yaml": (302, {"Location": "/round.yaml"}, b""),
    "/large.yaml": (200, {}, b"#" * 1_000_001),
}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers as the table says."""

    def do_GET(self) -> None:
        code, headers, body = ANSWERS[self.path]
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server of these experiments."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_with_its_digest_it_is_fetched_and_kept(address: str, here: Path) -> None:
    for source in (
        fetched(f"{address}/x.yaml#sha256={sha256(PLAIN)}"),
        fetched(f"{address}/moved.yaml", sha256(PLAIN)),
    ):
        assert source.path.read_bytes() == PLAIN
        assert source.path.parent == Path("fetched")
    experiment = load(fetched(f"{address}/x.yaml", sha256(PLAIN).upper()))
    assert experiment.address == f"{address}/x.yaml" and experiment.sha256 == sha256(PLAIN)


def test_without_a_digest_it_is_refused_and_its_digest_told(address: str, here: Path) -> None:
    with pytest.raises(GamedayError, match=f"has the SHA-256 {sha256(PLAIN)}; read it, then run"):
        fetched(f"{address}/x.yaml")
    assert list(here.iterdir()) == []


def test_another_one_than_was_meant_is_refused(address: str, here: Path) -> None:
    with pytest.raises(GamedayError, match="it is not what was meant"):
        fetched(f"{address}/x.yaml", sha256(b"x"))
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/gone.yaml", "answers 404 Not Found"),
        ("/round.yaml", "cannot be fetched: Exceeded 5 redirects"),
        ("/large.yaml", "is larger than 1,000,000 bytes"),
    ],
)
def test_what_cannot_be_had_is_an_error(address: str, path: str, message: str) -> None:
    with pytest.raises(GamedayError, match=message):
        fetched(address + path, "0" * 64)


def test_other_addresses_that_are_no_good(address: str) -> None:
    with pytest.raises(GamedayError, match="is no SHA-256"):
        fetched(f"{address}/x.yaml#top")
    with pytest.raises(GamedayError, match="has a password in it") as raised:
        fetched("https://me:s3cr3t@x.example/x.yaml")
    assert "s3cr3t" not in str(raised.value)
    with pytest.raises(GamedayError, match="cannot be fetched"):
        fetched("http://127.0.0.1:9/x.yaml", "0" * 64)


def test_its_name_leads_nowhere_else(address: str, here: Path) -> None:
    data = ANSWERS["/plain"][2]
    assert fetched(f"{address}/plain", sha256(data)).path == Path(
        "fetched", f"plain-{sha256(data)[:12]}.json"
    )
    assert [path.name for path in here.iterdir()] == ["fetched"]


def test_a_relative_path_in_it_is_an_error_that_says_why(address: str, here: Path) -> None:
    (here / "fetched").mkdir()
    (here / "fetched/users.py").write_text("")
    with pytest.raises(InvalidInput, match=r"has no folder, so users\.py is nowhere; write its whole path"):
        load(fetched(f"{address}/loaded.yaml", sha256(LOADED)))
