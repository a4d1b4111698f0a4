"""Where two records differ, field by field."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

CLOSE_ENOUGH = 1e-9  # of a figure, between two processors


def unlike(said: Any, gives: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two records differ: the path, what the first says, what the second says.

    What only the second knows is no difference: a record of an older version has fewer keys.
    """
    if isinstance(said, dict) and isinstance(gives, dict):
        for key in said:
            if key == "schema":
                continue
            inner = f"{path}.{key}" if path else str(key)
            yield from unlike(said[key], gives.get(key), inner)
    elif isinstance(said, list) and isinstance(gives, list) and len(said) == len(gives):
        for index, (one, other) in enumerate(zip(said, gives, strict=True)):
            yield from unlike(one, other, f"{path}[{index}]")
    elif not _is_same(said, gives):
        yield path, said, gives


def _is_same(said: Any, gives: Any) -> bool:
    is_number = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (said, gives))
    return (
        math.isclose(said, gives, rel_tol=CLOSE_ENOUGH)
        if is_number
        else said == gives and type(said) is type(gives)
    )
