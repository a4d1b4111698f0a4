"""Variables of the environment that only gameday itself may see: no child inherits them."""

from __future__ import annotations

import os

KEY = "GAMEDAY_SIGNING_KEY"
PASSWORD = "GAMEDAY_SIGNING_KEY_PASSWORD"  # noqa: S105 - the name of a variable
TIME_STAMP = "GAMEDAY_TIME_STAMP"
HIDDEN = (KEY, PASSWORD)

_hidden: dict[str, str] = {}


def hide() -> None:
    """Take them out of the environment; `hidden` still knows them."""
    for name in HIDDEN:
        if name in os.environ:
            _hidden[name] = os.environ.pop(name)


def hidden(name: str) -> str | None:
    """What such a variable said."""
    hide()
    return _hidden.get(name)
