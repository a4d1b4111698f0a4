"""Where an address leads: read as every client reads it, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import urllib3
import yarl
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.connection import parse_url as redis_url

from gameday import hosts


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://localhost", "localhost"),
        ("http://LOCALHOST:8080/x", "localhost"),
        ("http://127.0.0.1:80/", "localhost"),
        ("http://127.9.9.9/", "localhost"),
        ("http://[::1]/", "localhost"),
        ("http://[::ffff:127.0.0.1]/", "localhost"),
        ("http://[::ffff:10.0.0.1]/", "10.0.0.1"),
        ("http://user:pa%40ss@db1/", "db1"),
        ("https://Orders.Staging.Example/a b?c=${id}", "orders.staging.example"),
        ("http://127.prod.example/", "127.prod.example"),
        ("http://localhost.prod.example/", "localhost.prod.example"),
        ("http://0.0.0.0/", "0.0.0.0"),
    ],
)
def test_a_plain_address_leads_to_its_host(url: str, host: str) -> None:
    assert hosts.of_url(url) == host


@pytest.mark.parametrize(
    "url",
    [
        "http://prod.example\\@localhost/",
        "http://localhost\\.prod.example/",
        "http://localhost/\\prod",
        "http://a@b@localhost/",
        "http://prod.example @localhost/",
        "http://prod.example\t@localhost/",
        " http://localhost/",
        "http://local\thost/",
        "http://localhost\n/",
        "http://localhost#@prod.example\r/",
        "http://${base}/",
        "http://$base@localhost/",
        "http://localhost${tail}",
        "${base}/health",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://010.0.0.1/",
        "http://ⓛocalhost/",
        "http://prod%2eexample/",
        "http://[fe80::1%25eth0]/",
        "http:///x",
        "//localhost/",
        "http:localhost",
        "ftp://localhost/",
        "localhost:8080",
        "",
        "None",
    ],
)
def test_an_odd_address_leads_nowhere(url: str) -> None:
    with pytest.raises(hosts.Unclear):
        hosts.of_url(url)


PIECES = [*"@\\/?#: \t%", "localhost", "prod.example", "127.0.0.1", "80", "[::1]"]


@given(st.lists(st.sampled_from(PIECES), max_size=7))
@settings(max_examples=500, deadline=None)
def test_what_is_read_is_read_alike_by_every_client(pieces: list[str]) -> None:
    url = "http://" + "".join(pieces)
    try:
        host = hosts.of_url(url)
    except hosts.Unclear:
        return
    for read in (
        lambda: urlsplit(url).hostname,
        lambda: str(urllib3.util.parse_url(url).host).strip("[]"),
        lambda: yarl.URL(url).host,
        lambda: redis_url(url.replace("http", "redis", 1))["host"],
    ):
        try:
            other = read()
        except ValueError:  # one that refuses it goes nowhere
            continue
        assert hosts.of_name(str(other)) == host, (url, read)


@pytest.mark.parametrize(
    ("dsn", "found"),
    [
        ("dbname=orders", ["localhost"]),
        ("host=/run/postgresql", ["localhost"]),
        ("host=db1 hostaddr=10.0.0.9", ["10.0.0.9"]),
        ("host=localhost hostaddr=10.0.0.9", ["10.0.0.9"]),
        ("host=prod.example,a.staging.example", ["prod.example", "a.staging.example"]),
        ("postgresql://u@db1,db2:5433/x", ["db1", "db2"]),
        ("postgresql://u@localhost/x?host=prod.example", ["prod.example"]),
        ("host=db1 host=prod.example", ["prod.example"]),
    ],
)
def test_a_dsn_leads_to_every_host_that_libpq_may_choose(dsn: str, found: list[str]) -> None:
    assert hosts.of_dsn(dsn) == found


@pytest.mark.parametrize("dsn", ["service=prod", "host=a\\@b", "no dsn", "host=2130706433"])
def test_a_dsn_that_does_not_say_its_host_leads_nowhere(dsn: str) -> None:
    with pytest.raises(hosts.Unclear):
        hosts.of_dsn(dsn)


@pytest.mark.parametrize(
    ("url", "host"),
    [("redis://db1:6379/0", "db1"), ("unix:///run/redis.sock", "localhost"), ("redis:///0?host=prod", None)],
)
def test_a_redis_address_leads_to_its_host(url: str, host: str | None) -> None:
    if host is not None:
        assert hosts.of_redis(url) == host
        return
    with pytest.raises(hosts.Unclear):
        hosts.of_redis(url)


def test_a_dsn_without_a_host_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "prod.example")
    assert hosts.of_dsn("dbname=x") == ["prod.example"]
    monkeypatch.setenv("PGSERVICE", "prod")
    with pytest.raises(hosts.Unclear):
        hosts.of_dsn("dbname=x")


@pytest.mark.parametrize(
    ("host", "pattern", "is_one"),
    [
        ("localhost", "127.0.0.0/8", True),
        ("localhost", "local*", True),
        ("localhost", "127.*", True),
        ("localhost", "db1", False),
        ("10.1.2.3", "10.1.0.0/16", True),
        ("10.1.2.3", "10.1.*", True),
        ("10.evil.example", "10.*", False),
        ("127.prod.example", "127.0.0.0/8", False),
        ("db7.staging.example", "*.staging.example", True),
        ("db7.staging.example.evil", "*.staging.example", False),
        ("db1", "DB1", True),
    ],
)
def test_a_host_is_one_of_a_pattern_or_not(host: str, pattern: str, is_one: bool) -> None:
    assert hosts.is_among(host, [pattern]) is is_one


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A process that may reach this host and staging."""
    monkeypatch.setenv(hosts.VARIABLE, "")
    hosts.limit([{"hosts": ["localhost", "*.staging.example"]}, {"hosts": ["*"]}])
    yield monkeypatch
    hosts.limit([])


def test_a_host_must_be_among_every_list(limited: pytest.MonkeyPatch) -> None:
    hosts.must_allow("http://a.staging.example/")
    for url, why in (
        ("http://prod.example/", "prod.example is not among"),
        ("http://a\\b/", "nobody can tell"),
    ):
        with pytest.raises(hosts.Outside, match=why):
            hosts.must_allow(url)
    hosts.limit([{"hosts": ["localhost"]}, {"hosts": ["db1"]}])
    with pytest.raises(hosts.Outside):
        hosts.must_be_allowed("localhost")
    hosts.limit([])
    hosts.must_allow("http://prod.example/")
