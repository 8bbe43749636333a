"""An alert as plain JSON, its words, and the signature of what is posted. Pure."""

from __future__ import annotations

import datetime
import hashlib
import hmac
from typing import Any

import msgspec

from penstock.alerts.book import News
from penstock.core.alert import Alert

VERSION = 1
MOST_TEXT = 2000


def generic(news: News, gateway: str, now: float) -> dict[str, Any]:
    """What a generic webhook is posted. The shape only grows; ``version`` changes when it does not."""
    return {"version": VERSION, "event": news.what, "gateway": gateway, "sent": iso(now), "alert": told(news.alert)}


def told(alert: Alert) -> dict[str, Any]:
    """An alert for programs: times as ISO 8601."""
    made: dict[str, Any] = msgspec.to_builtins(alert)
    made["opened"] = iso(alert.opened)
    made["closed"] = None if alert.closed is None else iso(alert.closed)
    made["seconds"] = None if alert.closed is None else round(max(0.0, alert.closed - alert.opened), 3)
    return made


def headline(news: News) -> str:
    """One line for people."""
    alert = news.alert
    what = {"opened": alert.severity, "raised": f"now {alert.severity}", "closed": "over", "test": "test"}[news.what]
    if news.what == "closed" and alert.closed is not None:
        what += f" after {duration(alert.closed - alert.opened)}"
    return f"[{what}] {alert.name}"


def facts(alert: Alert, most: int) -> list[tuple[str, str]]:
    """Its facts as short texts, the first ``most`` of them."""
    return [(str(name)[:64], shown(value)) for name, value in list(alert.facts.items())[:most]]


def shown(value: Any) -> str:
    """A fact as text."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str):
        return value[:200]
    return msgspec.json.encode(value).decode()[:200]


def duration(seconds: float) -> str:
    """``3m 5s``."""
    whole = max(0, round(seconds))
    parts = [(whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s")]
    return " ".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def iso(moment: float) -> str:
    """Unix seconds as ISO 8601, in UTC."""
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="milliseconds")


def signature(secret: str, body: bytes, now: float) -> str:
    """``t=…,v1=…``: whoever knows the secret can tell that ``body`` is ours, and how old it is."""
    moment = str(int(now))
    digest = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"
