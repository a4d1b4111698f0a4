"""An experiment at a web address: fetched within bounds, and taken only if it is the one that was meant.

What somebody else can change between two runs is no experiment that anybody has read or approved, so the
address goes with the SHA-256 of what is there. A copy is kept in `fetched/`, in the current folder, so that
its gameday.toml applies and approvals have a place.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gameday import clock
from gameday.errors import GamedayError
from gameday.experiment.source import LARGEST_BYTES, SUFFIXES, Source
from gameday.files import write_atomically

if TYPE_CHECKING:
    import requests

FOLDER = "fetched"
WITHIN_S = 10.0  # to connect, and from one piece to the next
AT_MOST_S = 60.0
MOST_REDIRECTS = 5
PIECE = 65_536  # bytes
DIGEST = re.compile(r"[0-9a-f]{64}")
TOKEN = "CHAOSTOOLKIT_LOADER_AUTH_BEARER_TOKEN"  # noqa: S105 - Chaos Toolkit's name of a variable
KINDS = {"json": ".json", "yaml": ".yaml"}


def is_address(text: str) -> bool:
    """Whether an experiment is named by its web address."""
    return text.lower().startswith(("http://", "https://"))


def fetched(text: str, sha256: str | None = None, *, verify_tls: bool = True) -> Source:
    """The experiment at an address, which may end in `#sha256=DIGEST`. Raises GamedayError."""
    address, _, fragment = text.partition("#")
    wanted = (sha256 or fragment.removeprefix("sha256=")).strip().lower()
    if wanted and not DIGEST.fullmatch(wanted):
        raise GamedayError(f"'{wanted[:80]}' is no SHA-256: that has 64 digits and letters from a to f")
    if urlsplit(address).password:
        raise GamedayError(f"the address has a password in it, which would be recorded; set {TOKEN} instead")
    data, suffix = _got(address, verify_tls)
    found = hashlib.sha256(data).hexdigest()
    if not wanted:
        raise GamedayError(f"{address} has the SHA-256 {found}; read it, then run {address}#sha256={found}")
    if wanted != found:
        raise GamedayError(f"{address} has the SHA-256 {found}, not {wanted}; it is not what was meant")
    return Source(_kept(address, data, found, suffix), address)


def _got(address: str, verify_tls: bool) -> tuple[bytes, str]:
    """What is at an address, and the suffix of its file."""
    import requests

    headers = {"Accept": "application/json, application/x-yaml, text/yaml, text/plain"}
    if token := os.environ.get(TOKEN):
        headers["Authorization"] = f"bearer {token.strip()}"
    session = requests.Session()
    session.max_redirects = MOST_REDIRECTS
    try:
        with session.get(
            address, headers=headers, verify=verify_tls, stream=True, timeout=WITHIN_S
        ) as answer:
            if answer.status_code != requests.codes.ok:
                raise GamedayError(f"{address} answers {answer.status_code} {answer.reason}")
            if address.lower().startswith("https:") and not answer.url.lower().startswith("https:"):
                raise GamedayError(f"{address} leads to {answer.url}, which anybody on the way could change")
            return _body(address, answer), _suffix(address, answer.headers.get("Content-Type", ""))
    except (requests.RequestException, ValueError, OSError) as error:
        raise GamedayError(f"{address} cannot be fetched: {error}") from None


def _body(address: str, answer: requests.Response) -> bytes:
    data, until_ns = b"", clock.now_ns() + round(AT_MOST_S * clock.NS_PER_S)
    for piece in answer.iter_content(PIECE):
        data += piece
        if len(data) > LARGEST_BYTES:
            raise GamedayError(f"{address} is larger than {LARGEST_BYTES:,} bytes, the most that is read")
        if clock.now_ns() > until_ns:
            raise GamedayError(f"{address} has not come within {AT_MOST_S:g} s")
    return data


def _suffix(address: str, kind: str) -> str:
    """By the address, else by what the server says; plain text is YAML, which JSON is too."""
    suffix = PurePosixPath(urlsplit(address).path).suffix.lower()
    if suffix in SUFFIXES:
        return suffix
    return next((found for word, found in KINDS.items() if word in kind.lower()), ".yaml")


def _kept(address: str, data: bytes, digest: str, suffix: str) -> Path:
    stem = (
        re.sub(r"[^\w-]+", "-", PurePosixPath(urlsplit(address).path).stem, flags=re.ASCII)[:60]
        or "experiment"
    )
    path = Path(FOLDER, f"{stem}-{digest[:12]}{suffix}")
    try:
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, data)
    except OSError as error:
        raise GamedayError(f"the copy {path} cannot be written: {error.strerror}") from None
    return path
