"""The alerts: they ask for metrics that exist, and see late telemetry, whenever it comes."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.service import ROOT
from tests.support.bicep import INFRA
from tests.support.kusto import Row, run

METRICS = set(re.findall(r'"(uploads\.[\w.]+)"', (ROOT / "shared/telemetry/instruments.py").read_text()))
ALERTS = json.loads((INFRA / "alerts.json").read_text())
WORKBOOK = json.loads((INFRA / "workbook.json").read_text())
QUERIES = ["\n".join(alert["query"]) for alert in ALERTS] + [
    item["content"]["query"] for item in WORKBOOK["items"] if item["type"] == 3
]

# "Log data ingestion time in Azure Monitor" (Microsoft): seconds to minutes; metrics wait for their export in addition.
LATEST_MINUTES = 9
# What a rule may have ("Scheduled Query Rules", Microsoft).
WINDOWS = {1, 5, 10, 15, 30, 45, 60}
MINUTES = {f"PT{minutes}M": minutes for minutes in WINDOWS}


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_asks_for_metrics_that_exist(query: str) -> None:
    attributes = set(re.findall(r"customDimensions\['([\w.]+)'\]", query))
    metrics = set(re.findall(r"'(uploads\.[\w.]+)'", query)) - attributes
    telemetry = "".join(path.read_text() for path in (ROOT / "shared").glob("**/*.py"))

    assert metrics
    # The name of a metric, or the start of several.
    assert metrics <= METRICS | {"uploads.sessions."}
    assert [name for name in attributes if f'"{name}"' not in telemetry] == []


def test_each_alert_has_its_chapter_in_the_runbook() -> None:
    guide = (ROOT / "docs" / "operate.md").read_text()
    fields = {"name", "title", "description", "severity", "window", "frequency", "fires", "query"}

    assert len(ALERTS) == len({alert["name"] for alert in ALERTS}) == 8
    for alert in ALERTS:
        assert set(alert) == fields
        assert alert["fires"] in ("with rows", "without rows")
        assert f"### {alert['title']}\n" in guide


# Late telemetry


@dataclass(frozen=True)
class Measured:
    """A row of ``customMetrics``, at a minute of its day."""

    minute: int
    name: str
    sum: float
    count: int = 1
    attributes: dict[str, str] = field(default_factory=dict)

    def row(self) -> Row:
        return {
            "name": self.name,
            "valueSum": self.sum,
            "valueCount": self.count,
            "valueMax": self.sum,
            "customDimensions": self.attributes,
        }


def requests(minute: int, count: int, status: int) -> Measured:
    attributes = {"uploads.operation": "upload_file", "http.response.status_code": str(status)}
    return Measured(minute, "uploads.request.duration", 1.0, count, attributes)


def delivery(state: str) -> Measured:
    return Measured(100, "uploads.deliveries", 1, 1, {"uploads.delivery.state": state})


# For each alert: what it is for, as little of it as there can be, and what it is not for.
FOR: dict[str, list[Measured]] = {
    "server-errors": [requests(98, 18, 200), requests(100, 1, 500), requests(102, 1, 503)],
    "storage-failing": [Measured(98 + minute, "uploads.storage.failures", 2) for minute in range(5)],
    "access-refused": [requests(98 + minute, 20, 403) for minute in range(5)],
    "session-expiring": [Measured(100, "uploads.sessions.expiring", 1)],
    "timer-backlog": [Measured(100, "uploads.timer.backlog.age", 1801)],
    "delivery-failed": [delivery("failed")],
    "delivery-waiting": [Measured(100, "uploads.deliveries.age", 3601)],
}
NOT_FOR: dict[str, list[Measured]] = {
    "server-errors": [requests(100, 19, 200), requests(100, 1, 503)],
    "storage-failing": [Measured(98 + minute, "uploads.storage.failures", 1) for minute in range(5)],
    "access-refused": [requests(98 + minute, 19, 401) for minute in range(5)],
    "session-expiring": [Measured(100, "uploads.sessions.expiring", 0)],
    "timer-backlog": [Measured(100, "uploads.timer.backlog.age", 1800), Measured(100, "uploads.timer.backlog", 0)],
    "delivery-failed": [delivery("delivered"), delivery("pending")],
    "delivery-waiting": [Measured(100, "uploads.deliveries.age", 3600)],
}


def fires(alert: dict[str, Any], measured: list[Measured], delay: int, first: int) -> Iterator[bool]:
    """Whether the alert fires, at each of its evaluations within 80 minutes, the first one at that minute.

    An evaluation sees what was measured in its window and has arrived: late rows carry the time of their measurement
    ("Handle ingestion delay in scheduled analytics rules", Microsoft).
    """
    window, frequency = MINUTES[alert["window"]], MINUTES[alert["frequency"]]
    for now in range(60 + first, 140, frequency):
        rows = [each.row() for each in measured if now - window < each.minute <= now and each.minute + delay <= now]
        found = run(alert["query"], rows)
        yield bool(found) == (alert["fires"] == "with rows")


def named(name: str) -> dict[str, Any]:
    return next(alert for alert in ALERTS if alert["name"] == name)


def test_each_alert_is_tried() -> None:
    assert set(FOR) == set(NOT_FOR) == {alert["name"] for alert in ALERTS} - {"timer-silent"}


@pytest.mark.parametrize("name", FOR)
def test_what_an_alert_is_for_is_seen_once_however_late_it_comes(name: str) -> None:
    alert = named(name)
    missed = [
        (delay, first)
        for delay in range(LATEST_MINUTES + 1)
        for first in range(MINUTES[alert["frequency"]])
        if not any(fires(alert, FOR[name], delay, first))
    ]
    assert missed == []


@pytest.mark.parametrize("name", NOT_FOR)
def test_an_alert_does_not_fire_for_less(name: str) -> None:
    alert = named(name)
    for first in range(MINUTES[alert["frequency"]]):
        assert not any(fires(alert, NOT_FOR[name], 0, first))


def test_a_timer_that_runs_is_not_silent_although_its_metrics_are_late() -> None:
    ticks = [Measured(minute, "uploads.timer.ticks", 1) for minute in range(0, 200, 5)]
    for delay in range(LATEST_MINUTES + 1):
        for first in range(5):
            assert not any(fires(named("timer-silent"), ticks, delay, first))


def test_a_timer_that_has_stopped_is_silent() -> None:
    ticks = [Measured(minute, "uploads.timer.ticks", 1) for minute in range(0, 100, 5)]
    # A tick that does nothing, since another deployment has longer times, is no run.
    ticks += [Measured(minute, "uploads.timer.ticks", 0) for minute in range(100, 200, 5)]
    for first in range(5):
        assert any(fires(named("timer-silent"), ticks, 0, first))
