"""The recorders' own limits. Reaching one is the recorder's doing and must not look like the service's."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
from concurrent.futures import ThreadPoolExecutor

# more than this under way or waiting, and a recorder does not keep up any more
MAX_AT_ONCE = 20_000
SPARE_FILES = 64
RESOLVER_THREADS = 32
OWN = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})
# libpq has words only; a server that is out of files itself says so in other ones
LIBPQ_SAYS = ("could not create socket", os.strerror(errno.EADDRNOTAVAIL))


def make_room() -> int:
    """Take what the host allows: files, and threads that look up names. How much may be under way at once."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(RESOLVER_THREADS))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    files = MAX_AT_ONCE if most == resource.RLIM_INFINITY else most - SPARE_FILES
    return max(1, min(MAX_AT_ONCE, files))


def is_own(error: BaseException | None) -> bool:
    """Whether this host had no file, port or memory left to connect with: nothing was sent."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in OWN:
            return True
        if any(words in str(error) for words in LIBPQ_SAYS):
            return True
        error = error.__cause__ or error.__context__
    return False
