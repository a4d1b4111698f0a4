"""What looks like a secret, whoever knows it: `password=…`, tokens, private keys, passwords in addresses.

Some begin on one line and end on another: a private key, a text in quotes, the folded and the continued texts
of YAML. So lines are looked at one after the other, by somebody who remembers what is still open. The time
that this takes grows with the text and no faster: no pattern looks twice at what it has passed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

REDACTED = "[redacted]"
NAME = (
    r"(?:pass(?:word|wd|phrase|code)?|secret(?:[_-]?key)?|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|credentials?|signature|session[_-]?id)"
)
NAMES_A_SECRET = re.compile(
    rf"(?i)(?:.*[_.\-])?{NAME}|.*(?:Password|Secret|Token|ApiKey|AccessKey)|PGPASSWORD|MYSQL_PWD"
)
# what a text must have for one of the looks to be worth trying
HINT = re.compile(
    r"(?i)pass|secret|token|key|credential|signature|session|bearer|basic|digest|://|AKIA|ASIA|gh[pousr]_|xox|glpat|eyJ"
)
# user:password@ in an address
ADDRESS = (re.compile(r"(://[^/\s:@'\"]*:)[^/\s'\"]+(?=@)"), rf"\1{REDACTED}")
WITHIN_A_LINE = [
    # --api-key …
    (
        re.compile(
            r"(?i)(?<![\w-])(--[\w-]*+(?:(?<=password)|(?<=secret)|(?<=token)|(?<=api-key))[ =])"
            r"(?!\[redacted)(?:\"[^\"]*\"|'[^']*'|\S+)"
        ),
        rf"\1{REDACTED}",
    ),
    (
        re.compile(r"(?i)\b(bearer|basic|digest|apikey)\s+(?!\[redacted)[A-Za-z0-9._~+/=\-]{8,}"),
        rf"\1 {REDACTED}",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), REDACTED),
    (re.compile(r"\bgh[pousr]_\w{20,}|\bxox[abeprs]-[\w-]{10,}|\bglpat-[\w-]{16,}"), REDACTED),
    # a JSON web token
    (
        re.compile(r"(?<![\w-])((?:(?!eyJ)[\w-])*+)eyJ[\w-]{8,}+\.[\w-]{8,}+\.[\w-]*+"),
        rf"\1{REDACTED}",
    ),
]
# password=…, "token": …; what follows is its value
NAMED = re.compile(rf"(?i){NAME}(?:\\?[\"'])?[ \t]*([=:])[ \t]*")
# a list, a call, a reference, or what was taken out already
NO_VALUE = re.compile(r"[\[{$(]|\\?[\"'](?:\[redacted\]|\$\{[\w.]*\}|\$\(|\{\{)")
WORD = re.compile(r"(?:[^\s\"'\\&,;})\]]|\\(?![nrt\"'])\S)+")
OPENING = re.compile(r"\\?[\"']")
QUOTED = {
    '"': re.compile(r"(?:[^\"\\]|\\.)*+", re.S),
    "'": re.compile(r"(?:[^']|'')*+"),
    '\\"': re.compile(r"(?:[^\\]|\\\\.|\\(?!\"))*+", re.S),
    "\\'": re.compile(r"(?:[^\\]|\\\\.|\\(?!'))*+", re.S),
}
LINES_FOLLOW = re.compile(r"[|>][+\-0-9]*[ \t]*(?:#.*)?$")
COMMENT = re.compile(r"[ \t]#")
FIRST_WORD = re.compile(r"([ \t#?-]*)[\"']?[\w.\-]*")
IS_A_KEY = re.compile(r"[ \t#-]*[\w.\"'\-]+[ \t]*:(?:\s|$)")
PRIVATE_KEY = re.compile(
    r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(.*?(-----END [A-Z ]*PRIVATE KEY-----)|.*)", re.S
)
END_OF_KEY = re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")
LONGEST_KEY_LINES = 400
LONGEST_QUOTE_LINES = 40

# takes a line inside of what is open: what of it is shown, and whether it is open still
Inside = Callable[[str], tuple[str, bool]]


def names_a_secret(name: str) -> bool:
    """Whether something of this name is secret: `db_password`, `API-KEY`, `githubToken`."""
    return NAMES_A_SECRET.fullmatch(name) is not None


def is_a_flag(word: Any) -> bool:
    """Whether a command's next word is secret: `--password`, `--api-key`."""
    return isinstance(word, str) and word.startswith("--") and names_a_secret(word.lstrip("-"))


def looks_taken_out(text: str) -> str:
    """The text without what looks like a secret."""
    if not HINT.search(text):
        return text
    looks = Looks()
    return "".join(map(looks.line, text.splitlines(keepends=True)))


