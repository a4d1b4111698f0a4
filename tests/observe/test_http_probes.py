"""HTTP probes: what they send, with which certificate, and what the answer must hold, hostile or not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import ClientError, web
from pydantic import ValidationError

from gameday.errors import InvalidInput
from gameday.experiment.holds import LARGEST_BYTES, LARGEST_JSON, Holds
from gameday.experiment.load import load
from gameday.experiment.observers import Probe
from gameday.observe.asking import Answer
from gameday.observe.prober import asker
from tests.observe.certificates import Authority

HEALTH = b'{"status": "up", "checks": [{"name": "db", "ok": true}, {"name": "mq", "ok": 1}], "lag": 1}'


def missing(body: bytes, **holds: Any) -> str | None:
    return Holds.model_validate(holds).missing(body)


@pytest.mark.parametrize(
    ("holds", "lacks"),
    [
        ({"text": '"up"'}, None),
        ({"text": "down"}, "the answer lacks the text"),
        ({"regex": r'"status":\s*"up"'}, None),
        ({"regex": "^up$"}, "the answer does not match"),
        ({"jsonpath": "$.status"}, None),
        ({"jsonpath": "$.status", "expect": "up"}, None),
        ({"jsonpath": "status", "expect": "down"}, "the JSONPath leads to something else"),
        ({"jsonpath": "$.checks[*].name"}, None),
        ({"jsonpath": "$.checks[*].ok", "expect": True}, "the JSONPath leads to something else"),
        ({"jsonpath": "$.checks[0].ok", "expect": True}, None),
        ({"jsonpath": "$.lag", "expect": 1.0}, None),
        ({"jsonpath": "$.nothing"}, "the JSONPath leads to nothing"),
    ],
)
def test_an_answer_holds_what_it_must(holds: dict[str, Any], lacks: str | None) -> None:
    assert missing(HEALTH, **holds) == lacks


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b'{"status": ', b"[" * 50_000])
def test_what_is_no_json_holds_no_path(body: bytes) -> None:
    assert missing(body, jsonpath="$.status") == "the answer is no JSON"


def test_a_larger_answer_is_not_looked_through() -> None:
    assert missing(b"up" + b" " * LARGEST_BYTES, text="up") == "the answer is larger than 1024 KiB"
    assert missing(b'"up"' + b" " * LARGEST_JSON, jsonpath="$") == "the answer is larger than 64 KiB"


@pytest.mark.parametrize(
    ("holds", "body"),
    [
        ({"regex": "(a+)+$"}, b"a" * (LARGEST_BYTES - 1) + b"b"),
        ({"regex": "(x|x?)*y"}, b"x" * LARGEST_BYTES),
        ({"jsonpath": "$..status"}, b"[" * 900 + b"]" * 900),
        ({"jsonpath": "$..status"}, json.dumps([0] * 16_000).encode()),
    ],
)
def test_no_answer_takes_long_to_look_through(holds: dict[str, Any], body: bytes) -> None:
    began_s = time.process_time()
    assert missing(body, **holds) is not None
    assert time.process_time() - began_s < 2


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        ({"holds": {"regex": "(?=x)"}}, "no regular expression of RE2: invalid perl operator"),
        ({"holds": {"regex": "(((a{99}){99}){99})"}}, "no regular expression of RE2"),
        ({"holds": {"jsonpath": "$.["}}, "is no JSONPath"),
        ({"holds": {"text": "a", "regex": "b"}}, "write exactly one of text, regex or jsonpath"),
        ({"holds": {"text": "a", "expect": "b"}}, "expect goes with a jsonpath"),
        ({"holds": {"text": "a"}, "method": "HEAD"}, "the answer to HEAD has nothing in it"),
        ({"body": "a"}, "a body goes with method: POST, PUT, PATCH, DELETE, not GET"),
        ({"http": None, "tcp": "a:1", "holds": {"text": "a"}}, "holds goes with http"),
        ({"tls": {"key": "a.key"}}, "a key needs its certificate"),
    ],
)
def test_a_probe_that_cannot_be_made_is_told(probe: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words.replace("(", r"\(")):
        Probe.model_validate({"http": "http://a", **probe})


def test_a_probe_is_given_to_the_prober_as_it_is() -> None:
    holds = {"jsonpath": "$.a", "expect": False}
    made = Probe.model_validate({"http": "http://a", "method": "PUT", "body": {"a": None}, "holds": holds})
    assert Probe.model_validate(made.as_orders()) == made


@contextlib.asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, list[Any]]]:
    """A web server on loopback, and what it was sent."""
    sent: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        sent.append((request.method, request.headers.get("Content-Type"), await request.text()))
        return web.Response(body=HEALTH)

    async def move(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "/"})

    async def bomb(request: web.Request) -> web.Response:
        body = zlib.compress(b"up" * 10_000_000)
        return web.Response(body=body, headers={"Content-Encoding": "deflate"})

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(bytes(65_536))
        return response

    app = web.Application()
    app.add_routes([web.route("*", "/", take), web.route("*", "/moved", move)])
    app.add_routes([web.get("/bomb", bomb), web.get("/endless", endless)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{port}", sent
    finally:
        await runner.cleanup()


def answers(
    path: str, secure: ssl.SSLContext | None = None, /, **probe: Any
) -> tuple[Answer | str, list[Any]]:
    """What one probe of a path gets, or the name of what it raises, and what was sent."""

    async def whole() -> tuple[Answer | str, list[Any]]:
        async with serving(secure) as (address, sent):
            asking = asker(Probe.model_validate({"http": f"{address}{path}", **probe}))
            try:
                async with asyncio.timeout(10):
                    return await asking.ask(), sent
            except (OSError, ClientError) as error:
                return type(error).__name__, sent
            finally:
                await asking.close()

    return asyncio.run(whole())


def test_a_probe_sends_its_method_and_its_body() -> None:
    told, sent = answers("/", method="POST", body={"a": [1, None]})
    assert told == Answer(True, 200) or (isinstance(told, Answer) and told.ok)
    assert sent == [("POST", "application/json", '{"a": [1, null]}')]
    _, sent = answers("/", method="PUT", body="a=1", headers={"content-type": "text/x-own"})
    assert sent == [("PUT", "text/x-own", "a=1")]
    assert answers("/", method="HEAD")[1] == [("HEAD", None, "")]


def test_a_wrong_answer_is_bad_and_says_why() -> None:
    told, _ = answers("/", holds={"text": "down"})
    assert isinstance(told, Answer)
    assert (told.ok, told.status, told.error) == (False, 200, "the answer lacks the text")
    told, _ = answers("/", holds={"jsonpath": "$.status", "expect": "up"})
    assert isinstance(told, Answer) and told.ok


@pytest.mark.parametrize(
    ("path", "error"),
    [("/bomb", "the answer is compressed"), ("/endless", "the answer is larger than 1024 KiB")],
)
def test_an_answer_that_has_no_end_is_bad(path: str, error: str) -> None:
    told, _ = answers(path, holds={"text": "up"})
    assert isinstance(told, Answer) and (told.ok, told.error) == (False, error)


def test_what_writes_is_not_written_elsewhere() -> None:
    told, sent = answers("/moved", method="POST", body="x")
    assert isinstance(told, Answer) and told.status == 307 and sent == []
    assert len(answers("/moved")[1]) == 1


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def test_a_client_shows_its_certificate_and_believes_its_authority(authority: Authority) -> None:
    server, client = authority.certificate("server"), authority.certificate("client")
    asks_for_one = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.path))
    asks_for_one.verify_mode = ssl.CERT_REQUIRED
    asks_for_one.load_cert_chain(*server)
    shown = {"cert": str(client[0]), "key": str(client[1]), "ca": str(authority.path)}
    told, _ = answers("/", asks_for_one, tls=shown)
    assert isinstance(told, Answer) and told.ok
    assert isinstance(answers("/", asks_for_one, tls={"ca": str(authority.path)})[0], str)
    assert isinstance(answers("/", asks_for_one)[0], str)


@pytest.mark.parametrize(
    ("tls", "words"),
    [
        ({"ca": "gone.pem"}, "there is no file"),
        ({"ca": "."}, "cannot be read: it is a folder"),
        ({"ca": "drill.yaml"}, "drill.yaml cannot be used"),
        ({"cert": "a.crt", "key": "b.key"}, "the key is not that of the certificate"),
        ({"cert": "closed.crt", "key": "closed.key"}, "its private key has a password"),
    ],
)
def test_certificates_are_looked_at_before_the_run(tmp_path: Path, tls: dict[str, str], words: str) -> None:
    made = Authority(tmp_path)
    made.certificate("a"), made.certificate("b"), made.certificate("closed", password=b"secret")
    probe = {"http": "https://a.example", "tls": tls}
    slis = [{"name": "a", "source": "probe", "objective": "100%", "probe": probe}]
    file = tmp_path / "drill.yaml"
    file.write_text(yaml.safe_dump({"title": "t", "description": "d", "method": [], "slis": slis}))
    with pytest.raises(InvalidInput, match=words) as told:
        load(file)
    assert "drill.yaml:" in str(told.value) and "secret" not in str(told.value)


def test_paths_of_certificates_count_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    made = Authority(tmp_path / "here")
    probe = {"http": "https://a.example", "tls": {"ca": "ca.pem"}}
    slis = [{"name": "a", "source": "probe", "objective": "100%", "probe": probe}]
    file = tmp_path / "here" / "drill.yaml"
    file.write_text(yaml.safe_dump({"title": "t", "description": "d", "method": [], "slis": slis}))
    (sli,) = load(file).blocks.slis
    assert sli.probe is not None and sli.probe.tls is not None and sli.probe.tls.ca == str(made.path)
