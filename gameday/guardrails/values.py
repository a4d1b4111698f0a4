"""What is filled into a call: the configuration and the secrets, as far as they are known."""

from __future__ import annotations

from dataclasses import dataclass, field
from string import Template
from typing import Any

from gameday.experiment.plain import texts

Dictionary = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Values:
    """What is filled in for `${name}`: the configuration, and the secrets, of which no text may be shown."""

    configuration: Dictionary
    secrets: Dictionary = field(default_factory=dict, repr=False)

    def filled_in(self, value: Any) -> Any:
        """A value with everything filled in, as Chaos Toolkit does it. Not for people."""
        from chaoslib import substitute

        return substitute(value, self.configuration, self._groups)

    def shown(self, value: Any) -> Any:
        """A value without secrets, for people."""
        from chaoslib import substitute

        return substitute(value, self.configuration, {})

    def unknown_in(self, value: Any) -> list[str]:
        """The names in a value that nothing is known for yet."""
        known = {*self.configuration, *(name for group in self._groups.values() for name in group)}
        return [name for text in texts(value) for name in _names(text) if name not in known]

    def comes_later(self, value: Any) -> str:
        """Why a value is not known yet, in words; empty when it is."""
        unknown = self.unknown_in(value)
        return f"${{{unknown[0]}}} is known only when it is called" if unknown else ""

    @property
    def _groups(self) -> dict[str, Dictionary]:
        """The secrets that Chaos Toolkit fills in: those in a group."""
        return {name: group for name, group in self.secrets.items() if isinstance(group, dict)}


def _names(text: str) -> list[str]:
    try:
        return Template(text).get_identifiers()
    except ValueError:
        return []
