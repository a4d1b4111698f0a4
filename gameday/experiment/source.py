"""Where an experiment comes from, and the text of its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gameday.errors import InvalidInput, Problem
from gameday.experiment.spelling import nearest
from gameday.reading import Unreadable, read_text

LARGEST_BYTES = 1_000_000  # of an experiment, and of a locustfile
SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Source:
    """An experiment's file. address: where it was fetched from; its folder is then no place of its own."""

    path: Path
    address: str | None = None


def text_of(path: Path) -> str:
    """What the file holds. Raises InvalidInput when it cannot be read."""
    if not str(path).isprintable():  # it stands in errors, evidence and the report
        raise InvalidInput(
            [Problem(ascii(str(path)), 0, 0, "its path has characters that cannot be shown; rename it")]
        )
    if path.suffix not in SUFFIXES:
        raise InvalidInput([Problem(str(path), 0, 0, "an experiment's file ends in .yaml, .yml or .json")])
    try:
        return read_text(path, LARGEST_BYTES)
    except FileNotFoundError:
        near = nearest(path.name, [p.name for p in path.parent.glob("*")]) if path.parent.is_dir() else None
        hint = f"; did you mean {path.with_name(near)}?" if near else ""
        raise InvalidInput([Problem(str(path), 0, 0, f"there is no such file{hint}")]) from None
    except Unreadable as error:
        raise InvalidInput(
            [Problem(str(path), error.line, error.column, f"cannot be read: {error}")]
        ) from None
