"""An alert as a message for a Slack incoming webhook, and for what takes the same. Pure.

Blocks for Slack, and the same as ``text`` for notifications and for receivers that know no blocks. ``&``, ``<`` and
``>`` are escaped, so that no fact can become a mention or a link; lengths keep to Slack's limits.
"""

from __future__ import annotations

from typing import Any

from penstock.alerts.book import News
from penstock.alerts.plain import duration, facts, headline, iso

MOST_HEADER, MOST_SECTION, MOST_FIELD, MOST_FIELDS, MOST_TEXT = 150, 3000, 2000, 10, 4000
MARKS = {"low": ":information_source:", "medium": ":warning:", "high": ":rotating_light:", "critical": ":fire:"}


def slack(news: News, gateway: str) -> dict[str, Any]:
    """The message."""
    alert = news.alert
    mark = ":white_check_mark:" if news.what == "closed" else MARKS[alert.severity]
    head = headline(news)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": head[:MOST_HEADER], "emoji": True}},
        {"type": "section", "text": {"type": "mrkdwn", "text": _cut(f"{mark} {escaped(alert.text)}", MOST_SECTION)}},
    ]
    fields = [
        {"type": "mrkdwn", "text": _cut(f"*{escaped(name)}*\n{escaped(value)}", MOST_FIELD)}
        for name, value in facts(alert, MOST_FIELDS)
    ]
    if fields:
        blocks.append({"type": "section", "fields": fields})
    when = f"{gateway} · {alert.id} · since {iso(alert.opened)}"
    if alert.closed is not None:
        when += f", {duration(alert.closed - alert.opened)}"
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": _cut(escaped(when), MOST_FIELD)}]})
    return {"text": _cut(f"{mark} *{escaped(head)}* {escaped(alert.text)}", MOST_TEXT), "blocks": blocks}


def escaped(text: str) -> str:
    """Text that says itself only."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, most: int) -> str:
    """At most ``most`` characters, and no half of an escape at the end."""
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    start = cut.rfind("&", max(0, len(cut) - 5))
    if start >= 0 and ";" not in cut[start:]:
        cut = cut[:start]
    return cut + "…"
