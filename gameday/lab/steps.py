"""Steps of the failover lab, as Chaos Toolkit actions: re-point the service, and go home again."""

from __future__ import annotations

from pathlib import Path

from gameday import hosts
from gameday.errors import FaultError, GamedayError
from gameday.faults.postgresql import answer, connected, in_recovery, wait_until
from gameday.faults.protocol import Steps, fault, landed
from gameday.faults.where import on_server, on_this_host
from gameday.files import write_atomically
from gameday.lab.failover import HEALTHY_WITHIN_S, Cluster, is_healthy
from gameday.lab.postgresql import Node
from gameday.places import Aim, Place

__all__ = ["rejoin", "repoint", "switch_home"]

CAUGHT_UP_WITHIN_S = 30.0
PROMOTED_WITHIN_S = 30.0


def along(dsn: str, health_url: str | None = None) -> tuple[Place, ...]:
    """Where the service is sent from and to, and the page that is asked whether it works again."""
    page = () if health_url is None else (hosts.place(hosts.of_url(health_url)),)
    return (on_this_host(), *on_server(dsn), *page)


@fault(where=along)
def repoint(routing_file: str, dsn: str, health_url: str | None = None) -> Steps:
    """Send the orders service to another primary.

    routing_file: the file that the service follows. dsn: the new primary; a standby is refused.
    health_url: a page that answers 200 once the service works again. Undo: none. The previous primary is
    dead or fenced: writing its name back would break the service again, and after a failback the file
    names the right server already. Landed: the file names the new primary, and the page answers 200.
    """
    with connected(dsn) as server:
        if in_recovery(server):
            raise FaultError("the server is still a standby; promote it before the service moves there")
    yield Aim(along(dsn, health_url), (f"the routing in {routing_file}",))
    routing = Path(routing_file)
    write_atomically(routing, dsn + "\n")
    if routing.read_text().strip() != dsn:
        return landed(False, f"{routing} names another server")
    if health_url is None:
        return landed(True, f"{routing} names the new primary")
    is_back = wait_until(lambda: is_healthy(health_url), HEALTHY_WITHIN_S)
    return landed(is_back, f"{health_url} {'answers 200' if is_back else 'does not answer 200'}")


def rejoin(lab: str, node: str) -> str:
    """Make a server the streaming standby of the other one, and replication what it was at the start.

    lab: the lab's folder. node: `primary` or `standby`, the name that the server had at the start. A
    server that leads, or streams already, is left as it is. When nobody leads because the standby was
    never promoted, the old primary simply starts again.
    """
    cluster = Cluster.of(Path(lab))
    returning = cluster.named(node)
    leader = cluster.primary()
    if leader is None:
        return resume_home(cluster)
    if leader == returning:
        return f"{node} leads; there is nothing to rejoin"
    is_there = returning.is_running() and leader.streams_to(returning)
    how = "was there already" if is_there else f"was {returning.rejoin(leader)}"
    if leader == cluster.home and cluster.is_synchronous:
        leader.set_synchronous(returning)
    return f"{node} {how}, and streams from {leader.name}"


def switch_home(lab: str) -> str:
    """Give the lead back to the server that had it at the start. No acknowledged write is lost.

    lab: the lab's folder. The present primary ends its shutdown only once its standby has every record,
    and the standby is promoted only once that is proved. The service is without a primary meanwhile.
    """
    cluster = Cluster.of(Path(lab))
    home, away = cluster.nodes
    leader = cluster.primary()
    if leader == home:
        return f"{home.name} leads already"
    if leader is None or not (home.is_running() and away.streams_to(home)):
        raise GamedayError(f"{home.name} does not stream from {away.name}; rejoin it first")
    checkpoint(away)
    away.wait_until_streaming(home)
    away.stop()
    if not wait_until(lambda: has_everything(home, away), CAUGHT_UP_WITHIN_S):
        away.start()
        raise GamedayError(f"{home.name} lacks the last writes of {away.name}, which leads again")
    promote_home(home)
    cluster.route_to(home)
    cluster.wait_until_healthy()
    return f"{home.name} leads again"


def resume_home(cluster: Cluster) -> str:
    """Start the first primary as a primary again, which is safe only while its standby never led."""
    home, away = cluster.nodes
    if home.is_running() or not away.is_running():
        raise GamedayError("neither server leads; promote one of them")
    home.standby_signal.unlink(missing_ok=True)
    home.start()
    return f"{away.name} was never promoted: {home.name} leads again"


def checkpoint(node: Node) -> None:
    """Write everything out now, so that the shutdown has little left to write."""
    with connected(node.dsn) as server:
        server.execute("CHECKPOINT")


def has_everything(home: Node, away: Node) -> bool:
    """Whether the standby holds the stopped primary's last record, the checkpoint of its shutdown."""
    last = away.last_checkpoint()
    return bool(home.ask("SELECT pg_last_wal_receive_lsn() > %s::pg_lsn", last))


def promote_home(home: Node) -> None:
    """Promote, and wait until it takes writes."""
    with connected(home.dsn) as server:
        answer(server, "SELECT pg_promote(wait => false)")
        if not wait_until(lambda: not in_recovery(server), PROMOTED_WITHIN_S):
            raise GamedayError(f"{home.name} was not promoted")
