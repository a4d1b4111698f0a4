"""A package of somebody else on a path of its own, which offers sources under `gameday.sources`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.experiment import sources

ROOT = Path(__file__).parents[2]
CODE = '''
import json, os, sys, time, urllib.request
from gameday.observe.asking import Answer


class Orders:
    """Whether the service answers, asked by somebody else's code."""

    about = {"may_be_clock": True}

    def __init__(self, url, delay=0.0):
        self.url = url

    def places(self):
        return [("host", "127.0.0.1")]

    async def preflight(self):
        print("what a plug-in prints")
        return None if "health" in self.url else "ask for /health"

    async def ask(self):
        import aiohttp

        print(json.dumps({"event": "read-back"}), flush=True)
        async with aiohttp.ClientSession() as session, session.get(self.url) as response:
            return Answer(response.status == 200, response.status)

    async def close(self):
        pass


class Depth(Orders):
    about = {"judges": "value", "lag_s": 2}

    async def ask(self):
        return Answer(True, value=3.0)


class Silent(Orders):
    def places(self):
        time.sleep(60)


class Ends(Orders):
    def places(self):
        os._exit(3)


class Odd(Orders):
    about = {"judges": "feelings"}


class Trips(Orders):
    about = {}

    def places(self):
        raise RuntimeError("it is\\\\nbroken")
'''
ENTRY_POINTS = """[gameday.sources]
orders = gameday_orders:Orders
depth = gameday_orders:Depth
silent = gameday_orders:Silent
ends = gameday_orders:Ends
odd = gameday_orders:Odd
trips = gameday_orders:Trips
gone = gameday_orders:NotThere
"""


def install(folder: Path) -> Path:
    """The package and its metadata, as an installer would leave them; returns the path to import from."""
    site = folder / "site"
    about = site / "gameday_orders-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "gameday_orders.py").write_text(CODE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: gameday-orders\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    return site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("plugin"))


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package can be imported, here and in children."""
    sources.about.cache_clear()
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", f"{site}:{ROOT}")
    yield site
    sources.about.cache_clear()
