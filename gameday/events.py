"""Every event of a timeline, once: its name, its words for people, and its words as a deviation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from gameday.units import spoken

Entry = Mapping[str, Any]
Words = Callable[[Entry], str]


def _begun(entry: dict[str, Any]) -> str:
    dry = entry.get("dry")
    return f"run {entry['run_id']}" + (f", a dry run: its {dry} are not played" if dry else "")


def _started(entry: Entry) -> str:
    role = f"[{entry['role']}]" if entry.get("role") else ""
    return f"{entry['kind']}: {entry['name']} {role}"


def _ended(entry: Entry) -> str:
    return f"  {entry['status']}  {entry.get('proof') or entry.get('error') or ''}"


def question(entry: Entry) -> str:
    """What an `asked` event asks, with its choices and its limit."""
    among = f" ({', '.join(entry['choices'])})" if entry["choices"] else ""
    return f"{entry['what']}{among}; within {spoken(entry['within_s'])}"


def how_to_answer(entry: Entry) -> str:
    """The command that answers what an `asked` event asks."""
    return f"gameday say answer {entry['choices'][0] if entry['choices'] else 'TEXT'} --ask {entry['id']}"


def _asked(entry: Entry) -> str:
    return f"asked: {question(entry)} answer with: {how_to_answer(entry)}"


def _said(word: str) -> Words:
    return lambda entry: f"{word} by {entry['by']}" + (f": {entry['text']}" if entry.get("text") else "")


def _alarm(entry: Entry) -> str:
    summary = f": {entry['summary']}" if entry.get("summary") else ""
    return f"alarm {entry['status']}: {entry['name']}{summary}"


class Event(StrEnum):
    """What a timeline can hold.

    told: what people see of it while the run lasts; None for what only the machine needs. unplanned: how the
    record lists it among the deviations; None for what is as planned.
    """

    told: Words | None
    unplanned: str | None

    def __new__(cls, name: str, told: str | Words | None = None, unplanned: str | None = None) -> Event:
        """A name with its words; a text is filled in with the event's own keys."""
        made = str.__new__(cls, name)
        made._value_ = name
        made.told = told.format_map if isinstance(told, str) else told
        made.unplanned = unplanned
        return made

    # the run
    CLOCK = "clock"
    RUN = "run", _begun
    PERMITTED = "permitted", lambda entry: f"guardrails hold: {len(entry['guardrails'])}"
    WORKERS_AWAITED = "workers-awaited", "start {count} workers with: {command}"
    PHASE = "phase", "── {name}"
    RECOVERED = "recovered", "service is back and has stayed so"
    ESTIMATED = "estimated", "live figures are estimates from here on, the record's are not: {reason}"
    DEADLINE = "deadline", "deadline: {reason}", "{reason}"
    # what the engine plays
    STEP_STARTED = "step-started", _started
    STEP_ENDED = "step-ended", _ended
    ENGINE_ENDED = "engine-ended"
    ENGINE_ERROR = "engine-error", "engine error: {error}", "the engine failed: {error}"
    # what ends it early
    UNSTEADY = "unsteady", "unsteady: {reason}", "the steady state did not hold: {reason}"
    HALTED = "halted", "halted: {reason}", "halted: {reason}"
    ABORTED = "aborted", "aborted: {reason}", "aborted: {reason}"
    HANDED_OVER = "handed-over", "handed-over: {reason}", "handed over: {reason}"
    # who is missing
    RECORDER_LOST = "recorder-lost", "recorder lost: {name}", "the recorder '{name}' was lost"
    GUARDIAN_LOST = (
        "guardian-lost",
        "the guardian was killed; another one watches now",
        "the guardian was lost and replaced",
    )
    RECEIVER_LOST = (
        "receiver-lost",
        "no alarms are received any more: {reason}",
        "the receiver of alarms was lost: {reason}",
    )
    HOOK_FAILED = "hook-failed", "{reason}"
    # how an undo goes
    UNDOING = "undoing", "undoing: {step} {detail}"
    SETTLING = "settling", "settling: {step} {detail}"
    UNDONE = "undone", "undone: {step} {detail}"
    UNDO_FAILED = "undo-failed", "undo failed: {step} {detail}", "the undo of '{step}' failed: {detail}"
    # what people and alarms say
    DETECTED = "detected", _said("detected")
    ACKNOWLEDGED = "acknowledged", _said("acknowledged")
    DECLARED = "declared", _said("declared")
    MITIGATED = "mitigated", _said("mitigated")
    NOTE = "note", _said("note")
    ALARM = "alarm", _alarm
    RECEIVER_READY = "receiver-ready", "alarms are received at {url}"
    MESSAGE_REFUSED = "message-refused", "a message was set aside: {reason}"
    INBOX_FULL = "inbox-full", "the inbox is full: {reason}", "the inbox was full: {reason}"
    # what an activity asks
    ASKED = "asked", _asked
    ANSWERED = "answered", "answered by {by}: {text} ({what})"
    ASK_EXPIRED = "ask-expired", "not answered: {what}: {reason}", "'{what}' was not answered: {reason}"


# what the engine says of what it plays
PLAYED = (Event.STEP_STARTED, Event.STEP_ENDED, Event.ENGINE_ERROR, Event.ENGINE_ENDED)
# what people can say of an incident, in the order in which it goes
SAID = (Event.DETECTED, Event.ACKNOWLEDGED, Event.DECLARED, Event.MITIGATED, Event.NOTE)


def told(entry: Entry) -> str | None:
    """An event in words, as they are; None for what only the machine needs, or nobody knows."""
    try:
        words = Event(entry["event"]).told
    except ValueError:
        return None
    return words(entry) if words is not None else None


def unplanned(entry: Entry) -> str | None:
    """An event as a deviation; None for one that was planned, or that nobody knows."""
    try:
        template = Event(entry["event"]).unplanned
    except ValueError:
        return None
    return None if template is None else template.format_map(entry)