class Looks:
    """Takes out what looks like a secret, line by line."""

    def __init__(self) -> None:
        self._inside: Inside | None = None

    @property
    def is_open(self) -> bool:
        """Whether something began that has not ended."""
        return self._inside is not None

    def line(self, line: str) -> str:
        """The next line without what looks like a secret; with its end, if it has one."""
        if self._inside is not None:
            shown, is_open = self._inside(line)
            if is_open:
                return shown
            self._inside = None
            line = shown
        if not HINT.search(line):
            return line
        line = ADDRESS[0].sub(ADDRESS[1], line)
        line = self._named(line)
        for pattern, instead in WITHIN_A_LINE:
            line = pattern.sub(instead, line)
        return PRIVATE_KEY.sub(self._private_key, line)

    def _private_key(self, found: re.Match[str]) -> str:
        if found[3] is None:
            self._inside = _until_end_of_key()
        return f"{found[1]}{REDACTED}"

    def _named(self, line: str) -> str:
        """The line without the values of what is named as a secret."""
        first = FIRST_WORD.match(line)
        word_ends = first.end() if first is not None else 0
        end = len(line.rstrip("\r\n"))
        pieces, at = [], 0
        while found := NAMED.search(line, at, end):
            pieces.append(line[at : found.end()])
            shown, at = self._value(line, found, end, is_first=found.start() < word_ends)
            pieces.append(shown)
        return "".join([*pieces, line[at:]])

    def _value(self, line: str, found: re.Match[str], end: int, *, is_first: bool) -> tuple[str, int]:
        """What stands instead of the value that a name is followed by, and where the line goes on."""
        at, is_yaml = found.end(), found[1] == ":"
        if NO_VALUE.match(line, at, end):
            return "", at
        if opening := OPENING.match(line, at, end):
            return self._quoted(line, opening)
        if is_yaml and LINES_FOLLOW.match(line, at, end):
            self._inside = _deeper(_column(line, is_first), LONGEST_KEY_LINES)
            return REDACTED, end
        if is_yaml and is_first and (at == end or line[at - 1] in " \t"):
            # the whole line, and those that go on with it
            self._inside = _deeper(_column(line, is_first), LONGEST_QUOTE_LINES, ends_at_a_key=True)
            comment = COMMENT.search(line, at, end)
            return (REDACTED, comment.start() if comment else end) if at < end else ("", at)
        word = WORD.match(line, at, end)
        return (REDACTED, word.end()) if word else ("", at)

    def _quoted(self, line: str, opening: re.Match[str]) -> tuple[str, int]:
        quote = opening[0]
        ends_at = _end_of(quote, line, opening.end())
        if ends_at == opening.end():
            return "", ends_at
        if ends_at >= len(line) and quote in "\"'":
            self._inside = _until_closed(quote)
        return f"{quote}{REDACTED}", ends_at


def _end_of(quote: str, line: str, at: int) -> int:
    """Where a text in quotes ends; behind the line, if not in it."""
    found = QUOTED[quote].match(line, at)
    return found.end() if found is not None else at


def _column(line: str, is_first: bool) -> int:
    """Where the key stands to which lines that are further in belong."""
    first = FIRST_WORD.match(line)
    return len(first[1]) if first is not None and is_first else len(line) - len(line.lstrip())


def _until_end_of_key() -> Inside:
    def inside(line: str) -> tuple[str, bool]:
        found = END_OF_KEY.search(line)
        return (line[found.end() :], False) if found else ("", True)

    return _within(LONGEST_KEY_LINES, inside)


def _until_closed(quote: str) -> Inside:
    def inside(line: str) -> tuple[str, bool]:
        ends_at = _end_of(quote, line, 0)
        return (line[ends_at:], False) if ends_at < len(line) else ("", True)

    return _within(LONGEST_QUOTE_LINES, inside)


def _deeper(column: int, lines: int, *, ends_at_a_key: bool = False) -> Inside:
    def inside(line: str) -> tuple[str, bool]:
        text = line.lstrip(" \t#")
        if not text.strip():
            return line, True
        is_over = len(line) - len(text) <= column or (ends_at_a_key and IS_A_KEY.match(line) is not None)
        return (line, False) if is_over else ("", True)

    return _within(lines, inside)


def _within(lines: int, inside: Inside) -> Inside:
    """What does not end within so many lines has no end: the lines after it are shown again."""
    left = lines

    def bounded(line: str) -> tuple[str, bool]:
        nonlocal left
        left -= 1
        return inside(line) if left >= 0 else (line, False)

    return bounded
