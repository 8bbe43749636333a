"""An alert as an event of PagerDuty's Events API v2. Pure.

It triggers an incident and resolves it by the same ``dedup_key``; a raised one triggers again, which changes the
incident that is there. Lengths keep to the API's limits.
"""

from __future__ import annotations

from typing import Any

from penstock.alerts.book import News
from penstock.alerts.plain import facts, headline, iso

MOST_SUMMARY, MOST_KEY, MOST_FACTS = 1024, 255, 32
SEVERITIES = {"low": "info", "medium": "warning", "high": "error", "critical": "critical"}


def pagerduty(news: News, gateway: str, routing_key: str) -> dict[str, Any]:
    """The event."""
    alert = news.alert
    made: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "resolve" if news.what == "closed" else "trigger",
        "dedup_key": f"penstock/{gateway}/{news.key}"[-MOST_KEY:],
    }
    if news.what == "closed":
        return made
    made["client"] = "Penstock"
    made["payload"] = {
        "summary": f"{headline(news)}: {alert.text}"[:MOST_SUMMARY],
        "source": gateway,
        "severity": SEVERITIES[alert.severity],
        "timestamp": iso(alert.opened),
        "component": str(alert.facts.get("upstream") or "gateway")[:200],
        "group": str(alert.facts.get("model") or "")[:200],
        "class": alert.name[:200],
        "custom_details": {"id": alert.id, **dict(facts(alert, MOST_FACTS))},
    }
    return made
