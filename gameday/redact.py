"""Take secrets out of whatever is written down: known values in all their spellings, and what looks like one.

Every process of a run learns the run's secrets at its start and cleans what it writes; what children print
goes through this file as a filter: `python redact.py SECRETS LOG`, with the secrets as JSON on the descriptor
SECRETS and the output on standard input. The standard library only: it starts in a hundredth of a second.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"
SHORTEST = 4  # characters of a declared secret; shorter ones would take every other word with them
SHORTEST_OF_ENVIRONMENT = 8
LONGEST_LINE = 1_000_000
ORDINARY = re.compile(r"(?i)true|false|none|null|yes|no|\d{1,5}|default|localhost")
NAME = (
    r"(?:pass(?:word|wd|phrase|code)?|secret(?:[_-]?key)?|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|credentials?|signature|session[_-]?id)"
)
NAMES_A_SECRET = re.compile(
    rf"(?i)(?:.*[_.\-])?{NAME}|.*(?:Password|Secret|Token|ApiKey|AccessKey)|PGPASSWORD|MYSQL_PWD"
)
LOOKS = [
    # user:password@ in an address
    (re.compile(r"(://[^/\s:@'\"]*:)[^@/\s'\"]+(?=@)"), rf"\1{REDACTED}"),
    # password=…, "token": "…", --api-key …
    (
        re.compile(
            rf"(?i)(\b[\w.\-]*?{NAME}(?:\\?[\"'])?\s*[=:]\s*(?:\\?[\"'])?)(?![\[{{$(])[^\s\"'\\&,;}})\]]+"
        ),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"(?i)(--[\w-]*(?:password|secret|token|api-key)[ =])(?!\[redacted)\S+"), rf"\1{REDACTED}"),
    (
        re.compile(r"(?i)\b(bearer|basic|digest|apikey)\s+(?!\[redacted)[A-Za-z0-9._~+/=\-]{8,}"),
        rf"\1 {REDACTED}",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), REDACTED),
    (re.compile(r"\bgh[pousr]_\w{20,}|\bxox[abeprs]-[\w-]{10,}|\bglpat-[\w-]{16,}"), REDACTED),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), REDACTED),
    (
        re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S),
        rf"\1{REDACTED}",
    ),
]
# what a text must have for one of the looks to be worth trying
PLAIN_WORD = re.compile(r"[A-Za-z]{1,12}")
HINT = re.compile(
    r"(?i)pass|secret|token|key|credential|signature|session|bearer|basic|digest|://|AKIA|ASIA|gh[pousr]_|xox|glpat|eyJ"
)


class Redactor:
    """Takes known secrets, and what looks like one, out of texts and data."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.secrets = {part for secret in secrets for part in parts_of(secret) if is_telling(part)}
        spellings = {spelling for secret in self.secrets for spelling in spellings_of(secret)}
        longest_first = sorted(spellings, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if spellings else None

    def holds_known(self, text: str) -> bool:
        """Whether a known secret is in the text, in any spelling; a word such as `postgres` is no proof."""
        found = self._known.findall(text) if self._known is not None else []
        return any(not PLAIN_WORD.fullmatch(spelling) for spelling in found)

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        if HINT.search(text):
            for pattern, instead in LOOKS:
                text = pattern.sub(instead, text)
        return text

    def data(self, value: Any) -> Any:
        """Data without secrets: texts anywhere in it, and whatever stands under a name such as `password`."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self._name(key): self._under(key, item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            flags = [False, *map(is_a_flag, value)]
            return [REDACTED if flag else self.data(item) for flag, item in zip(flags, value, strict=False)]
        if isinstance(value, bytes):
            return self.text(value.decode(errors="replace"))
        return value

    def _name(self, key: Any) -> Any:
        return self.text(key) if isinstance(key, str) else key

    def _under(self, key: Any, item: Any) -> Any:
        is_plain = isinstance(item, str) and item and not item.startswith("${")
        if isinstance(key, str) and is_plain and names_a_secret(key):
            return REDACTED
        return self.data(item)


def names_a_secret(name: str) -> bool:
    """Whether something of this name is secret: `db_password`, `API-KEY`, `githubToken`."""
    return NAMES_A_SECRET.fullmatch(name) is not None


def is_a_flag(word: Any) -> bool:
    """Whether a command's next word is secret: `--password`, `--api-key`."""
    return isinstance(word, str) and word.startswith("--") and names_a_secret(word.lstrip("-"))


def is_telling(secret: str) -> bool:
    """Whether a value can be looked for: long enough, and no everyday word."""
    return len(secret) >= SHORTEST and ORDINARY.fullmatch(secret) is None


def parts_of(secret: str) -> Iterator[str]:
    """What of a secret would give it away: its lines, and the password inside an address."""
    yield secret
    if "\n" in secret:
        yield from (line for line in secret.splitlines() if len(line) >= 2 * SHORTEST)
    for found in re.finditer(r"://[^/\s:@]*:([^@/\s]+)@|\bpassword\s*=\s*'?([^\s']+)", secret):
        yield found[1] or found[2]


def spellings_of(secret: str) -> Iterator[str]:
    """How a secret may be written: as it is, in an address, in JSON, as base64."""
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    encoded = base64.b64encode(secret.encode()).decode()
    if len(secret) >= 2 * SHORTEST:
        yield encoded.rstrip("=")


def of_environment(environment: Iterable[tuple[str, str]]) -> list[str]:
    """The secrets in an environment, by the names of its variables."""
    return [
        value
        for name, value in environment
        if names_a_secret(name) and len(value) >= SHORTEST_OF_ENVIRONMENT and "/" not in value[:1]
    ]


_here = Redactor()


def learn(secrets: Iterable[str]) -> None:
    """Make this process know more secrets."""
    global _here  # noqa: PLW0603 - what a process knows, it knows everywhere
    _here = Redactor({*_here.secrets, *secrets})


def known() -> list[str]:
    """The secrets that this process knows, for its children."""
    return sorted(_here.secrets)


def text(value: str) -> str:
    """A text without the secrets that this process knows."""
    return _here.text(value)


def data(value: Any) -> Any:
    """Data without the secrets that this process knows."""
    return _here.data(value)


def holds_known(value: str) -> bool:
    """Whether a secret that this process knows is in the text."""
    return _here.holds_known(value)


def main() -> None:
    """Clean standard input, line by line, into a log, until everybody who writes has gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with os.fdopen(int(sys.argv[1])) as secrets:
        redactor = Redactor(json.load(secrets))
    log = _opened(sys.argv[2])
    left, hides = b"", False
    while piece := os.read(0, 65_536):
        *lines, left = (left + piece).split(b"\n")
        if len(left) > LONGEST_LINE:
            lines, left = [*lines, left], b""
        for line in lines:
            hides = _write(log, redactor, line + b"\n", hides)
    _write(log, redactor, left, hides)


def _opened(log: str) -> int:
    """The log to append to. Nowhere, when the disk takes none: whoever prints must go on all the same."""
    try:
        return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _write(log: int, redactor: Redactor, line: bytes, hides: bool) -> bool:
    """Write a line; whether the next ones are the inside of a private key."""
    is_end = b"-----END" in line
    if not hides:
        cleaned = redactor.text(line.decode(errors="surrogateescape"))
        with contextlib.suppress(OSError):  # a full disk must not stop whoever prints
            os.write(log, cleaned.encode(errors="surrogateescape"))
    return (hides or (b"-----BEGIN" in line and b"PRIVATE KEY" in line)) and not is_end


if __name__ == "__main__":
    main()
