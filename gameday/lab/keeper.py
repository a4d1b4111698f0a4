"""Stops the servers of a lab whose process died without doing so.

    python -m gameday.lab.keeper FOLDER < pipe

It waits for the end of its standard input. A lab that ends in order has stopped its servers by then, or
does so at the same time: stopping twice is safe.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gameday.lab.failover import Cluster


def main() -> None:
    """Wait for the end of standard input, then stop the servers."""
    while sys.stdin.buffer.read(4096):
        pass
    Cluster.of(Path(sys.argv[1])).discard()


if __name__ == "__main__":
    main()
