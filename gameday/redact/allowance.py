"""How much of what an activity said is looked through: a bound for all of it together."""

from __future__ import annotations

from typing import Any

LONGEST_OUTPUT = 1_000_000  # characters
LEAST = 32  # what a value or a key counts as, however short


class Allowance:
    """Goes through data, and leaves out what comes after so many characters. It says what it left out."""

    def __init__(self, characters: int = LONGEST_OUTPUT) -> None:
        self.left = characters

    def of(self, value: Any) -> Any:
        """The data as far as the allowance goes."""
        if isinstance(value, dict):
            return self._mapping(value)
        if isinstance(value, list | tuple):
            return self._list(value)
        cost = max(LEAST, len(value)) if isinstance(value, str | bytes) else LEAST
        if cost > self.left:
            return f"[left out: {cost} characters]"
        self.left -= cost
        return value

    def _mapping(self, value: dict[Any, Any]) -> dict[Any, Any]:
        taken: dict[Any, Any] = {}
        for number, (key, item) in enumerate(value.items()):
            self.left -= max(LEAST, len(str(key)))
            if self.left < LEAST:
                return {**taken, "[left out]": f"{len(value) - number} more values"}
            taken[key] = self.of(item)
        return taken

    def _list(self, value: list[Any] | tuple[Any, ...]) -> list[Any]:
        taken: list[Any] = []
        for number, item in enumerate(value):
            if self.left < LEAST:
                return [*taken, f"[left out: {len(value) - number} more values]"]
            taken.append(self.of(item))
        return taken
