"""Whether a file is gameday's or plain Chaos Toolkit, where keys that look like gameday's are notes.

A file is gameday's when it says anything that only gameday understands. In all others, such as one with
`author: {name: Jane}` or an action with `role: admin`, such a key means nothing, as under Chaos Toolkit.
"""

from __future__ import annotations

from typing import Any

from gameday.experiment.model import ROLES
from gameday.experiment.spelling import nearest
from gameday.experiment.walk import walk

# at the top level: blocks that are gameday's whatever they hold, and those that are when they are mappings
BLOCKS = ("objectives", "slis", "ledger", "halt", "max-duration", "dr-test", "guardrails")
MAPPINGS = ("service", "load")  # what Chaos Toolkit leaves to whoever extends it
EXTENSION = "x-"

Dictionary = dict[str, Any]


def is_plain(document: Dictionary) -> bool:
    """Whether nothing in the file is gameday's. A block whose name is mistyped is gameday's."""
    return not (
        any(map(_is_a_block, document.items())) or any(_is_marked(each) for _, each in walk(document))
    )


def may_be_a_note(key: str, value: Any) -> bool:
    """Whether it may be left out of a plain file: not what is filled in, nor an author's name.

    Who wrote a file may not approve of it, so a name that is only mistyped is an error everywhere.
    """
    return "${" not in str(value) and not (key == "author" and isinstance(value, str | list))


def _is_a_block(item: tuple[str, Any]) -> bool:
    key, value = item
    if key in BLOCKS:
        return value is not None
    if key in MAPPINGS:
        return isinstance(value, dict)
    return isinstance(value, dict | list) and _looks_like(key, value)


def _looks_like(key: str, value: Any) -> bool:
    if key.startswith(EXTENSION):
        return False
    near = nearest(key, (*BLOCKS, *MAPPINGS))
    return near in BLOCKS or (near in MAPPINGS and isinstance(value, dict))


def _is_marked(activity: Dictionary) -> bool:
    """Whether an activity says what only gameday understands: an undo may be lost by no mistake."""
    meant = [(nearest(key, ("undo", "role")), value) for key, value in activity.items()]
    return (
        any(key == "undo" and isinstance(value, dict) for key, value in meant)
        or any(key == "role" and isinstance(value, str) and nearest(value, ROLES) for key, value in meant)
        or isinstance(activity.get("targets"), dict)
        or str(_mapping(activity.get("provider")).get("module")).startswith("gameday.")
    )


def _mapping(value: Any) -> Dictionary:
    return value if isinstance(value, dict) else {}
