"""What an alerting system posts becomes alarms: Alertmanager's webhook version 4, and Grafana's."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.run.alarms import alarms_of
from gameday.run.messages import Alarm

ALERT = {
    "status": "firing",
    "labels": {"alertname": "OrdersDown", "severity": "page", "job": "orders"},
    "annotations": {"summary": "no orders for 30 s", "runbook_url": "https://runbooks.example/orders"},
    "startsAt": "2026-11-24T10:15:02.123Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus.example/graph?g0.expr=up&token=secret",
    "fingerprint": "d1e2",
}
ALERTMANAGER = {
    "version": "4",
    "groupKey": '{}:{alertname="OrdersDown"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "gameday",
    "groupLabels": {"alertname": "OrdersDown"},
    "commonLabels": ALERT["labels"],
    "commonAnnotations": ALERT["annotations"],
    "externalURL": "http://alertmanager.example",
    "alerts": [ALERT, {**ALERT, "status": "resolved", "endsAt": "2026-11-24T10:16:00Z"}],
}
GRAFANA = {
    **ALERTMANAGER,
    "version": "1",
    "orgId": 1,
    "title": "[FIRING:1] OrdersDown",
    "state": "alerting",
    "message": "**Firing**",
    "alerts": [
        {**ALERT, "values": {"B": 44.2}, "valueString": "[ var='B' ]", "silenceURL": "x", "imageURL": "y"}
    ],
}
DOWN = Alarm(
    "OrdersDown",
    "firing",
    "2026-11-24T10:15:02.123Z",
    "d1e2",
    "no orders for 30 s",
    {"severity": "page", "job": "orders"},
)


def one(**changed: Any) -> Alarm:
    return alarms_of({"alerts": [{**ALERT, **changed}]})[0]


def test_alertmanager_tells_what_fires_and_what_is_over() -> None:
    firing, resolved = alarms_of(ALERTMANAGER)
    assert firing == DOWN
    assert (resolved.status, resolved.fingerprint) == ("resolved", "d1e2")


def test_grafana_sends_the_same() -> None:
    assert alarms_of(GRAFANA) == [DOWN]


def test_no_address_is_kept() -> None:
    assert "example" not in repr(one())


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        "alerts",
        {},
        {"alerts": {}},
        {"alerts": ["x"]},
        {"alerts": [{**ALERT, "status": "loud"}]},
        {"alerts": [{**ALERT, "labels": ["x"]}]},
        {"alerts": [{**ALERT, "annotations": "x"}]},
    ],
)
def test_what_is_no_notification_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"needed|needs|objects"):
        alarms_of(wrong)


def test_labels_that_tell_the_most_are_kept_and_the_rest_is_cut() -> None:
    many = {f"l{number:03}": "x" * 500 for number in range(300)}
    labels = one(labels={**many, "service": "orders", "alertname": "A"}).labels
    assert list(labels)[:2] == ["service", "l000"] and len(labels) == 12
    assert max(map(len, labels.values())) == 200


def test_an_alert_may_lack_everything_but_its_status() -> None:
    assert alarms_of({"alerts": [{"status": "firing"}]}) == [Alarm("?", "firing")]


def test_of_a_notification_the_first_two_hundred_alarms_count() -> None:
    assert len(alarms_of({"alerts": [ALERT] * 500})) == 200
