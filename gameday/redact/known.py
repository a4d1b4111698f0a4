"""Values that are known to be secret, and where they stand in a text, however they are written there."""

from __future__ import annotations

import base64
import json
import re
import string
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote

from gameday.redact.looks import REDACTED
from gameday.redact.views import meant, views, way_back

SHORTEST = 4  # characters; shorter ones would take every other word with them
LONGEST_ESCAPE = 10
# characters; looking through more would take too long beside a service that is measured
LONGEST_TEXT = 250_000
LONGEST_WORD = 4_096
LONGEST_END = 512
OF_A_WORD = string.ascii_letters + string.digits + "_-.+/=~%\\"
LONGEST_SHORT_NUMBER = 5  # digits; it is looked for as a number of its own, not within a longer one
ORDINARY = re.compile(r"(?i)true|false|none|null|yes|no|default|localhost")
SHORT_NUMBER = re.compile(rf"[0-9]{{{SHORTEST},{LONGEST_SHORT_NUMBER}}}")
NUMBER = re.compile(r"[+-]?[0-9][0-9_]{0,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?")
PLAIN_WORD = re.compile(r"[A-Za-z]{1,12}")
IN_AN_ADDRESS = re.compile(r"://[^/\s:@]*:([^/\s]+)@|\bpassword\s*=\s*(?:'((?:[^'\\]|\\.)+)'|([^\s']+))")
# without any of these a text means what it says
ESCAPES = ("\\", "%")
# where a line was folded, also within a comment
FOLD = r"\s+(?:#+\s+)?"
FOLDED = re.compile(FOLD)

Span = tuple[int, int]


def is_telling(secret: str) -> bool:
    """Whether a value can be looked for: long enough, and no everyday word."""
    return len(secret.strip()) >= SHORTEST and ORDINARY.fullmatch(secret.strip()) is None


def passwords_in(text: str) -> Iterator[str]:
    """The passwords inside addresses and DSNs, also as they are without the address's own escapes."""
    for found in IN_AN_ADDRESS.finditer(text):
        password = found[1] or found[2] or found[3]
        yield password
        yield unquote(password)


def parts_of(secret: str) -> Iterator[str]:
    """What of a secret would give it away: itself, its lines, and the password inside an address."""
    yield secret.strip()
    yield from (line.strip() for line in secret.splitlines())
    yield from passwords_in(secret)


