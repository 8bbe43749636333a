import json

import pytest

from penstock.alerts.config import WebhookConfig
from penstock.alerts.plain import signature
from penstock.alerts.post import body_of, fields_of, may_help
from tests.support.alerts import OPENED, news


@pytest.mark.parametrize(
    ("webhook", "member"),
    [
        (WebhookConfig(url="http://x", format="slack"), "blocks"),
        (WebhookConfig(format="pagerduty", routing_key="R"), "routing_key"),
        (WebhookConfig(url="http://x"), "version"),
    ],
)
def test_each_format_has_its_body(webhook: WebhookConfig, member: str) -> None:
    assert member in json.loads(body_of(news(), webhook, "gw", OPENED))


def test_the_fields_that_go_with_it() -> None:
    plain = WebhookConfig(url="http://x", headers={"Authorization": "Bearer t"})
    assert fields_of(plain, b"{}", OPENED, b"penstock/1") == [
        (b"content-type", b"application/json"), (b"user-agent", b"penstock/1"), (b"authorization", b"Bearer t"),
    ]  # fmt: skip
    signed = dict(fields_of(WebhookConfig(url="http://x", secret="s"), b"{}", OPENED, b"a"))
    assert signed[b"x-penstock-signature"].decode() == signature("s", b"{}", OPENED)


@pytest.mark.parametrize(
    ("status", "helps"), [(429, True), (408, True), (500, True), (503, True), (400, False), (404, False), (302, False)]
)
def test_when_the_same_post_may_be_taken_later(status: int, helps: bool) -> None:
    assert may_help(status) is helps
