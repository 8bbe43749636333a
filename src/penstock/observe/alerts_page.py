"""The metrics of alerts: how many are open, and what became of posts to webhooks. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.observe.page import Page
from penstock.observe.sums import by_name

ALERTS_METRICS: dict[str, tuple[str, str]] = {
    "penstock_alerts_open": ("gauge", "Alerts that are open now, by severity."),
    "penstock_alerts_total": ("counter", "Alerts that have opened, by the severity with which they did."),
    "penstock_webhook_posts_total": (
        "counter",
        "Posts of alerts by webhook: sent, retried, refused (by it), failed (given up), dropped (its line was full).",
    ),
    "penstock_webhook_queued": ("gauge", "Alerts that wait to be posted to a webhook."),
}


def put_alerts(page: Page, dumps: Sequence[Mapping[str, Any]]) -> None:
    """Write what the worker that keeps alerts counted."""
    for name, metric in (("open", "penstock_alerts_open"), ("opened", "penstock_alerts_total")):
        for severity, number in by_name(dumps, name).items():
            page.put(metric, number, severity=severity)
    results, queued = Counter[tuple[str, str]](), Counter[str]()
    for dump in dumps:
        for webhook, waiting, counted in dump["webhooks"]:
            queued[webhook] += waiting
            results.update({(webhook, result): number for result, number in counted.items()})
    for (webhook, result), number in results.items():
        page.put("penstock_webhook_posts_total", number, webhook=webhook, result=result)
    for webhook, waiting in queued.items():
        page.put("penstock_webhook_queued", waiting, webhook=webhook)