def spellings_of(secret: str) -> Iterator[str]:
    """How a secret may be written: as it is, in an address, in JSON, Python, YAML and HTML, as base64."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield secret.replace("'", "''")
    html = secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    yield html
    yield html.replace('"', "&quot;")
    yield html.replace('"', "&#34;").replace("'", "&#39;")
    try:
        data = secret.encode()
    except UnicodeEncodeError:  # half a character
        return
    yield repr(data)[2:-1]
    yield quote(secret, safe="")
    yield quote_plus(secret)
    if len(secret) >= 2 * SHORTEST:
        # the last letter depends on what follows
        yield base64.b64encode(data).decode()[: len(data) * 8 // 6]


class Known:
    """Finds known secrets, in a time that grows with the text and the number of secrets, no faster."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self.secrets = {part for secret in secrets for part in parts_of(secret) if is_telling(part)}
        short = sorted(filter(SHORT_NUMBER.fullmatch, self.secrets))
        others = [secret for secret in self.secrets if secret not in short]
        self.spellings = {spelling: secret for secret in others for spelling in spellings_of(secret)}
        self.meant = {meant(secret): secret for secret in others if len(meant(secret)) >= SHORTEST}
        self.folded = [(*_folded(secret), self.meant[secret]) for secret in self.meant if " " in secret]
        self.longest = max(map(len, self.spellings), default=0)
        self._short = re.compile(rf"(?<![0-9])(?:{'|'.join(short)})(?![0-9])") if short else None
        self._numbers = {_number(secret) for secret in self.secrets if NUMBER.fullmatch(secret)}
        self.beginnings = tuple({begun for secret in self.meant for begun in _beginnings(secret)})

    @property
    def enough(self) -> int:
        """Characters that show every secret which begins within the longest text, with all of it escaped."""
        return LONGEST_TEXT + LONGEST_ESCAPE * self.longest

    def may_be_cut_at(self, text: str) -> int:
        """Where a text that is too long ends, so that no secret and no word is cut in two."""
        last = text[LONGEST_TEXT - LONGEST_WORD : LONGEST_TEXT]
        before = last.rstrip(OF_A_WORD)
        cut = LONGEST_TEXT - len(last) + len(before) if before else LONGEST_TEXT
        spans = self.spans(text[: self.enough])
        return next((start for start, end in spans if start < cut < end), cut)

    def taken_out(self, text: str) -> str:
        """The text without known secrets."""
        pieces, at = [], 0
        for start, end in self.spans(text):
            pieces += [text[at:start], REDACTED]
            at = end
        return "".join([*pieces, text[at:]])

    def is_number(self, value: float) -> bool:
        """Whether a number is a secret."""
        return value in self._numbers

    def spans(self, text: str) -> list[Span]:
        """Where secrets stand, in order; what overlaps is one."""
        if not self.secrets or len(text) < SHORTEST:
            return []
        found = sorted((start, end) for start, end, _ in self._found(text))
        merged: list[Span] = []
        for start, end in found:
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def proves(self, text: str) -> bool:
        """Whether a secret is in the text; a word such as `postgres` or a port is no proof."""
        return any(
            not PLAIN_WORD.fullmatch(secret) and not SHORT_NUMBER.fullmatch(secret)
            for _, _, secret in self._found(text)
        )

    def may_go_on(self, text: str) -> bool:
        """Whether what follows the text may be the rest of a secret that begins at its end."""
        end = text[-LONGEST_END:].rstrip()
        if end.endswith("\\"):
            return bool(self.meant)
        return bool(self.beginnings) and FOLDED.sub(" ", end).endswith(self.beginnings)

    def _found(self, text: str) -> Iterator[tuple[int, int, str]]:
        for spelling, secret in self.spellings.items():
            yield from ((start, end, secret) for start, end in _everywhere(spelling, text))
        if self._short is not None:
            yield from ((*found.span(), found[0]) for found in self._short.finditer(text))
        if any(escape in text for escape in ESCAPES):
            yield from self._meant(text)
        else:
            yield from self._over_lines(text)

    def _over_lines(self, text: str) -> Iterator[tuple[int, int, str]]:
        for first, pattern, secret in self.folded:
            for start, _ in _everywhere(first, text):
                if found := pattern.match(text, start):
                    yield *found.span(), secret

    def _meant(self, text: str) -> Iterator[tuple[int, int, str]]:
        for view, ways in views(text):
            for wanted, secret in self.meant.items():
                for start, end in _everywhere(wanted, view):
                    yield *way_back(start, end, ways), secret


def left_out(characters: int) -> str:
    """What stands where a text was cut."""
    return f" [left out: {characters} more characters]"


def _everywhere(wanted: str, text: str) -> Iterator[Span]:
    start = text.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        yield start, end
        start = text.find(wanted, end)


def _folded(secret: str) -> tuple[str, re.Pattern[str]]:
    """The first word of a secret, and all of it with any blanks in between."""
    words = secret.split(" ")
    return words[0], re.compile(FOLD.join(map(re.escape, words)))


def _beginnings(secret: str) -> Iterator[str]:
    """What of a secret may stand before the end of a line."""
    words = secret.split(" ")
    yield from (" ".join(words[max(0, count - 3) : count]) for count in range(1, len(words)))


def _number(secret: str) -> float:
    try:
        return int(secret)
    except ValueError:
        return float(secret)
