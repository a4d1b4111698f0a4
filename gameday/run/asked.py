"""What `chaos run` can be asked for, and `gameday run` as well: told to the engine, kept in custody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """Chaos Toolkit's options; what is None is as its file and its settings say.

    hypothesis: when the hypothesis is checked; frequency_s: seconds from one check to the next where it is
    checked again and again; fail_fast: whether the first of these that misses ends the method.
    dry: `actions` or `activities`, which are then not played. settings, control_files, var_files: absolute
    paths. log_level, log_format: of the engine's log.
    """

    hypothesis: str | None = None
    frequency_s: float = 1.0
    fail_fast: bool = False
    dry: str | None = None
    settings: str | None = None
    control_files: tuple[str, ...] = ()
    var_files: tuple[str, ...] = ()
    log_level: str = "info"
    log_format: str = "string"

    @classmethod
    def told(cls, orders: Mapping[str, Any]) -> Asked:
        """What orders, or custody, say; what an earlier gameday did not know is as if not asked for."""
        said: dict[str, Any] = {each.name: orders[each.name] for each in fields(cls) if each.name in orders}
        for key in said.keys() & {"control_files", "var_files"}:
            said[key] = tuple(said[key])
        return cls(**said)

    def orders(self) -> dict[str, Any]:
        """The same, to be told."""
        return asdict(self)


AS_THE_FILE_SAYS = Asked()
