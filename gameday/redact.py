"""Take secrets out of whatever is written down: known values in all their spellings, and what looks like one.

A value is taken out of text. What holds the evidence together is no text and stays as it is, even where a
secret has the same value: keys, the names that the experiment gives, the words of gameday and Chaos Toolkit.
What looks like a secret is taken out of names too, wherever they stand, so that they still agree.

Every process of a run learns its secrets and names at its start and cleans what it writes; what children
print goes through this file as a filter: `python redact.py SECRETS LOG`, with `known` as JSON on the
descriptor SECRETS and the output on standard input. The standard library only: it starts in a hundredth of a
second.
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
from enum import Enum
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
IDENTIFIER = re.compile(r"[\w.\-]+")
# of an event: words and ids, and the names by which everything else is found
OWN = frozenset("event at id run_id boot title name step fault runbook role kind part status why".split())
# under these keys stands what an activity said: text through and through, whatever name it may equal
SAID = frozenset("output exception proof error detail reason".split())
# how Chaos Toolkit says where it finds a secret
FOUND_IN = ("env", "vault", "file")
# what a text must have for one of the looks to be worth trying
PLAIN_WORD = re.compile(r"[A-Za-z]{1,12}")
HINT = re.compile(
    r"(?i)pass|secret|token|key|credential|signature|session|bearer|basic|digest|://|AKIA|ASIA|gh[pousr]_|xox|glpat|eyJ"
)


class Place(Enum):
    """What stands in a part of some data: things with names, what an activity said, or secrets."""

    PLAIN = "plain"
    SAID = "said"
    SECRET = "secret"  # noqa: S105 - no secret

    def under(self, key: Any, *, is_mapping: bool = False, is_text: bool = True) -> Place:
        """What stands under a key of such a part."""
        if key == "secrets" and is_mapping:
            return Place.SECRET
        if is_text and isinstance(key, str) and names_a_secret(key):
            return Place.SECRET
        return Place.SAID if key in SAID and self is Place.PLAIN else self

    def inside(self, kind: Any) -> Place:
        """What stands in a mapping of this `type`: where a secret is found is no secret."""
        return Place.PLAIN if self is Place.SECRET and kind in FOUND_IN else self


class Redactor:
    """Takes known secrets, and what looks like one, out of texts and data, but no name out of its place."""

    def __init__(self, secrets: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        self.names = frozenset(names)
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
        return looks_taken_out(text if self._known is None else self._known.sub(REDACTED, text))

    def name(self, text: str) -> str:
        """What may be a name: as it is where the experiment or gameday gives it, else as any text."""
        return looks_taken_out(text) if text in self.names else self.text(text)

    def key(self, key: Any, place: Place = Place.PLAIN) -> Any:
        """A key as it is, unless it is no plain identifier, or a secret that an activity uses as a key."""
        if not isinstance(key, str):
            return key
        is_plain = IDENTIFIER.fullmatch(key) and not (place is Place.SAID and self.holds_known(key))
        return looks_taken_out(key) if is_plain else self.text(key)

    def leaf(self, value: Any, place: Place = Place.PLAIN, before: Any = None) -> Any:
        """A value that holds no others, by where it stands; `before`: what stands before it in its list."""
        is_secret = place is Place.SECRET or is_a_flag(before)
        if is_secret and value not in (None, "") and not str(value).startswith("${"):
            return REDACTED
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        if isinstance(value, str):
            return self.text(value) if place is Place.SAID else self.name(value)
        return value

    def data(self, value: Any, place: Place = Place.PLAIN, before: Any = None) -> Any:
        """Data without secrets: in texts anywhere, under names such as `password`, and under `secrets`."""
        if isinstance(value, dict):
            inside = place.inside(value.get("type"))
            return {self.key(key, inside): self._under(key, item, inside) for key, item in value.items()}
        if isinstance(value, list | tuple):
            pairs = zip([None, *value], value, strict=False)
            return [self.data(item, place, before) for before, item in pairs]
        return self.leaf(value, place, before)

    def event(self, entry: dict[str, Any]) -> dict[str, Any]:
        """An event of gameday's own files: its keys, words, ids and names as they are, the rest as data."""
        return {
            key: looks_taken_out(item) if key in OWN and isinstance(item, str) else self._under(key, item)
            for key, item in entry.items()
        }

    def _under(self, key: Any, item: Any, place: Place = Place.PLAIN) -> Any:
        is_mapping, is_text = isinstance(item, dict), isinstance(item, str)
        return self.data(item, place.under(key, is_mapping=is_mapping, is_text=is_text))


def looks_taken_out(text: str) -> str:
    """The text without what looks like a secret."""
    if HINT.search(text):
        for pattern, instead in LOOKS:
            text = pattern.sub(instead, text)
    return text


def names_a_secret(name: str) -> bool:
    """Whether something of this name is secret: `db_password`, `API-KEY`, `githubToken`."""
    return NAMES_A_SECRET.fullmatch(name) is not None


def is_a_flag(word: Any) -> bool:
    """Whether a command's next word is secret: `--password`, `--api-key`."""
    return isinstance(word, str) and word.startswith("--") and names_a_secret(word.lstrip("-"))


def is_telling(secret: str) -> bool:
    """Whether a value can be looked for: long enough, and no everyday word."""
    return len(secret.strip()) >= SHORTEST and ORDINARY.fullmatch(secret) is None


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


def here() -> Redactor:
    """What this process knows."""
    return _here


def learn(secrets: Iterable[str] = (), names: Iterable[str] = ()) -> None:
    """Make this process know more secrets and names."""
    global _here  # noqa: PLW0603 - what a process knows, it knows everywhere
    _here = Redactor({*_here.secrets, *secrets}, {*_here.names, *names})


def known() -> dict[str, list[str]]:
    """What this process knows, for its children: `learn(**known)`."""
    return {"secrets": sorted(_here.secrets), "names": sorted(_here.names)}


def text(value: str) -> str:
    """A text without the secrets that this process knows."""
    return _here.text(value)


def name(value: str) -> str:
    """A name as it is, any other text without the secrets that this process knows."""
    return _here.name(value)


def data(value: Any) -> Any:
    """Data without the secrets that this process knows."""
    return _here.data(value)


def event(entry: dict[str, Any]) -> dict[str, Any]:
    """An event without the secrets that this process knows."""
    return _here.event(entry)


def holds_known(value: str) -> bool:
    """Whether a secret that this process knows is in the text."""
    return _here.holds_known(value)


def main() -> None:
    """Clean standard input, line by line, into a log, until everybody who writes has gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with os.fdopen(int(sys.argv[1])) as secrets:
        redactor = Redactor(**json.load(secrets))
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
