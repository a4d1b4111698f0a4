"""A mutant: one change of one function, and what became of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import dedent, indent

EQUIVALENT = "equivalent"
HUNK = re.compile(r"@@ -(\d+)")


@dataclass(frozen=True)
class Mutant:
    """One change. status: `killed`, `timeout`, `survived`, `equivalent`; `no tests` where none comes by."""

    module: str
    line: int
    function: str
    was: str
    becomes: str
    status: str

    @classmethod
    def of_diff(cls, module: str, source: str, function: str, status: str, diff: str) -> Mutant:
        """The mutant whose function differs so from the one in the module's source."""
        hunk, *lines = diff.splitlines()[2:]
        changed = [number for number, line in enumerate(lines) if line[0] in "+-"]
        was = "\n".join(line[1:] for line in lines if line.startswith("-"))
        becomes = "\n".join(line[1:] for line in lines if line.startswith("+"))
        line = first_line(source, function) + int(HUNK.findall(hunk)[0]) - 1 + changed[0]
        return cls(module, line, function, dedent(was), dedent(becomes), status)

    @property
    def is_killed(self) -> bool:
        """Whether a test noticed; a mutant that hangs is noticed."""
        return self.status in ("killed", "timeout")

    @property
    def is_left(self) -> bool:
        """Whether a test should have noticed, and none did."""
        return not self.is_killed and self.status != EQUIVALENT

    def __str__(self) -> str:
        where = f"{self.module}:{self.line} {self.function}: {self.status}"
        return "\n".join([where, *_marked(self.was, "-"), *_marked(self.becomes, "+")])


@dataclass(frozen=True)
class Equivalent:
    """A change that nobody could notice, and why."""

    module: str
    function: str
    was: str
    becomes: str
    reason: str

    def is_this(self, mutant: Mutant) -> bool:
        """Whether it names this mutant: by its text, whatever its blanks, and not by its line."""
        named = (self.module, self.function, self.was.split(), self.becomes.split())
        return named == (mutant.module, mutant.function, mutant.was.split(), mutant.becomes.split())


def first_line(source: str, function: str) -> int:
    """The line where a function begins, with comments and decorators; `Class.method` for a method."""
    *of_class, name = function.split(".")
    lines = source.splitlines()
    begin = _first(lines, rf"class {of_class[0]}\b", 0) if of_class else 0
    begin = _first(lines, rf"{'    ' if of_class else ''}(?:async )?def {name}\(", begin)
    while begin and lines[begin - 1].lstrip().startswith(("#", "@")):
        begin -= 1
    return begin + 1


def _first(lines: list[str], pattern: str, begin: int) -> int:
    return next(number for number, line in enumerate(lines) if number >= begin and re.match(pattern, line))


def _marked(text: str, mark: str) -> list[str]:
    return indent(text, f"    {mark} ").splitlines()
