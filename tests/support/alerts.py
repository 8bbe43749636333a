"""Alerts and news for tests of what becomes of them."""

from typing import Any

from penstock.alerts.book import News, What
from penstock.core.alert import Alert, Severity

OPENED = 1_800_000_000.0


def alert(id: str = "a1", severity: Severity = "high", *, closed: float | None = None, **more: Any) -> Alert:
    """One that opened at ``OPENED``; ``closed`` counts from there."""
    plain: dict[str, Any] = {
        "name": "high_latency", "text": "gpu-1 is slow", "opened": OPENED,
        "closed": None if closed is None else OPENED + closed, "facts": {"upstream": "gpu-1", "p95": 2.5},
    }  # fmt: skip
    return Alert(id=id, severity=severity, **(plain | more))


def news(what: What = "opened", id: str = "a1", severity: Severity = "high", **more: Any) -> News:
    if what == "closed":
        more.setdefault("closed", 75.0)
    return News(what, alert(id, severity, **more), severity)
