"""What is posted to a webhook: the body in its format, and the fields that go with it. Pure."""

from __future__ import annotations

import msgspec

from penstock.alerts.book import News
from penstock.alerts.config import WebhookConfig
from penstock.alerts.pagerduty import pagerduty
from penstock.alerts.plain import generic, signature
from penstock.alerts.slack import slack
from penstock.core.call import Headers

RETRYABLE = (408, 425, 429)


def body_of(news: News, webhook: WebhookConfig, gateway: str, now: float) -> bytes:
    """As the webhook's format has it."""
    if webhook.format == "slack":
        return msgspec.json.encode(slack(news, gateway))
    if webhook.format == "pagerduty":
        return msgspec.json.encode(pagerduty(news, gateway, webhook.routing_key or ""))
    return msgspec.json.encode(generic(news, gateway, now))


def fields_of(webhook: WebhookConfig, body: bytes, now: float, agent: bytes) -> Headers:
    """Fields of the request."""
    made: Headers = [(b"content-type", b"application/json"), (b"user-agent", agent)]
    made += [(name.lower().encode(), value.encode()) for name, value in webhook.headers.items()]
    if webhook.secret is not None:
        made.append((b"x-penstock-signature", signature(webhook.secret, body, now).encode()))
    return made


def may_help(status: int) -> bool:
    """Whether the same post may be taken later."""
    return status >= 500 or status in RETRYABLE
