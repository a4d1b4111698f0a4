"""What looks like a secret, whoever knows it: `password=…`, tokens, private keys, passwords in addresses.

Some begin on one line and end on another: a private key, a text in quotes, the folded and the continued texts
of YAML. So lines are looked at one after the other, by somebody who remembers what is still open. The time
that this takes grows with the text and no faster: no pattern looks twice at what it has passed.
"""

from __future__ import annotations

import re
import string
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
HINTS = (
    *("pass", "secret", "token", "key", "credential", "signature", "session", "bearer", "basic", "digest"),
    *("://", "akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "xox", "glpat", "eyj"),
)
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
# what each needs, in small letters, the pattern, and what stands instead
ADDRESS = (("://",), re.compile(r"(://[^/\s:@'\"]*:)[^/\s'\"]+(?=@)"), rf"\1{REDACTED}")
OPTION = (
    ("--",),
    re.compile(
        r"(?i)(?<![\w-])(--[\w-]*+(?:(?<=password)|(?<=secret)|(?<=token)|(?<=api-key))[ =])"
        r"(?!\[redacted)(?:\"[^\"]*\"|'[^']*'|\S+)"
    ),
    rf"\1{REDACTED}",
)
HEADER = (
    ("bearer", "basic", "digest", "apikey"),
    re.compile(r"(?i)\b(bearer|basic|digest|apikey)\s+(?!\[redacted)[A-Za-z0-9._~+/=\-]{8,}"),
    rf"\1 {REDACTED}",
)
OF_AWS = (("akia", "asia"), re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), REDACTED)
OF_A_FORGE = (
    ("gh", "xox", "glpat-"),
    re.compile(r"\bgh[pousr]_\w{20,}|\bxox[abeprs]-[\w-]{10,}|\bglpat-[\w-]{16,}"),
    REDACTED,
)
JSON_WEB_TOKEN = (
    ("eyj",),
    re.compile(r"(?<![\w-])((?:(?!eyJ)[\w-])*+)eyJ[\w-]{8,}+\.[\w-]{8,}+\.[\w-]*+"),
    rf"\1{REDACTED}",
)
WITHIN_A_LINE = (OPTION, HEADER, OF_AWS, OF_A_FORGE, JSON_WEB_TOKEN)
# password=…, "token": …; what follows is its value
NAMED = re.compile(rf"{NAME}(?:\\?[\"'])?[ \t]*([=:])[ \t]*")
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
IS_A_KEY = re.compile(r"[ \t#-]*+[\w.\"'\-]++[ \t]*+:(?:\s|$)")
PRIVATE_KEY = re.compile(
    r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(.*?(-----END [A-Z ]*PRIVATE KEY-----)|.*)", re.S
)
END_OF_KEY = re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")
LONGEST_KEY_LINES = 400
LONGEST_QUOTE_LINES = 40

Look = tuple[tuple[str, ...], re.Pattern[str], str]
# takes a line inside of what is open: what of it is shown, and whether it is open still
Inside = Callable[[str], tuple[str, bool]]


def has_a_hint(text: str) -> bool:
    """Whether any of the looks is worth trying."""
    lower = text.lower()
    return any(hint in lower for hint in HINTS)


def names_a_secret(name: str) -> bool:
    """Whether something of this name is secret: `db_password`, `API-KEY`, `githubToken`."""
    return NAMES_A_SECRET.fullmatch(name) is not None


def is_a_flag(word: Any) -> bool:
    """Whether a command's next word is secret: `--password`, `--api-key`."""
    return isinstance(word, str) and word.startswith("--") and names_a_secret(word.lstrip("-"))


def looks_taken_out(text: str) -> str:
    """The text without what looks like a secret."""
    if not has_a_hint(text):
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
        lower = line.translate(LOWER)  # a search that heeds case is the faster one
        if not any(hint in lower for hint in HINTS):
            return line
        line = _replaced(ADDRESS, line, lower)
        line = self._named(line)
        for look in WITHIN_A_LINE:
            line = _replaced(look, line, lower)
        return PRIVATE_KEY.sub(self._private_key, line) if "-----begin" in lower else line

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
        lower = line.translate(LOWER)
        while found := NAMED.search(lower, at, end):
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
            self._inside = _lines_below(_column(line, is_first))
            return REDACTED, end
        if is_yaml and is_first and (at == end or line[at - 1] in " \t"):
            # the whole line, and those that go on with it
            self._inside = _value_below(_column(line, is_first), is_shown=at < end)
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


def _replaced(look: Look, line: str, lower: str) -> str:
    needs, pattern, instead = look
    return pattern.sub(instead, line) if any(need in lower for need in needs) else line


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


def _lines_below(column: int) -> Inside:
    """The lines of a text that is further in than its key."""

    def inside(line: str) -> tuple[str, bool]:
        text = line.lstrip(" \t#")
        if not text.strip():
            return line, True
        return ("", True) if len(line) - len(text) > column else (line, False)

    return _within(LONGEST_KEY_LINES, inside)


def _value_below(column: int, *, is_shown: bool) -> Inside:
    """A value that is on lines of its own, or goes on there; what has keys is no value."""
    below, instead = _lines_below(column), "" if is_shown else f"{REDACTED}\n"

    def inside(line: str) -> tuple[str, bool]:
        nonlocal instead
        if IS_A_KEY.match(line):
            return line, False
        shown, is_open = below(line)
        if shown or not is_open:
            return shown, is_open
        shown, instead = instead, ""
        return shown, True

    return _within(LONGEST_QUOTE_LINES, inside)


def _within(lines: int, inside: Inside) -> Inside:
    """What does not end within so many lines has no end: the lines after it are shown again."""
    left = lines

    def bounded(line: str) -> tuple[str, bool]:
        nonlocal left
        left -= 1
        return inside(line) if left >= 0 else (line, False)

    return bounded
