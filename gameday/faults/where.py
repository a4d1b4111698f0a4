"""Where faults act, from their arguments alone."""

from __future__ import annotations

from gameday import hosts
from gameday.places import Place


def on_this_host() -> Place:
    """A fault that acts on this host, always."""
    return hosts.place(hosts.LOCALHOST)


def on_host(host: str | None = None) -> Place:
    """A fault that takes a `host`, as `ssh://user@db1:22`, or else acts on this one. Raises Unclear."""
    from gameday.faults.ssh import Ssh

    if host is None:
        return on_this_host()
    return hosts.place(Ssh.parse(host).name if "://" in host else host)


def on_server(dsn: str) -> tuple[Place, ...]:
    """A fault that speaks to PostgreSQL: every server that the DSN may mean. Raises Unclear."""
    return tuple(map(hosts.place, hosts.of_dsn(dsn)))
