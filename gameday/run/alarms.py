"""What an alerting system posts, as alarms: version 4 of Alertmanager's webhook, which Grafana sends too."""

from __future__ import annotations

from typing import Any

from gameday.run.messages import LONGEST_NAME, MOST_LABELS, STATUSES, Alarm

PATH = "/alarms"  # where they are posted to
NAME = "alertname"
MOST_AT_ONCE = 200
# kept before all other labels
FIRST_LABELS = ("severity", "service", "job", "instance", "namespace", "cluster", "team", "environment")
SUMMARIES = ("summary", "description", "message")


def alarms_of(posted: Any) -> list[Alarm]:
    """The alarms of a notification, no more than so many. Raises ValueError when it is none."""
    alerts = posted.get("alerts") if isinstance(posted, dict) else None
    if not isinstance(alerts, list):
        raise ValueError("no notification: an object with a list of alerts is needed")
    return [_alarm(alert) for alert in alerts[:MOST_AT_ONCE]]


def _alarm(alert: Any) -> Alarm:
    if not isinstance(alert, dict) or alert.get("status") not in STATUSES:
        raise ValueError("each alert needs a status, firing or resolved")
    labels, notes = _texts(alert.get("labels")), _texts(alert.get("annotations"))
    return Alarm(
        name=labels.pop(NAME, "") or "?",
        status=alert["status"],
        starts_at=_text(alert.get("startsAt")),
        fingerprint=_text(alert.get("fingerprint")),
        summary=next((notes[name] for name in SUMMARIES if notes.get(name)), ""),
        labels=_kept(labels),
    )


def _kept(labels: dict[str, str]) -> dict[str, str]:
    """The labels that tell the most, and no more than so many."""
    order = [*(name for name in FIRST_LABELS if name in labels), *sorted(set(labels) - set(FIRST_LABELS))]
    return {name: labels[name] for name in order[:MOST_LABELS]}


def _texts(found: Any) -> dict[str, str]:
    if found is not None and not isinstance(found, dict):
        raise ValueError("labels and annotations are objects")
    return {str(key)[:LONGEST_NAME]: _text(value) for key, value in (found or {}).items()}


def _text(value: Any) -> str:
    return str(value)[:LONGEST_NAME] if isinstance(value, str | int | float) else ""
