"""A text as it is meant: escapes decoded, blanks and line breaks as one blank; and the way back from there.

JSON, YAML, Python, shells and addresses each write a secret in their own way, and fold it where a line is
long. Whoever looks at what is meant needs to know none of them.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace

# each begins with a character of its own, so that all others are passed over in no time
UNITS = re.compile(
    r"""
    \\(?:
        (u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})  # two halves of one character
        | x([0-9a-fA-F]{2}) | u([0-9a-fA-F]{4}) | U([0-9a-fA-F]{8})
        | (\r?\n[ \t]*)             # a line that goes on
        | (["'/\\ntrfvabe0_NLP \t])
    )
    | %([0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*)  # of an address
    | \n(?:\s*\n)?[ \t]*\#+[ \t]* | \n\s* | \r\s* | \t\s* | \ \s+ | \xa0\s* | \f\s* | \v\s*
    """,
    re.VERBOSE,
)
PERCENT = 7
ESCAPED = {
    "n": " ",
    "t": " ",
    "r": " ",
    "f": " ",
    "v": " ",
    "N": " ",
    "L": " ",
    "P": " ",
    "_": " ",
    "\t": " ",
}
ESCAPED |= {"a": "\a", "b": "\b", "e": "\x1b", "0": "\0"}
BLANKS = re.compile(r"\s+")
# an escape may itself be escaped, as JSON within JSON is
DEEPEST = 4


@dataclass(frozen=True, slots=True)
class View:
    """A text as it is meant. Piece n begins at `here[n]`, made of what was from `there[n]` to `until[n]`."""

    text: str
    here: list[int]
    there: list[int]
    until: list[int]

    def back(self, start: int, end: int) -> tuple[int, int]:
        """Where a part of it stands in the text that it was made of."""
        first, last = bisect_right(self.here, start) - 1, bisect_right(self.here, end - 1) - 1
        begins_at = self.there[first] + (start - self.here[first] if self._is_as_it_was(first) else 0)
        is_as_it_was = self._is_as_it_was(last)
        return begins_at, self.there[last] + end - self.here[last] if is_as_it_was else self.until[last]

    def _is_as_it_was(self, piece: int) -> bool:
        after = self.here[piece + 1] if piece + 1 < len(self.here) else len(self.text)
        return after - self.here[piece] == self.until[piece] - self.there[piece]


def meant(text: str) -> str:
    """What is meant by a value that stands as it is: its blanks as one blank each."""
    return BLANKS.sub(" ", text).strip()


def views(text: str) -> Iterator[tuple[str, list[View]]]:
    """The text as it is meant, what is meant by that, and so on; each with its ways back, newest first."""
    ways: list[View] = []
    for _ in range(DEEPEST):
        view = _view(text)
        if view.text == text:
            return
        ways = [view, *ways]
        text = view.text
        yield text, ways


def way_back(start: int, end: int, ways: list[View]) -> tuple[int, int]:
    """Where a part of what is meant stands in the text itself."""
    for way in ways:
        start, end = way.back(start, end)
    return start, end


def _view(text: str) -> View:
    pieces: list[str] = []
    view = View("", [], [], [])
    length = 0
    for piece, start, end in _pieces(text):
        if piece:
            pieces.append(piece)
            view.here.append(length)
            view.there.append(start)
            view.until.append(end)
            length += len(piece)
    return replace(view, text="".join(pieces))


def _pieces(text: str) -> Iterator[tuple[str, int, int]]:
    """The pieces of what is meant: each with the place where it stands in the text."""
    at = 0
    for found in UNITS.finditer(text):
        yield text[at : found.start()], at, found.start()
        at = found.end()
        if found[PERCENT]:
            yield from _of_address(found[0], found.start())
        else:
            yield _decoded(found), found.start(), at
    yield text[at:], at, len(text)


def _decoded(found: re.Match[str]) -> str:
    """What a unit means."""
    pair, byte, short, long, goes_on, letter, _ = found.groups()
    if pair:
        high, low = int(pair[1:5], 16), int(pair[7:11], 16)
        return chr(0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF))
    if number := byte or short or long:
        code = int(number, 16)
        return chr(code) if code <= sys.maxunicode else found[0]
    if letter:
        return ESCAPED.get(letter, letter)
    return "" if goes_on else " "


def _of_address(percent: str, start: int) -> Iterator[tuple[str, int, int]]:
    data = bytes.fromhex(percent.replace("%", ""))
    try:
        letters = data.decode()
    except UnicodeDecodeError:
        letters, encoding = data.decode("latin-1"), "latin-1"
    else:
        encoding = "utf-8"
    for letter in letters:
        end = start + 3 * len(letter.encode(encoding))
        yield letter, start, end
        start = end
