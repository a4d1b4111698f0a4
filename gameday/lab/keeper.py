"""Stops the servers of a lab whose process died without doing so, and removes its folder.

    python -m gameday.lab.keeper FOLDER < pipe

It waits for the end of its standard input. A lab that ends in order says so before, and stops its servers at
the same time: stopping twice is safe. Its folder is then left to whoever made it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from gameday.lab.failover import DONE, Cluster


def main() -> None:
    """Wait for the end of standard input, then stop the servers."""
    is_in_order = sys.stdin.buffer.read().endswith(DONE)
    folder = Path(sys.argv[1])
    Cluster.of(folder).discard()
    if not is_in_order:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
