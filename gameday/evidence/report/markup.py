"""Text and tables in GitHub-flavoured Markdown: whatever a text holds, it is shown and not obeyed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gameday import clean

HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# a dollar is mathematics in some wikis
SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
# what makes a line a heading, a list, a rule or a title when it stands first
FIRST = re.compile(r"^(\d*)([#+\-=.)])")


def cell(value: object) -> str:
    """A value as a cell of a table, in one line; nothing is a dash."""
    line = "" if value is None else clean.line(value).strip()
    return SPECIAL.sub(r"\\\1", re.sub("[&<>]", lambda found: HTML[found[0]], line)) or "–"


def text(value: object) -> str:
    """A value as a paragraph, a heading or an entry of a list, in one line; nothing is a dash."""
    return FIRST.sub(r"\1\\\2", cell(value))


def table(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[int] = ()
) -> list[str]:
    """Lines of a table, with an empty line after it; the columns in `numbers` are set to the right."""
    rule = ["---:" if place in numbers else "---" for place in range(len(header))]
    cells = [header, rule, *([cell(value) for value in row] for row in rows)]
    return [*(f"| {' | '.join(row)} |" for row in cells), ""]


def bullets(texts: Iterable[str]) -> list[str]:
    """Lines of a list, with an empty line after it."""
    return [*(f"- {text(each)}" for each in texts), ""]
