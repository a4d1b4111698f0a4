"""Which host an address leads to, read as strictly as the strictest client, and whether it may be reached.

Programs that read addresses disagree about the odd ones: `http://prod.example\\@localhost/` is this host to
one and prod.example to another. So only what all of them read alike is read here; anything else is Unclear,
and what is not clear is forbidden.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import json
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from gameday.errors import GamedayError
from gameday.places import Place

KIND = "host"  # of a place
LOCALHOST = "localhost"
VARIABLE = "GAMEDAY_LIMITS"  # the children of a run find there what they may reach
# of several runs in one process, each is told its own
_of_run: ContextVar[str | None] = ContextVar("what a run may reach", default=None)
# RFC 3986 without percent signs and `$` before the path: nothing there is decoded or filled in
ADDRESS = re.compile(
    r"(?P<scheme>[A-Za-z]+)://"
    r"(?:[\w.~!&'()*+,;=:%-]*@)?"
    r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
    r"(?::\d{0,5})?(?:[/?#].*)?",
    re.ASCII,
)
NAME = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
NUMBER = re.compile(r"\d+|0[xX][0-9A-Fa-f]*", re.ASCII)
OF_ADDRESSES = re.compile(r"(?=.*\d)[\d.*?]+")  # a pattern of addresses, such as 10.1.*


class Unclear(ValueError):
    """An address that not every client reads alike, or that has no host."""


class Outside(GamedayError):
    """Something would reach a host that the guardrails do not allow."""


def of_name(name: str) -> str:
    """A host as it is compared: addresses in their usual form, every one of loopback is `localhost`.

    Raises Unclear for what is neither a name nor an address, and for numbers that a resolver makes an
    address of, such as 2130706433.
    """
    text = name.removeprefix("[").removesuffix("]") if name.startswith("[") else name
    if text.casefold() == LOCALHOST:
        return LOCALHOST
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        if not NAME.fullmatch(text) or NUMBER.fullmatch(text.rstrip(".").rpartition(".")[2]):
            raise Unclear(f"'{name}' is neither a host's name nor its address") from None
        return text.casefold()
    address = getattr(address, "ipv4_mapped", None) or address
    return LOCALHOST if address.is_loopback else str(address)


def place(name: str) -> Place:
    """A host as a place. Raises Unclear."""
    return Place(KIND, of_name(name))


def of_url(url: object, *schemes: str) -> str:
    """The host of an address. schemes: those allowed, http and https when none is given. Raises Unclear."""
    text = str(url)
    found = ADDRESS.fullmatch(text)
    if found is None or "\\" in text or not text.replace(" ", "x").isprintable():
        raise Unclear("it is no plain address: write scheme://host:port/path")
    if found["scheme"].casefold() not in (schemes or ("http", "https")):
        raise Unclear(f"it is no {' or '.join(schemes or ('http', 'https'))} address")
    return of_name(found["host"])


def of_host_and_port(text: str) -> str:
    """The host of `host:port`. Raises Unclear."""
    return of_name(text.rpartition(":")[0])


def of_dsn(dsn: str) -> list[str]:
    """Every host that a PostgreSQL DSN may connect to, as libpq chooses: `hostaddr` beats `host`.

    Raises Unclear when it is no DSN, or names a service, which may hold any host.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        said = conninfo_to_dict(dsn)
    except psycopg.Error:
        raise Unclear("it is no PostgreSQL DSN") from None
    if said.get("service") or os.environ.get("PGSERVICE"):
        raise Unclear("its service may name any host: write host=")
    addresses = _listed(said.get("hostaddr") or os.environ.get("PGHOSTADDR"))
    names = _listed(said.get("host") or os.environ.get("PGHOST"))
    count = max(len(addresses), len(names), 1)
    pairs = zip(_padded(addresses, count), _padded(names, count), strict=True)
    return list(dict.fromkeys(_of_server(address or name) for address, name in pairs))


def _listed(value: Any) -> list[str]:
    return [part.strip() for part in str(value).split(",")] if value else []


def _padded(values: list[str], count: int) -> list[str]:
    return [*values, *[""] * (count - len(values))]


def _of_server(name: str) -> str:
    """A server of a DSN: nothing, or the path of a socket, is on this host."""
    return LOCALHOST if not name or name[0] in "/@" else of_name(name)


def of_redis(url: str) -> str:
    """The host of a Redis address, as its client reads it. Raises Unclear."""
    return LOCALHOST if url.startswith("unix:///") else of_url(url, "redis", "rediss")


def is_among(host: str, patterns: Iterable[str]) -> bool:
    """Whether a host is one of these: by its name, a pattern, an address or a network that holds it."""
    return any(_is(host, pattern.casefold()) for pattern in patterns)


