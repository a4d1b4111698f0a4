"""Inside Locust: its users go to allowed hosts only, whatever the locustfile or a redirect says."""

from __future__ import annotations

from typing import Any

from gameday import hosts


def close() -> None:
    """Let no request of an HttpUser or a FastHttpUser leave for a host that is not allowed.

    It fails, and is recorded as a request that failed. Does nothing when there is no limit.
    """
    if not hosts.limits():
        return
    from locust.contrib.fasthttp import LocustUserAgent
    from requests import RequestException

    hosts.watch_requests(error=RequestException)
    send = LocustUserAgent._urlopen

    def watched(self: Any, request: Any) -> Any:
        hosts.refuse(request.url, ConnectionError)
        return send(self, request)

    LocustUserAgent._urlopen = watched
