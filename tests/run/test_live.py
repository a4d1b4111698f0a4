"""The live page keeps what is asked in sight, with the command that answers it, until it is over."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console, Group

from gameday.run.live import ASKS_SHOWN, LivePage
from gameday.run.patient import Patient


def asked(identity: str, **more: Any) -> dict[str, Any]:
    usual = {"what": f"is {identity} up?", "choices": ["yes", "no"], "within_s": 600.0}
    return {"t_ns": 0, "event": "asked", "id": identity, **usual, **more}


def shown(page: LivePage) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(Group(*page.asked()))
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def page_of(*events: dict[str, Any]) -> LivePage:
    page = LivePage(Patient(io.StringIO()))
    for event in events:
        page.event(event)
    return page


def test_what_is_asked_is_shown_until_it_is_answered_or_over() -> None:
    page = page_of(asked("a"), asked("b", choices=[]))
    assert shown(page) == (
        "? is a up? (yes, no); within 10 min\n  gameday say answer yes --ask a\n"
        "? is b up?; within 10 min\n  gameday say answer TEXT --ask b\n"
    )
    page.event({"t_ns": 1, "event": "answered", "id": "a", "by": "ann", "text": "yes", "what": "is a up?"})
    assert "is a up?" not in shown(page)
    page.event({"t_ns": 2, "event": "ask-expired", "id": "b", "what": "is b up?", "reason": "late"})
    assert shown(page).strip() == ""


def test_many_asks_leave_room_for_the_rest_of_the_page() -> None:
    page = page_of(*[asked(f"a{number}") for number in range(ASKS_SHOWN + 3)])
    assert shown(page).count("gameday say answer") == ASKS_SHOWN
    assert "? and 3 more" in shown(page)