def _is(host: str, pattern: str) -> bool:
    addresses = ("127.0.0.1", "::1") if host == LOCALHOST else (host,)
    if OF_ADDRESSES.fullmatch(pattern):  # 10.* is never 10.evil.example
        return any(_is_address(each) and fnmatch.fnmatchcase(each, pattern) for each in addresses)
    names = (host, socket.gethostname().casefold()) if host == LOCALHOST else (host,)
    if any(fnmatch.fnmatchcase(each, pattern) for each in names):
        return True
    try:
        network = ipaddress.ip_network(pattern, strict=False)
        return any(ipaddress.ip_address(each) in network for each in addresses)
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def limit(scopes: Sequence[dict[str, Any]], most: dict[str, int] | None = None) -> None:
    """Tell this process and its children what they may reach: a place must be among each of these scopes.

    most: how many targets each step may break, one where it says nothing; None: as many as it likes.
    """
    tell(json.dumps({"scopes": list(scopes), "most": most}) if scopes or most is not None else "")


def told() -> str:
    """What this process, or the run that this is within, was told; empty when it has no limit."""
    found = _of_run.get()
    return os.environ.get(VARIABLE, "") if found is None else found


def tell(text: str) -> None:
    """Tell this process and its children what another one was told. Raises ValueError for other texts."""
    if text and not isinstance(json.loads(text), dict):
        raise ValueError(text)
    if _of_run.get() is not None:
        _of_run.set(text)
    else:
        hand_down(os.environ, text)


def hand_down(environment: MutableMapping[str, str], text: str) -> None:
    """Put what a process is told into its environment."""
    if text:
        environment[VARIABLE] = text
    else:
        environment.pop(VARIABLE, None)


@contextmanager
def within_run() -> Iterator[None]:
    """Be told for one run, in this thread; others in this process keep what they were told."""
    before = _of_run.set(told())
    try:
        yield
    finally:
        _of_run.reset(before)


def scopes() -> list[dict[str, Any]]:
    """What this process was told that it may reach: a place must be among each of them. None: no limit."""
    said = json.loads(told() or "{}")
    # a run that was begun by an older gameday was told of hosts alone
    return list(said.get("scopes") or [{"hosts": each} for each in said.get("hosts", [])])


def limits() -> list[list[str]]:
    """The lists of hosts among these; a host must be among each."""
    return [list(map(str, scope.get("hosts", []))) for scope in scopes()]


def most() -> dict[str, int] | None:
    """How many targets each step may break, one where it says nothing; None: as many as it likes."""
    said = json.loads(told() or "{}")
    found: dict[str, int] | None = said.get("most")
    return {} if found is None and said.get("counts_targets") else found


def must_be_allowed(host: str) -> None:
    """Raise Outside when this process may not reach a host."""
    if not all(is_among(host, patterns) for patterns in limits()):
        raise Outside(f"guardrails.targets: {host} is not among the allowed targets")


def must_allow(url: object) -> None:
    """Raise Outside when this process may not go to a web address, or nobody can tell where it leads."""
    if not limits():
        return
    try:
        host = of_url(url)
    except Unclear as error:
        raise Outside(f"guardrails.targets: nobody can tell where this address leads: {error}") from None
    must_be_allowed(host)


def watched() -> list[Any]:
    """What makes an aiohttp session refuse redirects to hosts that are not allowed: its `trace_configs`."""
    if not limits():
        return []
    import aiohttp
    from yarl import URL

    async def look(_session: Any, _context: Any, redirect: Any) -> None:
        to = redirect.response.headers.get("Location") or redirect.response.headers.get("URI")
        if to is not None:
            must_allow(redirect.response.url.join(URL(to)))

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(look)
    return [trace]


def watch_requests(is_watched: Callable[[], bool] = lambda: True, error: type[Exception] = Outside) -> None:
    """Make `requests` refuse hosts that are not allowed, at each redirect too. Once a process.

    is_watched: whether it is to be refused now. error: what is raised then.
    """
    from requests.adapters import HTTPAdapter

    if getattr(HTTPAdapter.send, "is_watched", False):
        return
    send = HTTPAdapter.send

    def watched(self: Any, request: Any, *arguments: Any, **more: Any) -> Any:
        if is_watched():
            refuse(request.url, error)
        return send(self, request, *arguments, **more)

    watched.is_watched = True  # type: ignore[attr-defined]
    HTTPAdapter.send = watched  # type: ignore[method-assign]


def refuse(url: object, error: type[Exception]) -> None:
    """Raise this error when this process may not go to a web address."""
    try:
        must_allow(url)
    except Outside as outside:
        raise error(str(outside)) from None
